'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const sdk = require('@aws-sdk/client-s3');
const presigner = require('@aws-sdk/s3-request-presigner');
const aws4 = require('../lib/adapters/aws4.js');
const { getSignedUrl, RequestSigner } = require('../lib/adapters/smithy.js');
const { s3Servers, s3ServersMissing } = require('./support/services');

const KEYS = [
  'plain.txt',
  'with space.txt',
  'a+b.txt',
  '100%.txt',
  'already%20escaped.txt',
  "it's (new)!*.txt",
  'été/naïve.txt',
  '媒体/图片.txt',
  'smile 😀.txt',
  'a=b&c;d,e@f:g$h.txt',
  '~tilde_-.txt',
];
/** The smallest part that S3 takes, but for the last. */
const PART_BYTES = 5 * 1024 * 1024;

/**
 * What a server does not do as S3 does, and what its client is told for it.
 *
 * rclone keeps the checksum that the SDK sends as one more metadata header and gives it back with a part of the object too,
 * where the SDK takes it for the checksum of that part.
 */
const CONFIG = { rclone: { responseChecksumValidation: 'WHEN_REQUIRED' }, ministack: {} };

/** ministack takes the path as it came for the canonical one; S3 and rclone escape it anew. So nothing is left unescaped. */
const escapeAll = (key) =>
  encodeURIComponent(key).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`.toUpperCase());

const text = async (answer) => Buffer.from(await answer.Body.transformToByteArray()).toString();

describe('AWS SDK v3 with the signer of warmpath/smithy', async () => {
  const missing = await s3ServersMissing();

  for (const [name, start] of Object.entries(s3Servers)) {
    describe(name, { skip: missing ?? false }, () => {
      let server;
      let client;
      let asked = 0;
      const real = presigner.getSignedUrl;

      before(async () => {
        server = await start();
        client = connect();
        presigner.getSignedUrl = (...args) => {
          asked++;
          return real(...args);
        };
      });
      after(async () => {
        presigner.getSignedUrl = real;
        client?.destroy();
        await server?.stop();
      });

      const connect = (secretAccessKey = server.secretAccessKey, more = {}) => {
        const { endpoint, region, accessKeyId } = server;
        const credentials = { accessKeyId, secretAccessKey };
        const signer = new RequestSigner({ credentials, region, service: 's3' });
        return new sdk.S3Client({
          endpoint,
          region,
          credentials,
          forcePathStyle: true,
          maxAttempts: 1,
          signer,
          ...CONFIG[name],
          ...more,
        });
      };
      const send = (command, input, by = client) =>
        by.send(new sdk[`${command}Command`]({ Bucket: server.bucket, ...input }));
      const url = (command, input, options) =>
        getSignedUrl(client, new sdk[`${command}Command`]({ Bucket: server.bucket, ...input }), options);

      it('puts, reads, lists and deletes under every key', async () => {
        for (const Key of KEYS) {
          await send('PutObject', {
            Key,
            Body: `body of ${Key}`,
            ContentType: 'text/x-mine',
            Metadata: { owner: 'me' },
          });
          const head = await send('HeadObject', { Key });
          assert.equal(head.ContentType, 'text/x-mine', Key);
          assert.equal(head.Metadata.owner, 'me', Key);
          const part = await send('GetObject', { Key, Range: 'bytes=5-6' });
          assert.equal(await text(part), 'of', Key);
          assert.equal(await text(await send('GetObject', { Key })), `body of ${Key}`, Key);
        }
        const { Contents } = await send('ListObjectsV2', {});
        assert.deepEqual(Contents.map(({ Key }) => Key).sort(), [...KEYS].sort());
        const some = await send('ListObjectsV2', { Prefix: 'été/', Delimiter: '/' });
        assert.deepEqual(
          some.Contents.map(({ Key }) => Key),
          ['été/naïve.txt'],
        );
        for (const Key of KEYS) await send('DeleteObject', { Key });
        assert.equal((await send('ListObjectsV2', {})).KeyCount ?? 0, 0);
      });

      it('uploads in parts', async () => {
        const Key = 'média/parts +1.bin';
        const body = randomBytes(PART_BYTES + 1000);
        const { UploadId } = await send('CreateMultipartUpload', { Key });
        const Parts = [];
        for (const [i, Body] of [body.subarray(0, PART_BYTES), body.subarray(PART_BYTES)].entries()) {
          const { ETag } = await send('UploadPart', { Key, UploadId, PartNumber: i + 1, Body });
          Parts.push({ ETag, PartNumber: i + 1 });
        }
        await send('CompleteMultipartUpload', { Key, UploadId, MultipartUpload: { Parts } });
        const answer = await send('GetObject', { Key });
        assert.ok(body.equals(Buffer.from(await answer.Body.transformToByteArray())));
        await send('DeleteObject', { Key });
      });

      it('takes the signer by signerConstructor as well, and refuses a wrong secret', async () => {
        const by = connect(server.secretAccessKey, { signer: undefined, signerConstructor: RequestSigner });
        await send('PutObject', { Key: 'constructed', Body: 'x' }, by);
        await send('DeleteObject', { Key: 'constructed' }, by);
        const wrong = connect('w'.repeat(40));
        await assert.rejects(
          send('PutObject', { Key: 'k', Body: 'x' }, wrong),
          (error) => error.$metadata.httpStatusCode === 403,
        );
        for (const one of [by, wrong]) one.destroy();
      });

      it('answers presigned URLs: put, head, get with a range, delete', async () => {
        const commands = ['PutObject', 'HeadObject', 'GetObject', 'DeleteObject'];
        for (const command of commands) await url(command, { Key: 'first' });
        await url('PutObject', { Key: 'first', ContentType: 'text/x-mine' });
        await url('GetObject', { Key: 'first', Range: 'bytes=0-1' });
        await url('GetObject', { Key: 'first', ResponseContentType: 'text/plain' });
        asked = 0;
        for (const Key of KEYS) {
          const body = `presigned ${Key}`;
          const put = await fetch(await url('PutObject', { Key, ContentType: 'text/x-mine' }), {
            method: 'PUT',
            headers: { 'content-type': 'text/x-mine' },
            body,
          });
          assert.equal(put.status, 200, `${Key}: ${await put.text()}`);
          const head = await fetch(await url('HeadObject', { Key }), { method: 'HEAD' });
          assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(body)), Key);
          const range = { range: 'bytes=0-8' };
          const part = await fetch(await url('GetObject', { Key, Range: range.range }), { headers: range });
          assert.equal(await part.text(), 'presigned', Key);
          // The range is signed: without it the URL is no good.
          assert.equal((await fetch(await url('GetObject', { Key, Range: range.range }))).status, 403, Key);
          const whole = await fetch(await url('GetObject', { Key, ResponseContentType: 'text/other' }));
          assert.equal(await whole.text(), body, Key);
          const gone = await fetch(await url('DeleteObject', { Key }), { method: 'DELETE' });
          assert.equal(gone.status, 204, Key);
          assert.equal((await fetch(await url('GetObject', { Key }))).status, 404, Key);
        }
        assert.equal(asked, 0, "no URL was the SDK's own");
        const forged = (await url('GetObject', { Key: 'first' })).replace(/(X-Amz-Signature=)./, '$1x');
        assert.equal((await fetch(forged)).status, 403);
      });

      it('takes what warmpath/aws4 signs: by headers and by query', async () => {
        const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server;
        const { hostname, port } = new URL(endpoint);
        const credentials = { accessKeyId, secretAccessKey };
        const request = (method, key, more) => {
          const path = `/${bucket}/${key.split('/').map(escapeAll).join('/')}`;
          const signed = aws4.sign({ service: 's3', region, method, hostname, port, path, ...more }, credentials);
          const { Host: _host, ...headers } = signed.headers;
          return fetch(`${endpoint}${signed.path}`, { method, headers, body: more?.body });
        };
        for (const key of KEYS) {
          assert.equal((await request('PUT', key, { body: 'by aws4' })).status, 200, key);
          assert.equal(await (await request('GET', key)).text(), 'by aws4', key);
          assert.equal(await (await request('GET', key, { signQuery: true })).text(), 'by aws4', key);
          assert.equal((await request('DELETE', key)).status, 204, key);
        }
      });
    });
  }
});
