'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { isDeepStrictEqual } = require('node:util');
const { Queue, SigV4Signer, PrewarmExecutor, PrewarmWorker, MemoryStore, WarmpathError } = require('..');
const { executorOptions } = require('../lib/options/executor.js');

const SECRET = 'top-secret-value';
const s3 = { endpoint: 'https://s3.example', bucket: 'media', accessKeyId: 'AK', secretAccessKey: SECRET };
const resolveBot = async () => null;

const WRONG = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  1.5,
  2 ** 32 + 5,
  1e300,
  '5',
  null,
  {},
  [],
  Symbol('x'),
  1n,
];

const base = { s3 };
const worker = { s3, resolveBot };

/** Every option, what makes it, and the wrong values that happen to be right for it. */
const TABLE = [
  ...['capacity'].map((p) => [Queue, {}, p]),
  ...['capacity'].map((p) => [MemoryStore, {}, p]),
  [MemoryStore, {}, 'delaysMs', [[]]],
  ...['accessKeyId', 'secretAccessKey', 'sessionToken', 'region', 'service'].map((p) => [
    SigV4Signer,
    s3Keys(),
    p,
    ['5'],
  ]),
  ...['uriEscapePath', 'normalizePath', 'applyChecksum'].map((p) => [SigV4Signer, s3Keys(), p]),
  ...[
    [PrewarmExecutor, base],
    [PrewarmWorker, worker],
  ].flatMap(([make, options]) => [
    ...['concurrency', 'capacity', 'route', 'cache', 'verifySha256', 's3'].map((p) => [make, options, p]),
    ...['onTooLarge', 'onRejected', 'onOtherKind', 'onLargePhoto', 'probe', 'faststart'].map((p) => [make, options, p]),
    ...['telegram', 'timeouts', 'http', 'retry', 'limits'].map((p) => [make, options, p, [{}]]),
    ...['token', 'chat', 'group', 'channel', 'sameSize'].map((p) => [make, options, `limits.${p}`, [{}]]),
    ...['uploadsPerToken', 'bytesInFlight', 'recoverMs'].map((p) => [make, options, `limits.${p}`]),
    ...['limit', 'periodMs', 'burst'].map((p) => [make, options, `limits.group.${p}`]),
    ...['aboveBytes', 'msPerMegabyte', 'minMs', 'maxMs', 'bucketMs'].map((p) => [
      make,
      options,
      `limits.sameSize.${p}`,
    ]),
    ...['s3.endpoint', 's3.jurisdiction', 's3.virtualHost'].map((p) => [make, options, p]),
    ...['s3.bucket', 's3.accessKeyId', 's3.secretAccessKey', 's3.sessionToken', 's3.region'].map((p) => [
      make,
      options,
      p,
      ['5'],
    ]),
    ...['telegram.apiRoot', 'telegram.maxUploadBytes', 'telegram.local', 'http.ca', 'http.proxy'].map((p) => [
      make,
      options,
      p,
    ]),
    ...['retry.quick', 'retry.baseMs', 'retry.maxMs'].map((p) => [make, options, p]),
    ...['connectMs', 'firstByteMs', 'idleMs', 'answerMs', 'minBytesPerSecond'].map((p) => [
      make,
      options,
      `timeouts.${p}`,
    ]),
  ]),
  [PrewarmWorker, worker, 'retry.delaysMs', [[]]],
  ...['leaseMs', 'pollMs', 'retryWeakId', 'pool', 'store', 'resolveBot', 'logger', 'observe'].map((p) => [
    PrewarmWorker,
    worker,
    p,
  ]),
];

function s3Keys() {
  return { accessKeyId: 'AK', secretAccessKey: SECRET };
}

/** A copy of `options` with the value put at the path. */
function withValue(options, path, value) {
  const [head, ...tail] = path.split('.');
  const rest = tail.length === 0 ? value : withValue(options[head] ?? {}, tail.join('.'), value);
  return { ...options, [head]: rest };
}

function refused(make, path, text) {
  return (err) => {
    assert.ok(err instanceof WarmpathError, `${text}: ${err.stack}`);
    assert.equal(err.code, 'ERR_WARMPATH_INVALID_OPTION', text);
    assert.equal(err.option, path, text);
    assert.ok(err.message.startsWith(path), `${make.name}: ${err.message}`);
    assert.ok(!err.message.includes(SECRET));
    return true;
  };
}

test('every option refuses every wrong value, by name', () => {
  let checked = 0;
  for (const [make, options, path, fine = []] of TABLE) {
    for (const value of WRONG) {
      if (fine.some((ok) => isDeepStrictEqual(ok, value))) continue;
      const text = `${make.name} ${path} = ${typeof value === 'symbol' ? 'symbol' : `${typeof value} ${value}`}`;
      assert.throws(
        () => new make(withValue(options, path, value)),
        (err) => {
          // A missing field of an empty object is named itself.
          const named = err.option?.startsWith(`${path}.`) ? err.option : path;
          return refused(make, named, text)(err);
        },
        text,
      );
      checked++;
    }
  }
  assert.ok(checked > 900, `${checked} cases`);
});

