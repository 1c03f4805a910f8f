'use strict';

// What a signer takes and what it refuses: every refusal is a WarmpathError with a stable code that names the field.

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { SigV4Signer, WarmpathError } = require('..');

const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 's'.repeat(64) };
const signer = new SigV4Signer({ ...keys, accountId: 'acc', bucket: 'media' });
const request = { method: 'GET', url: 'https://h/p' };
const date = '20261122T023000Z';

/** Wrong values by field. */
const BAD = {
  method: ['', 'G T', 5, null, 'GET\n', 'GET\r\nX: y', 'GÉT', 'G\0T'],
  url: [
    '',
    5,
    null,
    [],
    {},
    'h/p',
    'ftp://h/',
    'https://',
    'https:///p',
    'https://u:p@h/',
    'https://:443/',
    'https://h:/',
    'https://h:80x/',
    'https://h:99999/',
    'https://[::1/',
    'https://h x/',
    'https://h\\evil/a',
    'https://bücher.example/',
    'https://h/a\r\nb',
    'https://h/a\tb',
    'https://h/a\0b',
    'https://h/a\x7fb',
    'https://h/?a=\nb',
    'https://h\n/',
    'https://h/\ud800',
    { scheme: 'ftp', host: 'h', path: '/' },
    { scheme: 'http', host: 'h' },
    { scheme: 'http', path: '/' },
    { scheme: 'http', host: '', path: '/' },
    { scheme: 'http', host: 'h', path: 'a/b' },
    { scheme: 'http', host: 'h/x', path: '/' },
    { scheme: 'http', host: 'u@h', path: '/' },
    { scheme: 'http', host: 'a,b', path: '/' },
    { scheme: 'http', host: 'h', path: '/a\rb' },
    { scheme: 'http', host: 'h', path: '/', query: 'a\nb' },
    { scheme: 'http', host: 'h', path: '/', query: 5 },
    { scheme: 'http', host: 'h', path: '/', port: 5 },
  ],
  headers: [
    5,
    [],
    new Map(),
    { 'a b': 'x' },
    { '': 'x' },
    { é: 'x' },
    { 'a\nb': 'x' },
    { a: null },
    { a: {} },
    { a: [5, null] },
    { a: new Array(1) },
    { a: Number.NaN },
    { a: 'b\r\nc: d' },
    { a: 'b\nc\nd' },
    { a: ['ok', 'b\nc'] },
    { a: 'é' },
    { a: 'a\0' },
    { a: 'a\x7f' },
    { host: '' },
    { host: 'a/b' },
    { host: ['a', 'b'] },
    { Host: 'a', host: 'b' },
    { 'x-amz-content-sha256': '' },
    { 'x-amz-content-sha256': 'zz zz' },
  ],
  body: [5, {}, [1], new ArrayBuffer(1), true],
  payloadHash: ['', 5, null, 'a b', 'a\n', 'zz', 'E'.repeat(64)],
  date: [
    '',
    'today',
    '2026-11-22',
    '2026-02-30T00:00:00Z',
    '2026-11-22T02:30:00',
    '20261122T243000Z',
    '0099-01-01T00:00:00Z',
    '2026-11-22T00:00:00+99:00',
    '2026-11-22T00:00:00+01:60',
    Number.NaN,
    -1,
    1.5,
    253_402_300_800_000,
    new Date('x'),
    {},
    null,
  ],
  region: ['auto'],
  key: ['a'],
};
const BAD_PRESIGN = { expiresIn: [0, -1, 604_801, 1.5, '5', Number.NaN, null], hoist: [1, 'yes', null] };

function refused(field, text) {
  return (err) => {
    assert.ok(err instanceof WarmpathError, `${text}: ${err.stack}`);
    assert.equal(err.code, 'ERR_WARMPATH_INVALID_ARGUMENT', text);
    assert.match(err.option, new RegExp(`^requests?(\\[1\\])?\\.${field}`), text);
    assert.ok(err.message.startsWith(err.option), err.message);
    return true;
  };
}

