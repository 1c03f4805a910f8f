'use strict';

// What goes wrong between us and the store: each fault is shown to bite, and afterwards the object is whole or the outcome is a
// typed failure. Nothing begun is left either way.

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');
const { DeleteObjectCommand } = require('@aws-sdk/client-s3');
const { uploadMany } = require('../index.js');
const { MIB, begunUploads, startBucket } = require('./support/upload');

const INTERNAL =
  '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>again</Message></Error>';

describe('uploads through faults', () => {
  let r2;
  let at;
  let files;
  let close;
  before(async () => {
    ({ r2, at, files, close } = await startBucket());
  });
  after(() => close?.());
  afterEach(() => r2.reset());

  const timeouts = { firstByteMs: 500, answerMs: 500, connectMs: 1000 };

  const forget = () => at.sdk.send(new DeleteObjectCommand({ Bucket: 'media', Key: 'file' }));

  /** Uploads one file with a fault in the way. */
  async function through(fault, size, options = {}) {
    const file = files.add('file', size);
    const added = r2.faults.add(fault);
    const [outcome] = await uploadMany([file.path], { s3: at.s3, timeouts, ...options });
    const begun = await begunUploads(at);
    return { file, outcome, begun, bites: added.bites };
  }

  const passing = [
    ['503 on a part', { kind: 'status', status: 503, match: { operation: 'UploadPart' }, times: 2 }],
    ['a page of nginx on a part', { kind: 'status', status: 502, html: true, match: { operation: 'UploadPart' } }],
    ['SlowDown on a part', { kind: 'status', status: 429, retryAfter: 1, match: { operation: 'UploadPart' } }],
    ['a reset before a part', { kind: 'reset', match: { operation: 'UploadPart' }, nth: 2 }],
    ['a reset after a part', { kind: 'reset', at: 'answer', match: { operation: 'UploadPart' } }],
    ['a cut in a part', { kind: 'cutAfterBytes', side: 'request', bytes: MIB, match: { operation: 'UploadPart' } }],
    ['500 on the beginning', { kind: 'status', status: 500, match: { operation: 'CreateMultipartUpload' } }],
    ['503 on the end', { kind: 'status', status: 503, match: { operation: 'CompleteMultipartUpload' } }],
    [
      'a 200 that is an error on the end',
      { kind: 'status', status: 200, body: INTERNAL, match: { operation: 'CompleteMultipartUpload' } },
    ],
    ['a reset before the end', { kind: 'reset', at: 'body', match: { operation: 'CompleteMultipartUpload' } }],
    ['a lost answer to the end', { kind: 'reset', at: 'answer', match: { operation: 'CompleteMultipartUpload' } }],
    [
      'an empty answer to the end',
      { kind: 'emptyBody', at: 'answer', match: { operation: 'CompleteMultipartUpload' } },
    ],
    [
      'no answer to the end',
      { kind: 'stallBeforeHead', at: 'answer', match: { operation: 'CompleteMultipartUpload' } },
    ],
    ['a refusal out of nowhere', { kind: 'status', status: 403, match: { operation: 'UploadPart' } }],
    ['503 on the look before', { kind: 'status', status: 503, match: { operation: 'HeadObject' } }],
    ['a list that is refused', { kind: 'status', status: 501, match: { operation: 'ListMultipartUploads' } }],
  ];
  for (const [name, fault] of passing) {
    // A condition matters to the request that ends the upload.
    for (const overwrite of fault.match.operation.startsWith('Complete') ? [true, false] : [true]) {
      it(`${name}: the object is whole (overwrite: ${overwrite})`, async () => {
        await forget();
        const { file, outcome, begun, bites } = await through(fault, 6 * MIB, { overwrite });
        assert.ok(bites > 0, 'the fault never bit');
        assert.equal(outcome.status, 'uploaded', outcome.error?.message);
        assert.equal(outcome.parts, 2);
        assert.ok((await r2.get('media', 'file')).equals(file.bytes));
        assert.deepEqual(begun, []);
      });
    }
  }

  const single = [
    ['503', { kind: 'status', status: 503, times: 2 }],
    ['a reset before the body', { kind: 'reset', at: 'head' }],
    ['a reset after all was stored', { kind: 'reset', at: 'answer' }],
    ['an answer of nobody', { kind: 'status', status: 502, html: true, at: 'answer' }],
  ];
  for (const [name, fault] of single) {
    it(`a small file through ${name}, without taking its own first try for another object`, async () => {
      await forget();
      const given = { ...fault, match: { operation: 'PutObject' } };
      const { file, outcome, bites } = await through(given, 100_000, { overwrite: false });
      assert.ok(bites > 0, 'the fault never bit');
      assert.equal(outcome.status, 'uploaded', outcome.error?.message);
      assert.ok((await r2.get('media', 'file')).equals(file.bytes));
    });
  }

  const failing = [
    [
      'a store that is down',
      { kind: 'status', status: 500, times: Infinity, match: { operation: 'UploadPart' } },
      'UNAVAILABLE',
    ],
    [
      'a store that wants much patience',
      { kind: 'status', status: 429, retryAfter: 60, match: { operation: 'UploadPart' } },
      'THROTTLED',
    ],
    [
      'no right to write',
      { kind: 'status', status: 403, times: Infinity, match: { operation: 'UploadPart' } },
      'ACCESS',
    ],
    [
      'a refusal',
      {
        kind: 'status',
        status: 400,
        body: INTERNAL.replace('InternalError', 'EntityTooLarge'),
        match: { operation: 'CompleteMultipartUpload' },
      },
      'REJECTED',
    ],
    [
      'a redirect',
      { kind: 'status', status: 302, headers: { Location: '/x' }, times: Infinity, match: { operation: 'HeadObject' } },
      'PROTOCOL',
    ],
  ];
  for (const [name, fault, code] of failing) {
    it(`${name} is a failure of that file, and its parts are removed`, async () => {
      await forget();
      const { outcome, begun, bites } = await through(fault, 6 * MIB);
      assert.ok(bites > 0, 'the fault never bit');
      assert.deepEqual([outcome.status, outcome.error?.code], ['failed', `ERR_WARMPATH_S3_${code}`]);
      assert.equal(outcome.error.phase, 'upload');
      if (code === 'THROTTLED') assert.equal(outcome.error.retryAfterMs, 60_000);
      assert.equal(await r2.get('media', 'file'), null);
      assert.deepEqual(begun, []);
    });
  }

  it('an upload that somebody else has ended is sent anew by the next run', async () => {
    const fault = { kind: 'status', status: 404, body: INTERNAL.replace('InternalError', 'NoSuchUpload') };
    const { file, outcome, begun } = await through({ ...fault, match: { operation: 'UploadPart' }, nth: 2 }, 6 * MIB);
    assert.deepEqual([outcome.error?.code, outcome.error?.class], ['ERR_WARMPATH_S3_UNAVAILABLE', 'transient']);
    assert.deepEqual(begun, []);
    assert.equal((await uploadMany([file.path], { s3: at.s3 }))[0].status, 'uploaded');
  });

  it('a wrong secret and a store that is nobody are told apart', async () => {
    const file = files.add('file', 10);
    const wrong = { ...at.s3, secretAccessKey: 'w'.repeat(64) };
    const nobody = { ...at.s3, endpoint: 'http://127.0.0.1:1' };
    for (const [s3, code] of [
      [wrong, 'S3_SIGNATURE'],
      [nobody, 'S3_UNAVAILABLE'],
    ]) {
      const [outcome] = await uploadMany([file.path], { s3, resume: false });
      assert.equal(outcome.error?.code, `ERR_WARMPATH_${code}`);
      assert.doesNotMatch(JSON.stringify(outcome), /wwww/);
    }
  });
});