test('every object of options refuses an unknown key', () => {
  const places = [
    [Queue, {}, ''],
    [Queue, {}, '', 'name'],
    [MemoryStore, {}, ''],
    [SigV4Signer, s3Keys(), ''],
    ...['', 's3.', 'telegram.', 'retry.', 'timeouts.', 'http.'].flatMap((p) => [
      [PrewarmExecutor, base, p],
      [PrewarmWorker, worker, p],
    ]),
    [PrewarmExecutor, base, 'retry.', 'delaysMs'],
  ];
  for (const [make, options, prefix, key = 'concurency'] of places) {
    const path = `${prefix}${key}`;
    assert.throws(() => new make(withValue(options, path, 5)), refused(make, path, path));
  }
  assert.throws(() => new Queue({ [Symbol('capacity')]: 5 }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
});

test('a polluted prototype supplies nothing and breaks nothing', () => {
  const names = ['capacity', 'concurrency', 'sessionToken', 'bucket', 'toJSON', 'unknown'];
  for (const name of names) Object.prototype[name] = 999;
  try {
    assert.equal(executorOptions(base).concurrency, 5);
    assert.equal(executorOptions(base).capacity, 500);
    assert.equal(new Queue().stats().capacity, 500);
    const { bucket: _bucket, ...noBucket } = s3;
    assert.throws(() => executorOptions({ s3: noBucket }), { option: 's3.bucket' });
  } finally {
    for (const name of names) delete Object.prototype[name];
  }
});

test('options are plain objects: an instance or a prototype chain is refused', () => {
  for (const options of [Object.create({ capacity: 5 }), new Map(), [], 'x', 5, null, () => {}]) {
    assert.throws(() => new Queue(options), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  }
  assert.equal(new Queue(Object.assign(Object.create(null), { capacity: 7 })).stats().capacity, 7);
  assert.equal(new Queue({ capacity: undefined }).stats().capacity, 500);
});

test('an account id becomes an R2 endpoint', () => {
  const { endpoint: _endpoint, ...rest } = s3;
  const endpoint = (extra) => executorOptions({ s3: { ...rest, ...extra } }).s3.endpoint;
  assert.equal(endpoint({ accountId: 'abc' }), 'https://abc.r2.cloudflarestorage.com');
  assert.equal(endpoint({ accountId: 'abc', jurisdiction: 'eu' }), 'https://abc.eu.r2.cloudflarestorage.com');
  assert.equal(endpoint({ accountId: 'abc', jurisdiction: 'fedramp' }), 'https://abc.fedramp.r2.cloudflarestorage.com');
  assert.throws(() => endpoint({}), { option: 's3.endpoint' });
  assert.throws(() => endpoint({ accountId: 'abc', endpoint: 'https://x' }), { option: 's3.accountId' });
  assert.throws(() => endpoint({ endpoint: 'https://x', jurisdiction: 'eu' }), { option: 's3.jurisdiction' });
  for (const accountId of ['a/b', 'a.b', 'a@b', ''])
    assert.throws(() => endpoint({ accountId }), { option: 's3.accountId' });
});

test('endpoints are http(s) URLs without credentials, query or fragment', () => {
  for (const endpoint of [
    'ftp://h',
    'h',
    'https://',
    'https://u:p@h',
    'https://h?x',
    'https://h#x',
    'https://h/a b',
    'file:///x',
  ]) {
    assert.throws(() => executorOptions({ s3: { ...s3, endpoint } }), { option: 's3.endpoint' }, endpoint);
  }
  assert.throws(() => executorOptions({ s3, telegram: { apiRoot: 'http://h?x' } }), { option: 'telegram.apiRoot' });
  assert.equal(executorOptions({ s3, http: { proxy: 'http://u:p@h:1' } }).http.proxy, 'http://u:p@h:1');
});

test('a credential with a line break is refused without being shown', () => {
  for (const secretAccessKey of [`${SECRET}\n`, ` ${SECRET}`, `${SECRET}é`]) {
    assert.throws(
      () => executorOptions({ s3: { ...s3, secretAccessKey } }),
      refused(PrewarmExecutor, 's3.secretAccessKey', 'secret'),
    );
  }
});

test('the URL route alone needs verification off, and a cache its size', () => {
  assert.ok(executorOptions({ s3, limits: false, cache: false, route: 'stream' }));
  assert.throws(() => executorOptions({ s3, route: 'url' }), /verifySha256/);
  assert.equal(executorOptions({ s3, route: 'url', verifySha256: false }).route, 'url');
  const { cache } = executorOptions({ s3, cache: { maxBytes: 1000 } });
  assert.deepEqual({ ...cache }, { maxBytes: 1000, ttlMs: 300_000 });
  for (const wrong of [
    {},
    { maxBytes: 0 },
    { maxBytes: '1' },
    { maxBytes: 1, ttlMs: -1 },
    { maxBytes: 1, keep: 1 },
    true,
  ]) {
    assert.throws(() => executorOptions({ s3, cache: wrong }), /^WarmpathError.*: cache/);
  }
});

test('a worker needs a way to look bots up', () => {
  assert.throws(() => new PrewarmWorker({ s3 }), { option: 'resolveBot' });
});
