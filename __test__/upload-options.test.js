'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { getEventListeners } = require('node:events');
const { WarmpathError, uploadMany } = require('../index.js');
const { MIB, begunUploads, startBucket } = require('./support/upload');

const S3 = { endpoint: 'http://127.0.0.1:1', bucket: 'media', accessKeyId: 'a', secretAccessKey: 's' };
const refusal = (files, options) =>
  uploadMany(files, options).then(
    () => assert.fail('it should have been refused'),
    (error) => error,
  );

describe('what uploadMany refuses before anything is sent', () => {
  it('options', async () => {
    const wrong = {
      s3: [undefined, null, {}, 'x'],
      concurrency: [0, 65, 1.5, NaN, '4', -1, 2 ** 32 + 5, null],
      prefix: [1, null, 'a\0', '\ud800', 'x'.repeat(1025)],
      key: ['x', null, {}],
      onProgress: [1, null],
      signal: [{}, true, null],
      resume: [0, 'false', null],
      overwrite: [1, null],
      timeouts: [{ answerMs: 0 }, { nope: 1 }, null],
      http: [{ proxy: 'ftp://x' }, null],
      unknown: [1],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const error = await refusal([], { s3: S3, [name]: value });
        assert.equal(error.code, 'ERR_WARMPATH_INVALID_OPTION', `${name}: ${String(value)}`);
        assert.ok(error.option.startsWith(name), error.option);
      }
    }
    for (const value of [undefined, null, 1, []]) {
      assert.equal((await refusal([], value)).code, 'ERR_WARMPATH_INVALID_OPTION');
    }
  });

  it('files', async () => {
    const file = { path: 'a' };
    const wrong = [
      ['files', 'a'],
      ['files', null],
      ['files', new Set(['a'])],
      ['files[0]', [1]],
      ['files[0]', [null]],
      ['files[1]', ['a', undefined]],
      // biome-ignore lint/suspicious/noSparseArray: a hole is the input.
      ['files[1]', ['a', , 'b']],
      ['files[0].path', ['']],
      ['files[0].path', ['a\0b']],
      ['files[0].path', [{}]],
      ['files[0].key', [{ ...file, key: '' }]],
      ['files[0].key', [{ ...file, key: 'é'.repeat(513) }]],
      ['files[0].contentType', [{ ...file, contentType: 'x\r\ny: z' }]],
      ['files[0].contentType', [{ ...file, contentType: 'text' }]],
      ['files[0].metadata', [{ ...file, metadata: [] }]],
      ['files[0].metadata', [{ ...file, metadata: { 'a b': 'x' } }]],
      ['files[0].metadata.A', [{ ...file, metadata: { a: 'x', A: 'y' } }]],
      ['files[0].metadata.SHA256', [{ ...file, metadata: { SHA256: 'x' } }]],
      ['files[0].metadata.a', [{ ...file, metadata: { a: 'é' } }]],
      ['files[0].metadata.a', [{ ...file, metadata: { a: 'x\r\ny' } }]],
      ['files[0].metadata.a', [{ ...file, metadata: { a: 1 } }]],
      ['files[0].metadata', [{ ...file, metadata: { a: 'x'.repeat(2048) } }]],
      ['files[0].nope', [{ ...file, nope: 1 }]],
      ['files[1].key', ['x/a', 'y/a']],
      ['files[1].key', [{ ...file, key: 'b' }, 'b']],
    ];
    for (const [option, files] of wrong) {
      const error = await refusal(files, { s3: S3 });
      assert.deepEqual([error.code, error.option], ['ERR_WARMPATH_INVALID_ARGUMENT', option], error.message);
    }
    for (const key of [1, undefined, null, '', Promise.resolve('a')]) {
      const error = await refusal(['a'], { s3: S3, key: () => key });
      assert.deepEqual([error.code, error.option], ['ERR_WARMPATH_INVALID_ARGUMENT', 'files[0].key']);
    }
    const mine = new Error('mine');
    const thrown = await refusal(['a'], {
      s3: S3,
      key: () => {
        throw mine;
      },
    });
    assert.equal(thrown, mine);
  });
});

describe('a signal', () => {
  let r2;
  let at;
  let files;
  let close;
  before(async () => {
    ({ r2, at, files, close } = await startBucket());
  });
  after(() => close?.());

  it('that has fired stops it before it begins', async () => {
    const reason = new Error('why');
    const error = await refusal(['nobody'], { s3: at.s3, signal: AbortSignal.abort(reason) });
    assert.ok(error instanceof WarmpathError);
    assert.deepEqual(
      [error.name, error.code, error.cause, error.outcomes],
      ['AbortError', 'ERR_WARMPATH_ABORTED', reason, []],
    );
    assert.equal(r2.requests.length, 0);
  });

  it('ends what runs, removes its parts, begins no more, and tells what was done', async () => {
    const made = ['done', 'cut', 'never'].map((name, index) => files.add(name, index === 1 ? 11 * MIB : 10));
    const controller = new AbortController();
    r2.faults.add({ kind: 'stallBeforeHead', match: { operation: 'UploadPart' }, nth: 2 });
    const running = refusal(
      made.map((file) => file.path),
      {
        s3: at.s3,
        concurrency: 1,
        signal: controller.signal,
        // One part is there and the next is stuck.
        onProgress: ({ bytes }) => bytes > 5 * MIB && controller.abort(),
      },
    );
    const error = await running;
    assert.equal(error.code, 'ERR_WARMPATH_ABORTED');
    assert.deepEqual(
      error.outcomes.map(({ key, status }) => [key, status]),
      [['done', 'uploaded']],
    );
    assert.deepEqual(await begunUploads(at), []);
    assert.equal(await r2.get('media', 'cut'), null);
    assert.equal(r2.requests.filter((request) => request.key === 'never').length, 0);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  it('does not wait for a store that has stopped answering', async () => {
    const made = [files.add('small', 10), files.add('large', 6 * MIB)];
    for (const [file, operation] of [
      [made[0], 'PutObject'],
      [made[1], 'CompleteMultipartUpload'],
    ]) {
      r2.reset();
      r2.faults.add({ kind: 'stallBeforeHead', match: { operation } });
      const controller = new AbortController();
      const running = refusal([file.path], { s3: at.s3, signal: controller.signal });
      while (!r2.requests.some((request) => request.operation === operation)) await new Promise(setImmediate);
      controller.abort();
      assert.deepEqual((await running).outcomes, []);
      assert.deepEqual(await begunUploads(at), []);
    }
  });

  it('that fires when all is done changes nothing', async () => {
    const controller = new AbortController();
    const file = files.add('late', 10);
    const onProgress = ({ outcome }) => outcome && controller.abort();
    const [outcome] = await uploadMany([file.path], { s3: at.s3, signal: controller.signal, onProgress });
    assert.equal(outcome.status, 'uploaded');
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });
});