test('every part of a request refuses wrong values, by name, in every call', () => {
  const calls = {
    sign: (bad) => signer.sign(bad),
    explain: (bad) => signer.explain(bad),
    presign: (bad) => signer.presign(bad),
    'explain presign': (bad) => signer.explain({ ...bad, presign: true }),
    presignMany: (bad) => signer.presignMany([request, bad]),
    'presignMany, mixed': (bad) => signer.presignMany([{ ...request, headers: { b: 'c' } }, bad]),
  };
  let checked = 0;
  for (const [name, call] of Object.entries(calls)) {
    const fields = /^(sign|explain)$/.test(name) ? BAD : { ...BAD, ...BAD_PRESIGN };
    for (const [field, values] of Object.entries(fields)) {
      for (const value of values) {
        const text = `${name} ${field} = ${inspect(value)}`;
        assert.throws(() => call({ ...request, [field]: value }), refused(field, text), text);
        checked++;
      }
    }
  }
  assert.ok(checked > 500, `${checked} cases`);
});

test('what is no request, or lacks a part, is refused', () => {
  class Request {}
  for (const wrong of [undefined, null, 5, 'x', [], new Request(), new Map(), () => {}]) {
    for (const call of ['sign', 'presign', 'explain']) {
      assert.throws(() => signer[call](wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'request' });
    }
  }
  assert.throws(() => signer.sign({ url: 'https://h' }), { option: 'request.method' });
  assert.throws(() => signer.sign({ method: 'GET' }), { option: 'request.url' });
  assert.throws(() => signer.sign({ ...request, expiresIn: 5 }), { option: 'request.expiresIn' });
  assert.throws(() => signer.sign({ ...request, presign: true }), { option: 'request.presign' });
  assert.throws(() => signer.explain({ ...request, expiresIn: 5 }), { option: 'request.expiresIn' });
  assert.throws(() => signer.presignMany(request), { option: 'requests' });
  assert.throws(() => signer.presignMany([request], 5), { option: 'shared' });
  for (const wrong of [5, null, undefined]) {
    assert.throws(() => signer.presignMany([request, wrong]), { option: 'requests[1]' });
  }
});

