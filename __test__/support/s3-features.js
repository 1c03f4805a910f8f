'use strict';

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const http = require('node:http');
const { Readable } = require('node:stream');
const S3 = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');

const MIB = 1024 * 1024;
const md5 = (bytes) => createHash('md5').update(bytes).digest();
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

/** The refusal a call ends with; `name` is the S3 code where the answer carries one. */
async function refusal(promise) {
  const error = await promise.then(
    () => assert.fail('it should have been refused'),
    (why) => why,
  );
  assert.ok(error.$metadata?.httpStatusCode, `no answer at all: ${error}`);
  return { status: error.$metadata.httpStatusCode, code: error.name };
}

/** What the sandbox answers is exact; where others refuse too, how they put it is their own business. */
const refusedAs = (c, got, status, code) => {
  assert.ok(got.status >= 400 && got.status < 500, `status ${got.status}`);
  if (c.strict) assert.deepEqual(got, { status, code });
};

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

/** Changes the request behind the signer's back. */
const tampered = (command, change) => {
  command.middlewareStack.add((next) => (args) => next({ ...args, request: change(args.request) ?? args.request }), {
    step: 'deserialize',
    priority: 'low',
  });
  return command;
};

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

const listedKeys = (page) => (page.Contents ?? []).map(({ Key }) => Key);
const listedPrefixes = (page) => (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix);

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

/**
 * What an S3 server does, each by the AWS SDK, an independent client. `lacks` names the servers known not to do it and why:
 * there the run must fail, so that the statement cannot outlive its truth.
 *
 * @type {Record<string, { run: (c: any) => Promise<void>, lacks?: Record<string, string> }>}
 */
