'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { checkExecutorJob, checkWorkerJob } = require('../lib/options/job.js');

const job = { botSlug: 'b', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'k', token: '1:a', chatIds: [1] };
const BAD_FIELDS = {
  botSlug: ['', 5, null, 'a\0', 'x'.repeat(256), '\ud800'],
  sha256: ['', 'A'.repeat(64), 'a'.repeat(63), 'g'.repeat(64), `${'a'.repeat(63)}\n`, 5, null],
  kind: ['', 'Photo', 'picture', 'toString', 5, null],
  r2Key: ['', 5, null, 'x'.repeat(1025), 'é'.repeat(513), '\ud800'],
  token: ['', 'abc', '1:', ':a', '1:a/../x', '1:a\n', 5, null],
  chatIds: [
    [],
    5,
    '5',
    null,
    [1.5],
    [Number.NaN],
    [2 ** 60],
    [''],
    ['abc'],
    ['@'],
    ['1 '],
    [null],
    [[1]],
    new Array(1),
  ],
  fileName: ['', 5, null],
  contentType: ['', 'image', 'image/', 'a b/c', 'image/png\r\nx: y', 5],
  size: [-1, 1.5, Number.NaN, 2 ** 53, '5', null],
  priority: [1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1, '5', null],
  caption: [5, null, 'x'.repeat(4097)],
  width: [0, 1.5, '5', 65_536, null],
  height: [0, 1.5, '5', 65_536, null],
  duration: [-1, 1.5, '5', 2 ** 31, null],
  title: ['', 5, null, 'x'.repeat(257)],
  performer: ['', 5, null, 'x'.repeat(257)],
  key: ['', 5, null, 'x'.repeat(1025)],
  leaseMs: [0, -1, 1.5, '5', null],
  sizes: [5],
  enqueued_at: [5],
};

test('every field of a job refuses wrong values, by name', () => {
  for (const [field, values] of Object.entries(BAD_FIELDS)) {
    for (const value of values) {
      assert.throws(
        () => checkExecutorJob({ ...job, [field]: value }),
        (err) => err.code === 'ERR_WARMPATH_INVALID_JOB' && err.option.startsWith(`job.${field}`),
        `${field} = ${value}`,
      );
    }
  }
  for (const field of ['botSlug', 'sha256', 'kind', 'r2Key', 'token', 'chatIds']) {
    const { [field]: _gone, ...rest } = job;
    assert.throws(() => checkExecutorJob(rest), { code: 'ERR_WARMPATH_INVALID_JOB', option: `job.${field}` });
  }
  assert.throws(() => checkExecutorJob({ ...job, path: '/x' }), { option: 'job.r2Key' });
  assert.throws(() => checkWorkerJob(job), { option: /^job\.(token|chatIds)$/ });
  assert.throws(() => checkExecutorJob(null), { code: 'ERR_WARMPATH_INVALID_JOB' });
});

test('a job gets its key and textual chat ids; nothing else of it changes', () => {
  const ids = [1, '-100123', '@channel', '9007199254740993'];
  const given = Object.freeze({ ...job, chatIds: Object.freeze(ids), priority: -3, caption: '' });
  const out = checkExecutorJob(given);
  assert.deepEqual({ ...out }, { ...given, chatIds: ids.map(String), key: `photo:${job.sha256}:b` });
  assert.equal(checkExecutorJob({ ...job, key: 'mine' }).key, 'mine');
  const { r2Key: _r2Key, ...file } = job;
  assert.equal(checkExecutorJob({ ...file, path: '/tmp/x' }).path, '/tmp/x');
});

test('what a job says of its media travels together, and not at all where it says nothing', () => {
  const said = { width: 4, height: 3, duration: 0, title: 't', performer: 'p' };
  const out = checkExecutorJob({ ...job, ...said });
  assert.deepEqual(out.media, said);
  assert.ok(Object.keys(said).every((name) => !(name in out)));
  assert.ok(!('media' in checkExecutorJob(job)));
  assert.throws(() => checkExecutorJob({ ...job, media: said }), { option: 'job.media' });
  assert.equal(checkWorkerJob({ botSlug: 'b', sha256: job.sha256, kind: 'video', r2Key: 'k', width: 4 }).width, 4);
});