test('nothing inside of a batch becomes a request of its own', () => {
  const smuggled = 'x\n1 0 604800\nhttps://h/SECRET';
  for (const bad of [
    { url: 'https://h/1', headers: { a: smuggled } },
    { url: 'https://h/1', headers: { a: 'b', [smuggled]: 'c' } },
    { url: `https://h/1\n${smuggled}` },
    { url: 'https://h/1', method: smuggled },
    { url: 'https://h/1', payloadHash: smuggled },
    { url: { scheme: 'https', host: 'h', path: `/${smuggled}` } },
    { url: { scheme: 'https', host: smuggled, path: '/' } },
  ]) {
    assert.throws(() => signer.presignMany([bad]), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' }, inspect(bad));
    assert.throws(() => signer.presignMany([request, bad, request]), { option: /^requests\[1\]/ }, inspect(bad));
  }
});

test('a request that is signed already is not signed by headers as well', () => {
  for (const query of ['X-Amz-Signature=0', 'a=b&x-amz-algorithm=c', 'X-Amz%2DSignature=0']) {
    assert.throws(() => signer.sign({ ...request, url: `https://h/p?${query}` }), { option: 'request.url.query' });
    // presign replaces an earlier signature.
    assert.equal(signer.presign({ url: `https://h/p?${query}` }).match(/x-amz-signature=/gi).length, 1);
  }
});

test('a polluted prototype supplies nothing and breaks nothing', () => {
  const expected = signer.sign({ ...request, date, headers: { a: 'b' } });
  const url = signer.presign({ url: request.url, date });
  for (const name of ['method', 'url', 'headers', 'body', 'date', 'expiresIn', 'region', 'toJSON', 'host']) {
    Object.prototype[name] = 'polluted';
  }
  try {
    assert.deepEqual(signer.sign({ ...request, date, headers: { a: 'b' } }), expected);
    assert.equal(signer.presign({ url: request.url, date }), url);
    assert.throws(() => signer.sign({ method: 'GET' }), { option: 'request.url' });
  } finally {
    for (const name of ['method', 'url', 'headers', 'body', 'date', 'expiresIn', 'region', 'toJSON', 'host']) {
      delete Object.prototype[name];
    }
  }
});

test('a header of any name is sent and signed, also those that objects have a meaning for', () => {
  const headers = JSON.parse('{ "__proto__": "a", "constructor": "b", "toString": "c" }');
  const signed = signer.sign({ ...request, date, headers });
  assert.deepEqual(Object.keys(signed.headers).sort(), [
    '__proto__',
    'authorization',
    'constructor',
    'host',
    'tostring',
    'x-amz-content-sha256',
    'x-amz-date',
  ]);
  assert.match(signed.authorization, /SignedHeaders=__proto__;constructor;host;tostring;/);
});

test('dates are read in every documented form', () => {
  const at = (when) => signer.sign({ ...request, date: when }).amzDate;
  const ms = Date.UTC(2026, 10, 22, 2, 30);
  const forms = [
    '20261122T023000Z',
    '2026-11-22T02:30:00Z',
    '2026-11-22T02:30Z',
    '2026-11-22T03:30:00+01:00',
    '2026-11-21T21:00:00-05:30',
    '2026-11-22T02:30:00.999Z',
    '2026-11-22T02:30:00.123456Z',
    ms,
    ms + 999,
    new Date(ms),
  ];
  for (const form of forms) assert.equal(at(form), date, String(form));
  assert.equal(at(0), '19700101T000000Z');
  assert.equal(at(253_402_300_799_999), '99991231T235959Z');
});

test('values to send are as they were given, trimmed; only what is signed is folded', () => {
  const headers = { 'X-Amz-Meta-A': 'one   two', b: ' x ', c: [' 1 ', '2  3'], D: 5, e: undefined, f: [], g: ['only'] };
  const given = { ...request, date, headers };
  const { headers: sent } = signer.sign(given);
  assert.equal(sent['x-amz-meta-a'], 'one   two');
  assert.deepEqual([sent.b, sent.c, sent.d, sent.g], ['x', '1,2  3', '5', 'only']);
  assert.ok(!('e' in sent) && !('f' in sent));
  const canonical = signer.explain(given).canonicalRequest;
  for (const line of ['x-amz-meta-a:one two', 'b:x', 'c:1,2 3', 'd:5', 'g:only']) {
    assert.ok(canonical.includes(`\n${line}\n`), line);
  }
});

test('a host that is given wins over that of the URL', () => {
  for (const url of ['https://h/p', 'https://other/p', 'https://H:443/p', { scheme: 'https', host: 'h', path: '/p' }]) {
    for (const name of ['host', 'Host']) {
      const given = { method: 'GET', url, date, headers: { [name]: 'given:8443' } };
      for (let i = 0; i < 2; i++) {
        assert.equal(signer.sign(given).headers.host, 'given:8443');
        assert.match(signer.explain(given).canonicalRequest, /\nhost:given:8443\n/);
        const fresh = new SigV4Signer(keys).sign({ ...given, headers: { [name]: 'given:8443', a: 'b' } });
        const again = signer.sign({ ...given, headers: { a: 'b', [name]: 'given:8443' } });
        assert.deepEqual(again, fresh);
      }
      const alone = signer.sign(given).authorization;
      assert.ok(alone.endsWith(signer.explain(given).signature));
    }
  }
});

test("the caller's own payload hash is the payload hash, as a header too", () => {
  const put = { method: 'PUT', url: 'https://h/p', date, body: 'text' };
  const unsigned = signer.sign({ ...put, body: undefined, payloadHash: 'UNSIGNED-PAYLOAD' });
  assert.deepEqual(signer.sign({ ...put, headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } }), unsigned);
  assert.deepEqual(signer.sign({ ...put, payloadHash: 'UNSIGNED-PAYLOAD' }), unsigned);
  assert.notEqual(signer.sign(put).payloadHash, unsigned.payloadHash);
});