const FEATURES = {
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
  'refuses a body that is not the signed one': {
    lacks: { ministack: 'the hash is signed but not compared', rclone: 'the hash is signed but not compared' },
    async run(c) {
      const input = { ...c.at, Key: 'tampered', Body: 'signed body', ChecksumAlgorithm: undefined };
      const command = tampered(new S3.PutObjectCommand(input), (request) => ({
        ...request,
        body: Buffer.from('other body!'),
      }));
      const client = c.client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
      try {
        refusedAs(c, await refusal(client.send(command)), 400, 'XAmzContentSHA256Mismatch');
      } finally {
        client.destroy();
      }
      assert.equal((await refusal(c.send(new S3.HeadObjectCommand({ ...c.at, Key: 'tampered' })))).status, 404);
    },
  },
  'refuses a wrong Content-MD5': {
    lacks: {},
    async run(c) {
      const ContentMD5 = md5('another body').toString('base64');
      const got = await refusal(c.send(new S3.PutObjectCommand({ ...c.at, Key: 'md5', Body: 'a body', ContentMD5 })));
      refusedAs(c, got, 400, 'BadDigest');
    },
  },
  ...Object.fromEntries(
    [
      ['CRC32', 'AAAAAA=='],
      ['CRC32C', 'AAAAAA=='],
      ['CRC64NVME', 'AAAAAAAAAAA='],
      ['SHA1', Buffer.alloc(20).toString('base64')],
      ['SHA256', Buffer.alloc(32).toString('base64')],
    ].map(([name, wrong]) => [
      `checks ${name}`,
      {
        lacks: { rclone: 'checksum headers are not read' },
        async run(c) {
          const put = (more) => c.send(new S3.PutObjectCommand({ ...c.at, Key: name, Body: 'checked', ...more }));
          await put({ ChecksumAlgorithm: name });
          refusedAs(c, await refusal(put({ [`Checksum${name}`]: wrong })), 400, 'BadDigest');
          // The SDK compares the body with the checksum that comes back.
          const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: name, ChecksumMode: 'ENABLED' }));
          assert.equal((await bytesOf(got)).toString(), 'checked');
          assert.ok(got[`Checksum${name}`], 'a checksum comes back');
        },
      },
    ]),
  ),
  'takes a stream of chunks with a trailing checksum': {
    lacks: {
      sandbox: '501, as R2 was seen to answer; streamingSignatures: accept',
      rclone: '411: it wants the length',
    },
    async run(c) {
      const Body = Readable.from([Buffer.from('in '), Buffer.from('pieces')]);
      await c.send(new S3.PutObjectCommand({ ...c.at, Key: 'streamed', Body, ContentLength: 9 }));
      const got = await c.send(new S3.GetObjectCommand({ ...c.at, Key: 'streamed' }));
      assert.equal((await bytesOf(got)).toString(), 'in pieces');
    },
  },
  'lists with prefix, delimiter, pages and start': {
    async run(c) {
      const keys = ['l/a/1', 'l/a/2', 'l/a/b/3', 'l/b', 'l/c/4', 'l/d'];
      for (const Key of keys) await c.send(new S3.PutObjectCommand({ ...c.at, Key, Body: Key }));
      const list = (more) => c.send(new S3.ListObjectsV2Command({ ...c.at, Prefix: 'l/', FetchOwner: false, ...more }));
      const all = await list();
      assert.deepEqual([listedKeys(all), all.KeyCount], [keys, 6]);
      const top = await list({ Delimiter: '/' });
      assert.deepEqual(
        [listedPrefixes(top), listedKeys(top)],
        [
          ['l/a/', 'l/c/'],
          ['l/b', 'l/d'],
        ],
      );
      const pages = [];
      const input = { ...c.at, Prefix: 'l/', Delimiter: '/' };
      for await (const page of S3.paginateListObjectsV2({ client: c, pageSize: 1, stopOnSameToken: true }, input)) {
        assert.ok(listedKeys(page).length + listedPrefixes(page).length <= 1);
        pages.push(...listedKeys(page), ...listedPrefixes(page));
      }
      assert.deepEqual(pages, ['l/a/', 'l/b', 'l/c/', 'l/d']);
      assert.deepEqual(listedKeys(await list({ StartAfter: 'l/b' })), ['l/c/4', 'l/d']);
    },
  },
  'lists in the first version of the operation': {
    async run(c) {
      for (const Key of ['v1/a', 'v1/b/1', 'v1/b/2', 'v1/c']) {
        await c.send(new S3.PutObjectCommand({ ...c.at, Key, Body: Key }));
      }
      const list = (more) => c.send(new S3.ListObjectsCommand({ ...c.at, Prefix: 'v1/', Delimiter: '/', ...more }));
      const names = [];
      let Marker;
      do {
        const page = await list({ MaxKeys: 1, Marker });
        names.push(...listedKeys(page), ...listedPrefixes(page));
        Marker = page.IsTruncated ? page.NextMarker : undefined;
      } while (Marker !== undefined && names.length < 10);
      assert.deepEqual(names, ['v1/a', 'v1/b/', 'v1/c']);
    },
  },
  'lists keys that XML cannot hold with encoding-type': {
    async run(c) {
      const Key = 'url/<&>"\' é+ %41\u0001';
      await c.send(new S3.PutObjectCommand({ ...c.at, Key, Body: 'x' }));
      const page = await c.send(new S3.ListObjectsV2Command({ ...c.at, Prefix: 'url/', EncodingType: 'url' }));
      assert.deepEqual(
        listedKeys(page).map((key) => decodeURIComponent(key.replaceAll('+', '%20'))),
        [Key],
      );
    },
  },
  'deletes many at once': {
    async run(c) {
      const keys = ['many/1', 'many/two & <3>', 'many/ spaces '];
      for (const Key of keys) await c.send(new S3.PutObjectCommand({ ...c.at, Key, Body: Key }));
      const Objects = [...keys, 'many/never was'].map((Key) => ({ Key }));
      const answer = await c.send(new S3.DeleteObjectsCommand({ ...c.at, Delete: { Objects } }));
      assert.deepEqual(answer.Errors ?? [], []);
      assert.equal(answer.Deleted.length, 4);
      const left = await c.send(new S3.ListObjectsV2Command({ ...c.at, Prefix: 'many/' }));
      assert.deepEqual(listedKeys(left), []);
    },
  },
  'makes, shows and removes buckets': {
    async run(c) {
      const Bucket = 'another-bucket';
      await c.send(new S3.CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: 'auto' } }));
      await c.send(new S3.HeadBucketCommand({ Bucket }));
      const names = (await c.send(new S3.ListBucketsCommand({}))).Buckets.map(({ Name }) => Name);
      assert.deepEqual(names.sort(), [Bucket, c.at.Bucket].sort());
      await c.send(new S3.PutObjectCommand({ Bucket, Key: 'x', Body: 'x' }));
      refusedAs(c, await refusal(c.send(new S3.DeleteBucketCommand({ Bucket }))), 409, 'BucketNotEmpty');
      await c.send(new S3.DeleteObjectCommand({ Bucket, Key: 'x' }));
      await c.send(new S3.DeleteBucketCommand({ Bucket }));
      assert.equal((await refusal(c.send(new S3.HeadBucketCommand({ Bucket })))).status, 404);
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
    lacks: { rclone: 'ListParts answers NotImplemented' },
    async run(c) {
      const upload = await begin(c, 'parts/shown', [1000, 2000, 3000]);
      const uploads = await c.send(new S3.ListMultipartUploadsCommand({ ...c.at, Prefix: 'parts/sh' }));
      assert.deepEqual(
        uploads.Uploads.map(({ Key, UploadId }) => [Key, UploadId]),
        [[upload.Key, upload.UploadId]],
      );
      const seen = [];
      let PartNumberMarker;
      for (let pages = 0; pages < 2; pages += 1) {
        const page = await c.send(new S3.ListPartsCommand({ ...c.at, ...upload, MaxParts: 2, PartNumberMarker }));
        assert.equal(page.IsTruncated, pages === 0);
        seen.push(...(page.Parts ?? []).map(({ PartNumber, ETag, Size }) => ({ PartNumber, ETag, Size })));
        PartNumberMarker = page.NextPartNumberMarker;
      }
      assert.deepEqual(
        seen,
        upload.parts.map((part, index) => ({ ...part, Size: (index + 1) * 1000 })),
      );
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
    lacks: { rclone: 'UploadPartCopy is not there' },
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

const loopback = (options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

module.exports = { FEATURES };
