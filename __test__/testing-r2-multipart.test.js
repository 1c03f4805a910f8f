'use strict';

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const S3 = require('@aws-sdk/client-s3');
const { R2Sandbox } = require('../lib/testing');

const Bucket = 'media';
const client = (r2, more) =>
  new S3.S3Client({
    ...{ endpoint: r2.url, region: 'auto', forcePathStyle: true, maxAttempts: 1, credentials: r2.credentials[0] },
    ...more,
  });

/** Status and code of the refusal that this must end with. */
const refusal = (promise) =>
  promise.then(
    () => assert.fail('it should have been refused'),
    (error) => [error.$metadata?.httpStatusCode, error.name],
  );

for (const storage of ['memory', 'folder']) {
  describe(`multipart uploads by the rules of R2, stored in ${storage}`, () => {
    let r2;
    let s3;
    let folder;

    before(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-parts-'));
      r2 = await R2Sandbox.start({ storage: storage === 'memory' ? 'memory' : folder, minPartBytes: 100 });
      s3 = client(r2);
    });
    after(async () => {
      // With an upload left open.
      await begin('left open', [100]);
      s3.destroy();
      await r2.close();
      assert.deepEqual(fs.readdirSync(folder), [], 'the folder is left empty');
      fs.rmSync(folder, { recursive: true });
    });

    const create = async (Key, more) =>
      (await s3.send(new S3.CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId;
    const put = (Key, UploadId, PartNumber, Body, more) =>
      s3.send(new S3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));
    async function begin(Key, sizes, more) {
      const UploadId = await create(Key, more);
      const bodies = sizes.map((size) => randomBytes(size));
      const Parts = [];
      for (const [index, body] of bodies.entries()) {
        const answer = await put(Key, UploadId, index + 1, body, { ChecksumAlgorithm: more?.ChecksumAlgorithm });
        const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = answer;
        const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 };
        Parts.push({ PartNumber: index + 1, ETag, ...checksums });
      }
      return { Key, UploadId, bodies, Parts, whole: Buffer.concat(bodies) };
    }
    const complete = ({ Key, UploadId, Parts }, more) =>
      s3.send(new S3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }));

    it('takes the parts in any order and with gaps', async () => {
      const Key = 'any order';
      const UploadId = await create(Key);
      const bodies = new Map([10_000, 7, 300].map((number) => [number, randomBytes(number === 10_000 ? 5 : 100)]));
      const Parts = [];
      for (const [PartNumber, Body] of bodies) {
        Parts.push({ PartNumber, ETag: (await put(Key, UploadId, PartNumber, Body)).ETag.replaceAll('"', '') });
      }
      await complete({ Key, UploadId, Parts });
      const sorted = [7, 300, 10_000].map((number) => bodies.get(number));
      assert.deepEqual(await r2.get(Bucket, Key), Buffer.concat(sorted));
    });

    it('refuses part numbers outside 1 to 10,000', async () => {
      const UploadId = await create('numbers');
      for (const number of [0, 10_001]) {
        assert.deepEqual(await refusal(put('numbers', UploadId, number, 'x')), [400, 'InvalidArgument']);
      }
    });

    it('refuses parts that are too small or of unequal length', async () => {
      assert.deepEqual(await refusal(complete(await begin('small', [99, 100]))), [400, 'EntityTooSmall']);
      assert.deepEqual(await refusal(complete(await begin('unequal', [100, 101, 5]))), [400, 'InvalidPart']);
      assert.deepEqual(await refusal(complete(await begin('long tail', [100, 101]))), [400, 'InvalidPart']);
      const upload = await begin('good', [100, 100, 100]);
      assert.deepEqual(await refusal(complete({ ...upload, Parts: [] })), [400, 'MalformedXML']);
      const [first] = upload.Parts;
      assert.deepEqual(await refusal(complete({ ...upload, Parts: [first, first] })), [400, 'InvalidPart']);
      await complete(upload);
      assert.deepEqual(await refusal(complete(upload)), [404, 'NoSuchUpload']);
    });

    it('replaces a part, and loses it when the new one fails', async () => {
      const upload = await begin('replaced', [100]);
      const { ETag } = await put(upload.Key, upload.UploadId, 1, 'new');
      assert.deepEqual(await refusal(complete(upload)), [400, 'InvalidPart'], 'the old ETag is gone');
      const bad = put(upload.Key, upload.UploadId, 1, 'new', { ChecksumCRC32: 'AAAAAA==' });
      assert.deepEqual(await refusal(bad), [400, 'BadDigest']);
      const again = { ...upload, Parts: [{ PartNumber: 1, ETag }] };
      assert.deepEqual(await refusal(complete(again)), [400, 'InvalidPart'], 'and so is the one it replaced');
    });

    it('completes on conditions; one that fails ends the upload', async () => {
      const { etag } = await r2.put(Bucket, 'conditional', Buffer.from('old'));
      const first = await begin('conditional', [100]);
      await complete(first, { IfMatch: etag });
      assert.deepEqual(await r2.get(Bucket, 'conditional'), first.whole);
      const second = await begin('conditional', [100]);
      assert.deepEqual(await refusal(complete(second, { IfNoneMatch: '*' })), [412, 'PreconditionFailed']);
      assert.deepEqual(await refusal(complete(second)), [404, 'NoSuchUpload']);
      assert.deepEqual(await r2.get(Bucket, 'conditional'), first.whole);
    });

    it('is completed once, whoever asks at the same time', async () => {
      const upload = await begin('raced', [100, 50]);
      const ends = await Promise.allSettled([1, 2, 3].map(() => complete(upload)));
      assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.deepEqual(await r2.get(Bucket, 'raced'), upload.whole);
    });

    it('aborts twice, but not what never was', async () => {
      const { Key, UploadId } = await begin('aborted', [100]);
      const abort = (more) => s3.send(new S3.AbortMultipartUploadCommand({ Bucket, Key, UploadId, ...more }));
      await abort();
      await abort();
      assert.deepEqual(await refusal(abort({ UploadId: 'nonsense' })), [404, 'NoSuchUpload']);
      assert.deepEqual(await refusal(abort({ Key: 'another' })), [404, 'NoSuchUpload']);
    });

    it('reads by part number', async () => {
      const upload = await begin('by part', [100, 100, 30]);
      await complete(upload);
      for (const [index, body] of upload.bodies.entries()) {
        const input = { Bucket, Key: upload.Key, PartNumber: index + 1 };
        const got = await s3.send(new S3.GetObjectCommand(input));
        assert.deepEqual([got.$metadata.httpStatusCode, got.PartsCount], [206, 3]);
        assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), body);
        assert.equal((await s3.send(new S3.HeadObjectCommand(input))).ContentLength, body.length);
      }
      const beyond = new S3.GetObjectCommand({ Bucket, Key: upload.Key, PartNumber: 4 });
      assert.deepEqual(await refusal(s3.send(beyond)), [416, 'InvalidRange']);
    });

    it('keeps the checksum of the whole', async () => {
      for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME']) {
        const name = `Checksum${ChecksumAlgorithm}`;
        const upload = await begin(ChecksumAlgorithm, [100, 40], { ChecksumAlgorithm });
        const done = await complete(upload);
        const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: upload.Key, ChecksumMode: 'ENABLED' }));
        assert.equal(done[name], head[name]);
        assert.equal(head.ChecksumType, ChecksumAlgorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
        if (ChecksumAlgorithm === 'CRC64NVME') {
          // The SDK has its own implementation, and compares what it reads.
          const got = await s3.send(new S3.GetObjectCommand({ Bucket, Key: upload.Key, ChecksumMode: 'ENABLED' }));
          assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), upload.whole);
        } else {
          const parts = upload.Parts.map((part) => Buffer.from(part[name], 'base64'));
          assert.equal(head[name].split('-')[1], '2');
          if (ChecksumAlgorithm.startsWith('SHA')) {
            const hash = createHash(ChecksumAlgorithm).update(Buffer.concat(parts)).digest('base64');
            assert.equal(head[name], `${hash}-2`);
          }
        }
        const wrong = await begin(ChecksumAlgorithm, [100], { ChecksumAlgorithm });
        const other = upload.Parts[0][name];
        const bad = complete({ ...wrong, Parts: [{ ...wrong.Parts[0], [name]: other }] });
        assert.deepEqual(await refusal(bad), [400, 'InvalidPart']);
      }
      const mixed = await begin('mixed', [100], { ChecksumAlgorithm: 'SHA1' });
      const crc = put(mixed.Key, mixed.UploadId, 2, 'x', { ChecksumCRC32: 'AAAAAA==' });
      assert.deepEqual(await refusal(crc), [400, 'InvalidRequest']);
      const type = create('type', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
      assert.deepEqual(await refusal(type), [501, 'NotImplemented']);
    });

    it('lists uploads by prefix, delimiter and page', async () => {
      r2.reset();
      for (const key of ['l/a', 'l/a', 'l/b/1', 'l/b/2', 'l/c', 'm']) await create(key);
      const list = (more) => s3.send(new S3.ListMultipartUploadsCommand({ Bucket, Prefix: 'l/', ...more }));
      const keys = (page) => (page.Uploads ?? []).map(({ Key }) => Key);
      assert.deepEqual(keys(await list()), ['l/a', 'l/a', 'l/b/1', 'l/b/2', 'l/c']);
      const seen = [];
      let markers = {};
      for (let pages = 0; pages < 4; pages += 1) {
        const page = await list({ Delimiter: '/', MaxUploads: 1, ...markers });
        seen.push(...keys(page), ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
        assert.equal(page.IsTruncated, pages < 3);
        markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
      assert.deepEqual(seen, ['l/a', 'l/a', 'l/b/', 'l/c']);
      assert.deepEqual(keys(await list({ KeyMarker: 'l/a' })), ['l/b/1', 'l/b/2', 'l/c']);
    });

    it('breaks one part by a fault on the operation', async () => {
      const upload = await begin('faulty', [100]);
      const fault = r2.faults.add({ kind: 'status', status: 503, match: { operation: 'UploadPart' } });
      assert.deepEqual(await refusal(put(upload.Key, upload.UploadId, 2, 'x')), [503, 'SlowDown']);
      assert.equal(fault.bites, 1);
      await complete(upload);
      assert.deepEqual(
        [r2.requests.at(-1).operation, r2.requests.at(-2).operation],
        ['CompleteMultipartUpload', 'UploadPart'],
      );
    });

    it('lets one of several writers win that demand a free name', async () => {
      const puts = [1, 2, 3, 4].map((number) =>
        s3.send(new S3.PutObjectCommand({ Bucket, Key: 'free', Body: `writer ${number}`, IfNoneMatch: '*' })),
      );
      const ends = await Promise.allSettled(puts);
      const won = ends.findIndex(({ status }) => status === 'fulfilled');
      assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal((await r2.get(Bucket, 'free')).toString(), `writer ${won + 1}`);
    });
  });
}
