'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, afterEach, before, describe, it } = require('node:test');
const S3 = require('@aws-sdk/client-s3');
const { WarmpathError, uploadMany } = require('../index.js');
const { R2Sandbox } = require('../lib/testing');
const { realMedia } = require('./support/media');
const { s3Servers, s3ServersMissing } = require('./support/services');
const { MIB, Files, begunUploads, clientsOf, fetchObject } = require('./support/upload');

/** Our sandbox, shaped like the servers of others. */
async function startSandbox() {
  const r2 = await R2Sandbox.start();
  return { r2, endpoint: r2.url, bucket: 'media', ...r2.credentials[0], stop: () => r2.close() };
}

const operations = (r2) => r2.requests.map((request) => request.operation);

describe('what S3 servers get from uploadMany', async () => {
  const missing = await s3ServersMissing();
  const servers = [
    ['sandbox', startSandbox, null],
    ...Object.entries(s3Servers).map(([name, start]) => [name, start, missing]),
  ];
  for (const [name, start, why] of servers) {
    describe(name, { skip: why ?? false }, () => {
      let server;
      let at;
      let files;
      before(async () => {
        server = await start();
        at = clientsOf(server);
        files = new Files();
      });
      after(async () => {
        files?.remove();
        at?.sdk.destroy();
        await server?.stop();
      });

      it('is every byte of files around the size of a part, and the second time nothing', async () => {
        const sizes = [0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 12 * MIB];
        const made = sizes.map((size, index) => files.add(`${index} é+%41.bin`, size));
        const options = { s3: at.s3, prefix: 'sizes/' };
        const paths = made.map((file) => file.path);
        const first = await uploadMany(paths, options);
        assert.deepEqual(
          first.map(({ status, bytes, sha256, parts }) => [status, bytes, sha256, parts]),
          made.map(({ bytes, sha256 }) => ['uploaded', bytes.length, sha256, Math.ceil(bytes.length / (5 * MIB)) || 1]),
        );
        for (const [index, outcome] of first.entries()) {
          const { head, bytes } = await fetchObject(at, outcome.key);
          assert.ok(bytes.equals(made[index].bytes), outcome.key);
          // rclone names a multipart object one way when it is made and another when it is read.
          if (name !== 'rclone' || outcome.parts === 1) assert.equal(head.ETag, outcome.etag);
          assert.equal(head.Metadata.sha256, outcome.sha256);
          assert.equal(head.ContentType, 'application/octet-stream');
        }
        const second = await uploadMany(paths, options);
        assert.deepEqual(
          second.map(({ status, key, sha256 }) => ({ status, key, sha256 })),
          first.map(({ key, sha256 }) => ({ status: 'skipped', key, sha256 })),
        );
        // One file changes without changing its size.
        const changed = files.add('3 é+%41.bin', made[3].bytes.length);
        const third = await uploadMany(paths, options);
        assert.deepEqual(
          third.map((outcome) => outcome.status),
          ['skipped', 'skipped', 'skipped', 'uploaded', 'skipped', 'skipped'],
        );
        assert.ok((await fetchObject(at, third[3].key)).bytes.equals(changed.bytes));
        assert.deepEqual(await begunUploads(at), []);
      });

      it('is what the file is, and what the caller says of it', async () => {
        const media = await realMedia(4);
        const given = media.map(({ name: file, data }, index) => ({
          path: files.add(file, data).path,
          key: `media/${index}`,
          metadata: { 'Chat-Id': '-100 1', empty: '' },
        }));
        given[0].contentType = 'application/x-special; a=b';
        const outcomes = await uploadMany(given, { s3: at.s3 });
        for (const [index, outcome] of outcomes.entries()) {
          const { head, bytes } = await fetchObject(at, outcome.key);
          assert.ok(bytes.equals(media[index].data));
          assert.equal(head.ContentType, outcome.contentType);
          assert.equal(outcome.contentType, index === 0 ? given[0].contentType : media[index].contentType);
          assert.equal(head.Metadata['chat-id'], '-100 1');
        }
      });
    });
  }
});

