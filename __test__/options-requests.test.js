'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { checkExecutorJob, checkWorkerJob } = require('../lib/options/job.js');
const { signerRequest } = require('../lib/options/signer.js');

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
  key: ['', 5, null, 'x'.repeat(1025)],
  leaseMs: [0, -1, 1.5, '5', null],
  sizes: [5],
  enqueued_at: [5],
};

const request = { method: 'GET', url: 'https://h/p' };

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

test('every part of a request to sign refuses wrong values, by name', () => {
  const bad = {
    method: ['', 'G T', 5, null, 'GET\n'],
    url: ['', 5, null, [], {}, { scheme: 'ftp', host: 'h', path: '/' }, { scheme: 'http', host: 'h' }],
    headers: [
      5,
      [],
      new Map(),
      { 'a b': 'x' },
      { '': 'x' },
      { a: null },
      { a: {} },
      { a: [5, null] },
      { a: Number.NaN },
    ],
    body: [5, {}, [1], new ArrayBuffer(1), true],
    payloadHash: ['', 5, null, 'a b', 'a\n'],
    date: [
      '',
      'today',
      '2026-11-22',
      '2026-02-30T00:00:00Z',
      '2026-11-22T02:30:00',
      '20261122T243000Z',
      Number.NaN,
      -1,
      1.5,
      new Date('x'),
      {},
    ],
    expiresIn: [0, -1, 604801, 1.5, '5', Number.NaN],
    region: ['auto'],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.throws(
        () => signerRequest({ ...request, [field]: value }, { presign: true }),
        (err) => err.code === 'ERR_WARMPATH_INVALID_ARGUMENT' && err.option.startsWith(`request.${field}`),
        `${field} = ${String(value)}`,
      );
    }
  }
  assert.throws(() => signerRequest({ ...request, expiresIn: 5 }), { option: 'request.expiresIn' });
  assert.throws(() => signerRequest({ url: 'https://h' }), { option: 'request.method' });
});

test('dates are read in every documented form', () => {
  const at = (date) => JSON.parse(signerRequest({ ...request, date }).json).epochMs;
  const ms = Date.UTC(2026, 10, 22, 2, 30);
  const forms = [
    '20261122T023000Z',
    '2026-11-22T02:30:00Z',
    '2026-11-22T02:30Z',
    '2026-11-22T03:30:00+01:00',
    '2026-11-21T21:00:00-05:30',
  ];
  for (const form of [...forms, ms, new Date(ms)]) assert.equal(at(form), ms, String(form));
  assert.equal(at('2026-11-22T02:30:00.1Z'), ms + 100);
  assert.equal(at('2026-11-22T02:30:00.123456Z'), ms + 123);
});

test('headers become pairs: names merge by case, numbers become text', () => {
  const { headers } = JSON.parse(signerRequest({ ...request, headers: { A: ['1', '2'], a: 3, b: undefined } }).json);
  assert.deepEqual(headers, [
    ['a', '1'],
    ['a', '2'],
    ['a', '3'],
  ]);
});
