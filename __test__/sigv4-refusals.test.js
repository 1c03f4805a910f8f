'use strict';

// Nothing that a caller passes on from somewhere else may become a line, a header or a request of its own.

const assert = require('node:assert/strict');
const test = require('node:test');
const { SigV4Signer } = require('..');

const signer = new SigV4Signer({ accessKeyId: 'AKID', secretAccessKey: 's'.repeat(64) });
const plain = { method: 'GET', url: 'https://h.example/1', date: 0 };
const parts = { scheme: 'https', host: 'h.example', path: '/1', query: 'a=1' };

/** Every place where a text goes, with `text` in it. */
function places(text) {
  return {
    method: { method: `GET${text}` },
    url: { url: `https://h.example/1${text}` },
    'host in a url': { url: `https://h.example${text}/1` },
    'query in a url': { url: `https://h.example/1?a=${text}` },
    host: { url: { ...parts, host: `h.example${text}` } },
    path: { url: { ...parts, path: `/1${text}` } },
    query: { url: { ...parts, query: `a=${text}` } },
    'header value': { headers: { a: `b${text}` } },
    'header values': { headers: { a: ['b', `c${text}`] } },
    'header name': { headers: { [`a${text}`]: 'b' } },
    'host header': { headers: { host: `h.example${text}` } },
    'payload hash': { payloadHash: `UNSIGNED-PAYLOAD${text}` },
    'payload hash header': { headers: { 'x-amz-content-sha256': `UNSIGNED-PAYLOAD${text}` } },
  };
}

const CALLS = {
  sign: (request) => signer.sign(request),
  explain: (request) => signer.explain(request),
  presign: (request) => signer.presign(request),
  'presignMany, alone': (request) => signer.presignMany([request]),
  'presignMany, among others': (request) => signer.presignMany([plain, request, { ...plain, headers: { a: 'b' } }]),
};

const TEXTS = {
  LF: '\n',
  CR: '\r',
  'CR LF and a header': '\r\nx-amz-acl: public-read',
  NUL: '\0',
  ESC: '\u001b',
  DEL: '\u007f',
  // What a request in a list looks like to a signer that joins them by lines.
  'a request of its own': '\n1 0 604800\nhttps://h.example/other',
  'a header of its own': '\nx-amz-acl\npublic-read',
};

for (const [what, text] of Object.entries(TEXTS)) {
  test(`${what} is refused wherever it stands`, () => {
    for (const [place, change] of Object.entries(places(text))) {
      for (const [call, sign] of Object.entries(CALLS)) {
        assert.throws(
          () => sign({ ...plain, ...change }),
          { name: 'WarmpathError', code: 'ERR_WARMPATH_INVALID_ARGUMENT' },
          `${what} as ${place} in ${call}`,
        );
      }
    }
  });
}

test('a list has one URL for each request, in their order', () => {
  const requests = Array.from({ length: 40 }, (_, i) => ({
    ...plain,
    url: i % 3 ? `https://h.example/${i}` : { ...parts, path: `/${i}` },
    ...(i % 2 ? { headers: { a: [`${i}`, ' b'], 'x-amz-meta-i': '' } } : {}),
    ...(i % 5 ? {} : { method: 'PATCH', body: `${i}` }),
  }));
  const urls = signer.presignMany(requests);
  assert.equal(urls.length, requests.length);
  for (const [i, url] of urls.entries()) {
    assert.match(url, new RegExp(`^https://h\\.example/${i}\\?`));
    assert.equal(url, signer.presign(requests[i]));
  }
});

const UNSIGNABLE = {
  'a path that does not begin with a slash: it would lengthen the host': { url: { ...parts, path: 'evil.example/1' } },
  'a url without a host': { url: 'https://:443/1' },
  'an empty host header': { headers: { host: '' } },
  'two hosts': { headers: { host: ['a.example', 'b.example'] } },
  'a host with a slash': { url: { ...parts, host: 'h.example/2' } },
  'a host with a user': { url: { ...parts, host: 'user@h.example' } },
  'a host with a space': { url: { ...parts, host: 'h.example 2' } },
  'a host with a backslash': { url: 'https://h.example\\evil/1' },
  'a host that is not ASCII': { url: 'https://b\u00fccher.example/1' },
  'a port that is no number': { url: 'https://h.example:80x/1' },
  'a tab in the path': { url: 'https://h.example/1\t2' },
  'an empty payload hash header': { headers: { 'x-amz-content-sha256': '' } },
  'a payload hash header that is no hash': { headers: { 'x-amz-content-sha256': 'zz zz' } },
  'a header value that is not ASCII': { headers: { a: '\u00e9' } },
  'a date in the year 99': { date: '0099-01-01T00:00:00Z' },
  'a zone that is none': { date: '2026-11-22T00:00:00+99:99' },
};

test('what no server could accept is refused', () => {
  const signed = [];
  for (const [what, change] of Object.entries(UNSIGNABLE)) {
    for (const call of ['sign', 'presign', 'explain']) {
      try {
        CALLS[call]({ ...plain, ...change });
        signed.push(`${call}: ${what}`);
      } catch (error) {
        assert.equal(error.code, 'ERR_WARMPATH_INVALID_ARGUMENT', `${what}: ${error.message}`);
      }
    }
  }
  assert.deepEqual(signed, []);
});
