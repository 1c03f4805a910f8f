'use strict';

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const S3 = require('@aws-sdk/client-s3');
const { bytesOf, md5, refusal, refusedAs } = require('./tools');

const MIB = 1024 * 1024;

/** A multipart upload begun, with parts of those sizes stored. */
async function begin(c, Key, sizes, more = {}) {
  const { UploadId } = await c.send(new S3.CreateMultipartUploadCommand({ ...c.at, Key, ...more }));
  const bodies = sizes.map((size) => randomBytes(size));
  const parts = [];
  for (const [index, Body] of bodies.entries()) {
    const PartNumber = index + 1;
    const { ETag } = await c.send(new S3.UploadPartCommand({ ...c.at, Key, UploadId, PartNumber, Body }));
    parts.push({ PartNumber, ETag });
  }
  return { UploadId, Key, bodies, parts, whole: Buffer.concat(bodies) };
}

const complete = (c, { Key, UploadId, parts }, more = {}) =>
  c.send(new S3.CompleteMultipartUploadCommand({ ...c.at, Key, UploadId, MultipartUpload: { Parts: parts }, ...more }));

module.exports = {
  'uploads in parts': {
    async run(c) {
      const upload = await begin(c, 'parts/whole', [5 * MIB, 5 * MIB, 1000], {
        ContentType: 'video/x',
        Metadata: { k: 'v' },
      });
      const { ETag } = await complete(c, upload);
      const joined = createHash('md5');
      for (const body of upload.bodies) joined.update(md5(body));
      assert.equal(ETag, `"${joined.digest('hex')}-3"`);
      const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: upload.Key }));
      assert.ok((await bytesOf(got)).equals(upload.whole));
      assert.deepEqual([got.ContentType, got.Metadata.k], ['video/x', 'v']);
      const range = await c.send(new S3.GetObjectCommand({ ...c.at, Key: upload.Key, Range: 'bytes=5242870-5242889' }));
      assert.deepEqual(await bytesOf(range), upload.whole.subarray(5_242_870, 5_242_890));
    },
  },
  'shows the ETag of the parts on reading': {
    lacks: { rclone: 'reading shows the MD5 of the whole' },
    async run(c) {
      const { ETag } = await complete(c, await begin(c, 'parts/etag', [1000]));
      assert.match(ETag, /^"[0-9a-f]{32}-1"$/);
      assert.equal((await c.send(new S3.HeadObjectCommand({ ...c.at, Key: 'parts/etag' }))).ETag, ETag);
    },
  },
  'shows what a multipart upload has': {
    async run(c) {
      const upload = await begin(c, 'parts/shown', [1000, 2000]);
      const uploads = await c.send(new S3.ListMultipartUploadsCommand({ ...c.at, Prefix: 'parts/sh' }));
      assert.deepEqual(
        uploads.Uploads.map(({ Key, UploadId }) => [Key, UploadId]),
        [[upload.Key, upload.UploadId]],
      );
      const { Parts } = await c.send(new S3.ListPartsCommand({ ...c.at, ...upload }));
      assert.deepEqual(
        Parts.map(({ PartNumber, ETag, Size }) => ({ PartNumber, ETag, Size })),
        upload.parts.map((part, index) => ({ ...part, Size: (index + 1) * 1000 })),
      );
      await c.send(new S3.AbortMultipartUploadCommand({ ...c.at, ...upload }));
    },
  },
  'lists parts by page': {
    lacks: { rclone: 'pages do not say where the next begins' },
    async run(c) {
      const upload = await begin(c, 'parts/paged', [1000, 2000, 3000]);
      const list = (more) => c.send(new S3.ListPartsCommand({ ...c.at, ...upload, MaxParts: 2, ...more }));
      const numbers = (page) => page.Parts.map(({ PartNumber }) => PartNumber);
      const first = await list();
      assert.deepEqual([numbers(first), first.IsTruncated], [[1, 2], true]);
      const second = await list({ PartNumberMarker: first.NextPartNumberMarker });
      assert.deepEqual([numbers(second), second.IsTruncated], [[3], false]);
      await c.send(new S3.AbortMultipartUploadCommand({ ...c.at, ...upload }));
    },
  },
  'aborts a multipart upload': {
    async run(c) {
      const upload = await begin(c, 'parts/aborted', [1000]);
      await c.send(new S3.AbortMultipartUploadCommand({ ...c.at, ...upload }));
      refusedAs(c, await refusal(complete(c, upload)), 404, 'NoSuchUpload');
      const part = new S3.UploadPartCommand({ ...c.at, ...upload, PartNumber: 2, Body: 'late' });
      refusedAs(c, await refusal(c.send(part)), 404, 'NoSuchUpload');
      assert.equal((await refusal(c.send(new S3.HeadObjectCommand({ ...c.at, Key: upload.Key })))).status, 404);
    },
  },
  'copies parts': {
    lacks: { rclone: '503 to UploadPartCopy' },
    async run(c) {
      const Body = randomBytes(6 * MIB);
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'parts/from', Body }));
      const { UploadId } = await c.send(new S3.CreateMultipartUploadCommand({ ...c.at, Key: 'parts/copied' }));
      const CopySource = `${c.at.Bucket}/parts/from`;
      const parts = [];
      for (const [index, range] of [`bytes=0-${5 * MIB - 1}`, `bytes=${5 * MIB}-${6 * MIB - 1}`].entries()) {
        const PartNumber = index + 1;
        const input = { ...c.at, Key: 'parts/copied', UploadId, PartNumber, CopySource, CopySourceRange: range };
        const { CopyPartResult } = await c.send(new S3.UploadPartCopyCommand(input));
        parts.push({ PartNumber, ETag: CopyPartResult.ETag });
      }
      await complete(c, { Key: 'parts/copied', UploadId, parts });
      const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'parts/copied' }));
      assert.ok((await bytesOf(got)).equals(Body));
    },
  },
  'refuses to complete with a part that is not there': {
    async run(c) {
      const upload = await begin(c, 'parts/wrong', [1000]);
      const parts = [{ PartNumber: 1, ETag: `"${'0'.repeat(32)}"` }];
      refusedAs(c, await refusal(complete(c, { ...upload, parts })), 400, 'InvalidPart');
      const missing = [...upload.parts, { PartNumber: 2, ETag: upload.parts[0].ETag }];
      refusedAs(c, await refusal(complete(c, { ...upload, parts: missing })), 400, 'InvalidPart');
    },
  },
  'refuses parts below 5 MiB': {
    lacks: { ministack: 'sizes are not looked at', rclone: 'sizes are not looked at' },
    async run(c) {
      const upload = await begin(c, 'parts/small', [5 * MIB - 1, 1]);
      refusedAs(c, await refusal(complete(c, upload)), 400, 'EntityTooSmall');
    },
  },
  'refuses parts of unequal size': {
    lacks: { ministack: 'a rule of R2 alone', rclone: 'a rule of R2 alone' },
    async run(c) {
      const upload = await begin(c, 'parts/unequal', [5 * MIB, 5 * MIB + 1, 1]);
      refusedAs(c, await refusal(complete(c, upload)), 400, 'InvalidPart');
    },
  },
};
