'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const http = require('node:http');
const { after, before, describe, it } = require('node:test');
const aws4 = require('aws4');
const { R2Sandbox } = require('../lib/testing');

const CREDENTIALS = { accessKeyId: 'a'.repeat(32), secretAccessKey: 'b'.repeat(64) };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** Sends exactly what it is told: no client in between that would set it right. */
function send({ host, method = 'GET', path, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const req = http.request(
      { host: host.split(':')[0], port: host.split(':')[1], method, path, headers },
      async (res) => {
        const text = Buffer.concat(await res.toArray()).toString('utf8');
        resolve({ status: res.statusCode, code: /<Code>(.*?)<\/Code>/.exec(text)?.[1], text, headers: res.headers });
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

const longDate = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');

describe('R2Sandbox refuses', () => {
  let r2;
  let host;
  let now = Date.parse('2026-03-01T12:00:00Z');

  before(async () => {
    r2 = await R2Sandbox.start({ credentials: [CREDENTIALS], now: () => now });
    host = r2.url.slice('http://'.length);
    await r2.put('media', 'a key', Buffer.from('content'));
  });
  after(() => r2.close());

  /** A request signed by aws4, a library the sandbox does not use; `alter` spoils it afterwards. */
  function signed(request = {}, credentials = CREDENTIALS) {
    const { headers, ...rest } = request;
    const full = {
      host,
      service: 's3',
      region: 'auto',
      method: 'GET',
      path: '/media/a%20key',
      headers: { 'X-Amz-Date': longDate(now), ...headers },
      ...rest,
    };
    aws4.sign(full, credentials);
    return full;
  }
  const presigned = (request = {}) => {
    const { expires = 900, ...rest } = request;
    const path = rest.path ?? '/media/a%20key';
    const mark = path.includes('?') ? '&' : '?';
    return signed({
      signQuery: true,
      ...rest,
      headers: {},
      path: `${path}${mark}X-Amz-Date=${longDate(rest.at ?? now)}&X-Amz-Expires=${expires}`,
    });
  };

  it('nothing that is right (so that the refusals below mean something)', async () => {
    assert.equal((await send(signed())).text, 'content');
    assert.equal((await send(presigned())).text, 'content');
    assert.equal((await send(signed({ region: 'us-east-1' }))).status, 200);
    assert.equal((await send(signed({ headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } }))).status, 200);
    const odd = await send(signed({ path: '/media/a%20key?x=1&b=%C3%A9&a=+&empty' }));
    assert.equal(odd.status, 200, odd.text);
    assert.equal(r2.requests.at(-1).auth, 'header');
  });

  const refused = async (request, status, code) => {
    const answer = await send(request);
    assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
    assert.ok(!answer.text.includes('content') || code !== undefined);
    assert.equal(r2.requests.at(-1).code, code);
    assert.ok(!answer.text.includes(CREDENTIALS.secretAccessKey));
    return answer;
  };

  it('a wrong secret, and shows both texts that were signed', async () => {
    const answer = await refused(
      signed({}, { ...CREDENTIALS, secretAccessKey: 'c'.repeat(64) }),
      403,
      'SignatureDoesNotMatch',
    );
    assert.match(answer.text, /<StringToSign>AWS4-HMAC-SHA256\n/);
    assert.match(answer.text, /<CanonicalRequest>GET\n\/media\/a%20key\n/);
  });

  it('an unknown access key', async () => {
    await refused(signed({}, { ...CREDENTIALS, accessKeyId: 'nobody' }), 403, 'InvalidAccessKeyId');
  });

  it('another region or service', async () => {
    const answer = await refused(signed({ region: 'eu-west-1' }), 400, 'AuthorizationHeaderMalformed');
    assert.match(answer.text, /<Region>auto<\/Region>/);
    const other = signed({ service: 'sqs', headers: { 'X-Amz-Content-Sha256': sha256('') } });
    await refused(other, 400, 'AuthorizationHeaderMalformed');
    const query = presigned();
    query.path = query.path.replace('%2Fauto%2F', '%2Feu-west-1%2F');
    await refused(query, 400, 'AuthorizationQueryParametersError');
  });

  it('a scope of another day than the request', async () => {
    const request = signed();
    request.headers.Authorization = request.headers.Authorization.replace('/20260301/', '/20260228/');
    await refused(request, 400, 'AuthorizationHeaderMalformed');
  });

  it('a clock more than 15 minutes off, either way, and tells its own time', async () => {
    for (const [minutes, status] of [
      [-16, 403],
      [-14, 200],
      [14, 200],
      [16, 403],
    ]) {
      const answer = await send(signed({ headers: { 'X-Amz-Date': longDate(now + minutes * 60_000) } }));
      assert.equal(answer.status, status, `${minutes} minutes`);
      if (status === 403) {
        assert.equal(answer.code, 'RequestTimeTooSkewed');
        assert.match(answer.text, /<ServerTime>2026-03-01T12:00:00.000Z<\/ServerTime>/);
      }
    }
  });

  it('a presigned URL before its time, after it, and with a silly duration', async () => {
    const at = now - 1000_000;
    await refused(presigned({ at, expires: 999 }), 403, 'ExpiredRequest');
    assert.equal((await send(presigned({ at, expires: 1001 }))).status, 200);
    await refused(presigned({ at: now + 3_600_000 }), 403, 'AccessDenied');
    for (const expires of [0, 604_801, '1.5', '-1']) {
      await refused(presigned({ expires }), 400, 'AuthorizationQueryParametersError');
    }
  });

  it('no authorisation, a malformed one, and two at once', async () => {
    await refused({ host, path: '/media/a%20key' }, 400, 'InvalidArgument');
    for (const authorization of ['Bearer x', 'AWS4-HMAC-SHA256 nonsense', 'AWS abc:def', '']) {
      await refused({ host, path: '/media/a%20key', headers: { authorization } }, 401, 'Unauthorized');
    }
    const both = presigned();
    await refused({ ...both, headers: signed().headers }, 400, 'InvalidArgument');
  });

  it('missing dates and body hashes', async () => {
    const dateless = signed();
    delete dateless.headers['X-Amz-Date'];
    await refused(dateless, 403, 'AccessDenied');
    const hashless = signed();
    delete hashless.headers['X-Amz-Content-Sha256'];
    await refused(hashless, 400, 'InvalidRequest');
  });

  it('a tampered method, path, query, header or signature', async () => {
    const cases = {
      method: (one) => ({ ...one, method: 'DELETE' }),
      path: (one) => ({ ...one, path: one.path.replace('a%20key', 'b%20key') }),
      query: (one) => ({ ...one, path: `${one.path}${one.path.includes('?') ? '&' : '?'}versionId=1` }),
      signature: (one) => {
        const flip = (text) => text.replace(/(Signature=)(.)/, (_, name, c) => `${name}${c === '0' ? '1' : '0'}`);
        const headers = { ...one.headers };
        if (headers.Authorization) headers.Authorization = flip(headers.Authorization);
        return { ...one, headers, path: flip(one.path) };
      },
      shortened: (one) => {
        const cut = (text) => text.replace(/(Signature=[0-9a-f]{10})[0-9a-f]+/, '$1');
        const headers = { ...one.headers };
        if (headers.Authorization) headers.Authorization = cut(headers.Authorization);
        return { ...one, headers, path: cut(one.path) };
      },
    };
    for (const [name, alter] of Object.entries(cases)) {
      for (const make of [signed, presigned]) {
        const answer = await send(alter(make()));
        assert.deepEqual([answer.status, answer.code], [403, 'SignatureDoesNotMatch'], `${name} ${make.name}`);
      }
    }
    const request = signed({ headers: { 'Content-Type': 'image/png' } });
    request.headers['Content-Type'] = 'text/html';
    await refused(request, 403, 'SignatureDoesNotMatch');
    assert.equal((await r2.get('media', 'a key')).toString(), 'content', 'the tampered DELETE changed nothing');
  });

  it('x-amz headers that nobody signed, and a host that nobody signed', async () => {
    const extra = signed();
    extra.headers['x-amz-meta-evil'] = '1';
    const answer = await refused(extra, 403, 'AccessDenied');
    assert.match(answer.text, /<HeadersNotSigned>x-amz-meta-evil<\/HeadersNotSigned>/);
    const query = presigned();
    await refused({ ...query, headers: { ...query.headers, 'x-amz-acl': 'public-read' } }, 403, 'AccessDenied');
    const hostless = signed();
    hostless.headers.Authorization = hostless.headers.Authorization.replace('SignedHeaders=host;', 'SignedHeaders=');
    await refused(hostless, 403, 'AccessDenied');
  });

  it('a header that was signed, empty, and then taken away', async () => {
    const request = signed({ headers: { 'x-amz-meta-empty': '' } });
    assert.equal((await send(request)).status, 200);
    delete request.headers['x-amz-meta-empty'];
    await refused(request, 403, 'SignatureDoesNotMatch');
  });

  it('a body that is not the signed one', async () => {
    const put = (body, more) => signed({ method: 'PUT', path: '/media/upload', body, ...more });
    assert.equal((await send(put('right'))).status, 200);
    const wrong = put('right');
    await refused({ ...wrong, body: 'wrong' }, 400, 'XAmzContentSHA256Mismatch');
    assert.equal((await r2.get('media', 'upload')).toString(), 'right', 'the old object stays');
    const free = put('right', { headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' } });
    assert.equal((await send({ ...free, body: 'other' })).status, 200);
    const streamed = put('x', { headers: { 'X-Amz-Content-Sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } });
    await refused(streamed, 501, 'NotImplemented');
    await refused(put('x', { headers: { 'X-Amz-Content-Sha256': 'nonsense' } }), 400, 'InvalidArgument');
    const digest = put('right', { headers: { 'Content-MD5': createHash('md5').update('wrong').digest('base64') } });
    await refused(digest, 400, 'BadDigest');
  });

  it('an upload of unknown length', async () => {
    const request = signed({
      method: 'PUT',
      path: '/media/chunked',
      headers: { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' },
    });
    delete request.headers['Content-Length'];
    request.headers['Transfer-Encoding'] = 'chunked';
    await refused({ ...request, body: 'x' }, 411, 'MissingContentLength');
  });

  it('a session token that is missing, wrong or not expected', async () => {
    const temporary = { ...CREDENTIALS, accessKeyId: 'temporary', sessionToken: 'token+/=' };
    const other = await R2Sandbox.start({ credentials: [CREDENTIALS, temporary], now: () => now });
    await other.put('media', 'a key', Buffer.from('content'));
    const ask = (credentials) => send(signed({ host: other.url.slice(7) }, credentials));
    assert.equal((await ask(temporary)).status, 200);
    assert.equal((await ask({ ...temporary, sessionToken: undefined })).code, 'InvalidToken');
    assert.equal((await ask({ ...temporary, sessionToken: 'wrong' })).code, 'InvalidToken');
    assert.equal((await ask({ ...CREDENTIALS, sessionToken: 'why' })).code, 'InvalidToken');
    await other.close();
  });

  it('another day with a signing key of yesterday', async () => {
    const yesterday = signed();
    now += 24 * 3_600_000;
    await refused(yesterday, 403, 'RequestTimeTooSkewed');
    assert.equal((await send(signed())).status, 200);
  });

  it('wrong options', async () => {
    for (const options of [{ prot: 1 }, { port: -1 }, { credentials: [{}] }, { buckets: 'media' }, null]) {
      await assert.rejects(R2Sandbox.start(options), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });
});