describe('uploadMany', () => {
  let r2;
  let at;
  let files;
  before(async () => {
    const server = await startSandbox();
    r2 = server.r2;
    at = clientsOf(server);
    files = new Files();
  });
  after(async () => {
    files?.remove();
    at?.sdk.destroy();
    await r2?.close();
  });
  afterEach(() => r2.reset());

  it('runs as many at a time as it may, starts the next when one ends, and keeps the order', async () => {
    const made = Array.from({ length: 12 }, (_, index) => files.add(`many-${index}`, 100));
    r2.faults.add({ kind: 'delay', ms: 150, match: { keyPattern: /^many-0$/, operation: 'PutObject' } });
    const settled = [];
    const outcomes = await uploadMany(
      made.map((file) => file.path),
      { s3: at.s3, concurrency: 3, resume: false, onProgress: ({ outcome }) => outcome && settled.push(outcome.key) },
    );
    assert.deepEqual(
      outcomes.map((outcome) => outcome.key),
      made.map((_, index) => `many-${index}`),
    );
    assert.equal(r2.connections, 3);
    assert.deepEqual(settled.toSorted(), outcomes.map((outcome) => outcome.key).toSorted());
    assert.ok(settled.indexOf('many-0') > 2, 'the slow one held nobody up');
  });

  it('tells how far it is', async () => {
    const made = [files.add('p-0', 12 * MIB), files.add('p-1', 10)];
    const missing = `${files.folder}/nobody`;
    const calls = [];
    const outcomes = await uploadMany([made[0].path, missing, made[1].path], {
      s3: at.s3,
      concurrency: 1,
      onProgress: (progress) => calls.push(progress),
    });
    const bytes = calls.map((progress) => progress.bytes);
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => a - b),
    );
    const { outcome, ...last } = calls.at(-1);
    assert.deepEqual(last, { total: 3, settled: 3, uploaded: 2, skipped: 0, failed: 1, bytes: 12 * MIB + 10 });
    assert.equal(outcome, outcomes[2]);
    assert.equal(calls.filter((progress) => progress.outcome).length, 3);
  });

  it('settles what cannot be read as failures of their own', async () => {
    const fine = files.add('fine', 10);
    const outcomes = await uploadMany([`${files.folder}/nobody`, files.folder, fine.path], {
      s3: at.s3,
      key: (_file, index) => `k/${index}`,
    });
    assert.deepEqual(
      outcomes.map(({ status, key, error }) => [status, key, error?.code, error?.phase]),
      [
        ['failed', 'k/0', 'ERR_WARMPATH_SOURCE_NOT_FOUND', 'download'],
        ['failed', 'k/1', 'ERR_WARMPATH_SOURCE_NOT_FOUND', 'download'],
        ['uploaded', 'k/2', undefined, undefined],
      ],
    );
    assert.ok(outcomes[0].error instanceof WarmpathError);
  });

  it('replaces another object, or refuses to where it is told so', async () => {
    const [small, large] = [files.add('w-small', 100), files.add('w-large', 6 * MIB)];
    for (const file of [small, large]) {
      const key = `w/${file.bytes.length}`;
      const given = [{ path: file.path, key }];
      await r2.put('media', key, Buffer.from('other'));
      const [refused] = await uploadMany(given, { s3: at.s3, overwrite: false });
      assert.equal(refused.error?.code, 'ERR_WARMPATH_S3_REJECTED', refused.error?.message);
      assert.equal((await r2.get('media', key)).toString(), 'other');
      assert.equal((await uploadMany(given, { s3: at.s3 }))[0].status, 'uploaded');
      // The same bytes are no conflict, also for a run that does not look first.
      const [same] = await uploadMany(given, { s3: at.s3, overwrite: false, resume: false });
      assert.deepEqual([same.status, same.sha256], ['skipped', file.sha256]);
      assert.ok((await r2.get('media', key)).equals(file.bytes));
    }
    assert.deepEqual(await begunUploads(at), []);
  });

  it('clears away what a process that was killed had begun, of its own keys alone', async () => {
    const file = files.add('killed', 6 * MIB);
    for (const Key of ['killed', 'killed', 'killed-not']) {
      await at.sdk.send(new S3.CreateMultipartUploadCommand({ Bucket: at.bucket, Key }));
    }
    await uploadMany([file.path], { s3: at.s3, resume: false });
    assert.deepEqual(await begunUploads(at), ['killed', 'killed', 'killed-not'], 'only where it is to resume');
    files.add('killed', 6 * MIB);
    await uploadMany([file.path], { s3: at.s3 });
    assert.deepEqual(await begunUploads(at), ['killed-not']);
  });

  it('sends no request twice without a reason', async () => {
    const file = files.add('quiet', 6 * MIB);
    await uploadMany([file.path], { s3: at.s3 });
    const sent = ['HeadObject', 'ListMultipartUploads', 'CreateMultipartUpload', 'UploadPart', 'UploadPart'];
    assert.deepEqual(operations(r2), [...sent, 'CompleteMultipartUpload']);
  });

  it('takes no file at all', async () => {
    assert.deepEqual(await uploadMany([], { s3: at.s3 }), []);
  });

  it('stores nothing of a file that changes meanwhile', async () => {
    const file = files.add('moving', 11 * MIB);
    // The second part waits, and meanwhile the file grows.
    r2.faults.add({ kind: 'delay', ms: 300, nth: 1, match: { operation: 'UploadPart' } });
    const running = uploadMany([file.path], { s3: at.s3 });
    while (!operations(r2).includes('UploadPart')) await new Promise((resolve) => setImmediate(resolve));
    fs.appendFileSync(file.path, 'more');
    const [outcome] = await running;
    assert.equal(outcome.error?.code, 'ERR_WARMPATH_SOURCE_CHANGED');
    assert.equal(await r2.get('media', 'moving'), null);
    assert.deepEqual(await begunUploads(at), []);
  });
});
