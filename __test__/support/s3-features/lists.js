'use strict';

const assert = require('node:assert/strict');
const S3 = require('@aws-sdk/client-s3');
const { refusal, refusedAs } = require('./tools');

const listedKeys = (page) => (page.Contents ?? []).map(({ Key }) => Key);
const listedPrefixes = (page) => (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix);

module.exports = {
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
};
