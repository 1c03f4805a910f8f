'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const http = require('node:http');
const S3 = require('@aws-sdk/client-s3');
const { bytesOf, md5, refusal, refusedAs } = require('./tools');

const ODD_KEYS = [
  'with space.txt',
  'plus+sign.txt',
  'percent%20literal%.txt',
  "reserved !*'()&$@=;:,?#[].txt",
  'árvíztűrő.txt',
  '日本語/絵.bin',
  'emoji-😀.bin',
  'dots.in/.a/name..txt',
];

const loopback = (options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

module.exports = {
  'stores bytes with their type, metadata and MD5 ETag': {
    async run(c) {
      const Body = randomBytes(5000);
      const put = { ContentType: 'image/x-odd', CacheControl: 'max-age=5', Metadata: { owner: 'me' } };
      const { ETag } = await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'plain', Body, ...put }));
      assert.equal(ETag, `"${md5(Body).toString('hex')}"`);
      const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'plain' }));
      assert.deepEqual(await bytesOf(got), Body);
      const head = await c.send(new S3.HeadObjectCommand({ ...c.at, Key: 'plain' }));
      for (const one of [got, head]) {
        assert.deepEqual([one.ContentLength, one.ContentType, one.ETag], [5000, 'image/x-odd', ETag]);
        assert.deepEqual([one.CacheControl, one.Metadata], ['max-age=5', { owner: 'me' }]);
      }
    },
  },
  'keeps keys that are hard to sign apart': {
    async run(c) {
      for (const Key of ODD_KEYS) await c.send(new S3.PutObjectCommand({ ...c.at, Key: `odd/${Key}`, Body: Key }));
      for (const Key of ODD_KEYS) {
        const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: `odd/${Key}` }));
        assert.equal((await bytesOf(got)).toString(), Key);
      }
    },
  },
  'takes virtual-hosted style': {
    lacks: { rclone: 'path style only' },
    async run(c) {
      const host = c.endpoint.replace('127.0.0.1', 'localhost');
      // The name of the bucket stands in the host; the address behind it is loopback whatever resolves here.
      const agent = new http.Agent({ lookup: (_name, options, done) => loopback(options, done) });
      const client = c.client({ endpoint: host, forcePathStyle: false, requestHandler: { httpAgent: agent } });
      try {
        await client.send(new S3.PutObjectCommand({ ...c.at, Key: 'v/host style', Body: 'by host' }));
        const got = await client.send(new S3.GetObjectCommand({ ...c.at, Key: 'v/host style' }));
        assert.equal((await bytesOf(got)).toString(), 'by host');
        const other = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'v/host style' }));
        assert.equal((await bytesOf(other)).toString(), 'by host', 'the same bucket by path');
      } finally {
        client.destroy();
        agent.destroy();
      }
    },
  },
  'answers every form of Range with 206': {
    lacks: { rclone: 'the right bytes, but with status 200' },
    async run(c) {
      const Body = randomBytes(1000);
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'range', Body }));
      for (const [Range, start, end] of [
        ['bytes=0-0', 0, 1],
        ['bytes=10-19', 10, 20],
        ['bytes=990-', 990, 1000],
        ['bytes=-7', 993, 1000],
        ['bytes=5-99999', 5, 1000],
      ]) {
        const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'range', Range }));
        assert.equal(got.$metadata.httpStatusCode, 206, Range);
        assert.equal(got.ContentRange, `bytes ${start}-${end - 1}/1000`);
        assert.deepEqual(await bytesOf(got), Body.subarray(start, end), Range);
      }
    },
  },
  'refuses a range behind the end': {
    async run(c) {
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'short', Body: 'abc' }));
      const got = await refusal(c.send(new S3.GetObjectCommand({ ...c.at, Key: 'short', Range: 'bytes=3-' })));
      refusedAs(c, got, 416, 'InvalidRange');
      assert.equal(got.status, 416);
    },
  },
  'obeys If-None-Match on reading': {
    async run(c) {
      const { ETag } = await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'cond', Body: 'one' }));
      const got = await refusal(c.send(new S3.GetObjectCommand({ ...c.at, Key: 'cond', IfNoneMatch: ETag })));
      assert.equal(got.status, 304);
    },
  },
  'obeys If-Match on reading': {
    lacks: { rclone: 'the header is not read' },
    async run(c) {
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'cond', Body: 'one' }));
      const got = await refusal(c.send(new S3.GetObjectCommand({ ...c.at, Key: 'cond', IfMatch: '"other"' })));
      assert.equal(got.status, 412);
    },
  },
  'obeys If-Match and If-None-Match on writing': {
    lacks: { rclone: 'the headers are not read' },
    async run(c) {
      const put = (more) => c.send(new S3.PutObjectCommand({ ...c.at, Key: 'write-cond', Body: 'x', ...more }));
      const { ETag } = await put({ IfNoneMatch: '*' });
      assert.equal((await refusal(put({ IfNoneMatch: '*' }))).status, 412);
      assert.equal((await refusal(put({ IfMatch: '"other"' }))).status, 412);
      await put({ IfMatch: ETag });
    },
  },
  'copies, with its metadata': {
    async run(c) {
      const input = { ...c.at, Key: 'copy source +', Body: 'copied', ContentType: 'text/old', Metadata: { a: '1' } };
      await c.send(new S3.PutObjectCommand(input));
      const CopySource = `${c.at.Bucket}/${encodeURIComponent(input.Key)}`;
      const done = await c.send(new S3.CopyObjectCommand({ ...c.at, Key: 'copy/kept', CopySource }));
      assert.equal(done.CopyObjectResult.ETag, `"${md5('copied').toString('hex')}"`);
      const kept = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'copy/kept' }));
      assert.deepEqual([(await bytesOf(kept)).toString(), kept.Metadata.a], ['copied', '1']);
    },
  },
  'replaces the metadata of a copy': {
    lacks: { rclone: 'the old metadata stays under the new' },
    async run(c) {
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'copy/old', Body: 'x', Metadata: { a: '1' } }));
      const replace = { MetadataDirective: 'REPLACE', ContentType: 'text/new', Metadata: { b: '2' } };
      const CopySource = `/${c.at.Bucket}/copy/old`;
      await c.send(new S3.CopyObjectCommand({ ...c.at, Key: 'copy/new', CopySource, ...replace }));
      const fresh = await c.send(new S3.HeadObjectCommand({ ...c.at, Key: 'copy/new' }));
      assert.deepEqual([fresh.ContentType, fresh.Metadata.a, fresh.Metadata.b], ['text/new', undefined, '2']);
    },
  },
};
