'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const S3 = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { refusal, refusedAs } = require('./tools');

/** A GET or PUT of a URL as it stands: the URL class would fold what a key may hold. */
function fetchUrl(url, { method = 'GET', body } = {}) {
  const [, hostname, port, path] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url);
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const req = http.request({ hostname, port, path, method, headers }, async (res) => {
      resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(await res.toArray()) });
    });
    req.on('error', reject);
    req.end(body);
  });
}

module.exports = {
  'takes presigned GET, HEAD, PUT and DELETE': {
    async run(c) {
      const Key = 'presigned/a key +é.txt';
      const client = c.client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
      const sign = (Command, more) => getSignedUrl(client, new Command({ ...c.at, Key, ...more }), { expiresIn: 60 });
      try {
        assert.equal((await fetchUrl(await sign(S3.PutObjectCommand), { method: 'PUT', body: 'by url' })).status, 200);
        assert.equal((await fetchUrl(await sign(S3.GetObjectCommand))).body.toString(), 'by url');
        const head = await fetchUrl(await sign(S3.HeadObjectCommand), { method: 'HEAD' });
        assert.equal(head.headers['content-length'], '6');
        const other = await sign(S3.GetObjectCommand);
        assert.ok((await fetchUrl(other.replace('presigned/', 'presigneD/'))).status >= 400, 'another key');
        assert.equal((await fetchUrl(await sign(S3.DeleteObjectCommand), { method: 'DELETE' })).status, 204);
        assert.equal((await fetchUrl(await sign(S3.GetObjectCommand))).status, 404);
      } finally {
        client.destroy();
      }
    },
  },
  'refuses a presigned PUT with the checksum of another body': {
    lacks: { ministack: 'the parameter is not read', rclone: 'the parameter is not read' },
    async run(c) {
      // The SDK's default: the checksum of the body it has, which is none.
      const url = await getSignedUrl(c, new S3.PutObjectCommand({ ...c.at, Key: 'presigned/trap' }));
      const got = await fetchUrl(url, { method: 'PUT', body: 'not empty' });
      assert.equal(got.status, 400);
      assert.match(got.body.toString(), /<Code>BadDigest</);
    },
  },
  'refuses a wrong secret and an unknown key': {
    async run(c) {
      for (const [change, code] of [
        [{ secretAccessKey: 'w'.repeat(40) }, 'SignatureDoesNotMatch'],
        [{ accessKeyId: 'NOBODY' }, 'InvalidAccessKeyId'],
      ]) {
        const client = c.client({ credentials: { ...c.credentials, ...change } });
        const got = await refusal(client.send(new S3.ListObjectsV2Command({ ...c.at })));
        client.destroy();
        assert.deepEqual(got, { status: 403, code });
      }
    },
  },
  'refuses a clock that is an hour off': {
    async run(c) {
      const client = c.client({ systemClockOffset: 3_600_000, maxAttempts: 1 });
      const got = await refusal(client.send(new S3.ListObjectsV2Command({ ...c.at })));
      client.destroy();
      refusedAs(c, got, 403, 'RequestTimeTooSkewed');
    },
  },
};
