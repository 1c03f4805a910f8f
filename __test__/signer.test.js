'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { SignatureV4 } = require('@smithy/signature-v4');
const { Sha256 } = require('@aws-crypto/sha256-js');
const { SigV4Signer } = require('..');

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET };
const aws = new SigV4Signer({ ...keys, region: 'us-east-1' });
const host = 'examplebucket.s3.amazonaws.com';
const date = '20130524T000000Z';

// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html
test('the worked examples of the S3 documentation come out', () => {
  const signature = (request) => aws.sign({ date, ...request }).authorization.split('Signature=')[1];
  assert.equal(
    signature({ method: 'GET', url: `https://${host}/test.txt`, headers: { Range: 'bytes=0-9' } }),
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
  const put = {
    method: 'PUT',
    url: `https://${host}/test$file.text`,
    headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    body: 'Welcome to Amazon S3.',
  };
  assert.equal(signature(put), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
  assert.equal(
    signature({ method: 'GET', url: `https://${host}/?lifecycle` }),
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  );
  const url = aws.presign({ url: `https://${host}/test.txt`, date, expiresIn: 86400 });
  assert.match(url, /X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404$/);
});

test('a body signs the same as text, as bytes and by its hash', () => {
  const put = { method: 'PUT', url: `https://${host}/k`, date };
  const bytes = Buffer.from('xä€x');
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const { payloadHash, authorization } = aws.sign({ ...put, body: 'xä€x' });
  for (const request of [{ body: bytes }, { body: view }, { payloadHash }]) {
    assert.equal(aws.sign({ ...put, ...request }).authorization, authorization);
  }
  assert.equal(
    aws.sign({ ...put, payloadHash: 'UNSIGNED-PAYLOAD' }).headers['x-amz-content-sha256'],
    'UNSIGNED-PAYLOAD',
  );
});

test('sign gives all headers to send, in lower case, and explain the stages behind them', () => {
  const request = {
    method: 'get',
    url: `https://${host}/k`,
    headers: { 'Content-Type': 'a/b', 'X-Amz-Meta-N': 5 },
    date,
  };
  const { headers, authorization, amzDate, payloadHash } = aws.sign(request);
  assert.deepEqual(headers, {
    authorization,
    'content-type': 'a/b',
    host,
    'x-amz-content-sha256': payloadHash,
    'x-amz-date': amzDate,
    'x-amz-meta-n': '5',
  });
  const stages = aws.explain(request);
  assert.ok(stages.canonicalRequest.startsWith('GET\n/k\n\n'));
  assert.ok(stages.stringToSign.startsWith(`AWS4-HMAC-SHA256\n${date}\n20130524/us-east-1/s3/aws4_request\n`));
  assert.ok(authorization.endsWith(stages.signature));
});

test('the parts form of a URL is taken verbatim', () => {
  const parts = { scheme: 'https', host, path: '/a/../b//c', query: 'x=1' };
  assert.match(aws.explain({ method: 'GET', url: parts, date }).canonicalRequest, /^GET\n\/a\/\.\.\/b\/\/c\nx=1\n/);
});

test('requests agree with an independent implementation', async () => {
  const theirs = new SignatureV4({
    credentials: keys,
    region: 'auto',
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: true,
  });
  const ours = new SigV4Signer(keys);
  for (let i = 0; i < 200; i++) {
    const query = i % 3 ? { part: String(i), a: 'b c', 'ä&': '=' } : {};
    const body = i % 2 ? 'x'.repeat(i) : undefined;
    const path = `/media/file-${i}/%E2%82%AC%20${i}`;
    const hostname = 'acc.r2.cloudflarestorage.com';
    const signingDate = new Date(Date.UTC(2026, i % 12, 1 + (i % 28), i % 24, i % 60, i % 60, i));
    const headers = { host: hostname, 'content-type': `text/${i}`, 'x-amz-meta-a': ` a  b ${i}` };
    const request = { method: i % 2 ? 'PUT' : 'GET', protocol: 'https:', hostname, path, query, headers, body };
    const expected = await theirs.sign(request, { signingDate });
    const search = Object.entries(query).map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`);
    const url = `https://${hostname}${path}${search.length ? '?' : ''}${search.join('&')}`;
    const signed = ours.sign({ method: request.method, url, headers, body, date: signingDate });
    assert.equal(signed.authorization, expected.headers.authorization, `case ${i}`);
  }
});

test('presignMany gives what presign gives, and checks all first', () => {
  const requests = [1, 2, 3].map((i) => ({ url: `https://${host}/${i}`, date, expiresIn: i }));
  assert.deepEqual(
    aws.presignMany(requests),
    requests.map((request) => aws.presign(request)),
  );
  assert.throws(() => aws.presignMany([requests[0], {}]), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  assert.throws(() => aws.presignMany(requests[0]), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
});

test('two secrets under one key id sign differently, on the same day', () => {
  const other = new SigV4Signer({ ...keys, secretAccessKey: `${SECRET}x`, region: 'us-east-1' });
  const request = { method: 'GET', url: `https://${host}/`, date };
  const first = aws.sign(request).authorization;
  assert.notEqual(other.sign(request).authorization, first);
  assert.equal(aws.sign(request).authorization, first);
});

test('each side of midnight has its own day', () => {
  const day = (ms) => aws.sign({ method: 'GET', url: `https://${host}/`, date: ms }).authorization.split('/')[1];
  const midnight = Date.UTC(2026, 10, 23);
  assert.deepEqual([day(midnight - 1), day(midnight), day(midnight - 1)], ['20261122', '20261123', '20261122']);
});

test('the secret is nowhere on the object', () => {
  const token = 'session-token-value';
  const signer = new SigV4Signer({ ...keys, sessionToken: token });
  const shown = [
    inspect(signer, { showHidden: true, depth: 9 }),
    JSON.stringify(signer),
    ...Reflect.ownKeys(signer).map(String),
    ...Object.values(signer).map(String),
  ].join();
  assert.ok(!shown.includes(SECRET) && !shown.includes(token));
  assert.deepEqual(Object.keys(signer), []);
});

test('line breaks and control characters are refused wherever they are', () => {
  const bad = [
    { url: `https://${host}/a\r\nb` },
    { url: 'https://a\nb/' },
    { url: { scheme: 'https', host: 'h\n', path: '/' } },
    { url: { scheme: 'https', host: 'h', path: '/', query: 'a\nb' } },
    { url: 'ftp://h/' },
    { url: 'https://u:p@h/' },
    { headers: { a: 'b\r\nc: d' } },
    { headers: { 'a\n': 'b' } },
    { headers: { a: ['ok', 'b\nc'] } },
  ];
  for (const request of bad) {
    const whole = { method: 'GET', url: `https://${host}/`, ...request };
    for (const call of ['sign', 'presign', 'explain']) {
      assert.throws(
        () => aws[call](whole),
        { code: 'ERR_WARMPATH_INVALID_ARGUMENT', name: 'WarmpathError' },
        inspect(request),
      );
    }
  }
});
