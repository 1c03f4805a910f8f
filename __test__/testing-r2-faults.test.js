'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const { after, afterEach, before, describe, it } = require('node:test');
const S3 = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { R2Sandbox, selfSignedCa } = require('../lib/testing');

const SIZE = 400_000;
const BYTES = randomBytes(SIZE);

/** One GET that reports what came and how it ended. `onData` sees the bytes as they come. */
function get(url, { headers = {}, method = 'GET', body, ca, onData } = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const result = { status: null, headers: null, error: null, complete: false };
    const done = () => resolve(Object.assign(result, { body: Buffer.concat(chunks) }));
    const agent = ca ? new https.Agent({ ca }) : new http.Agent();
    const req = (ca ? https : http).request(url, { agent, method, headers }, (res) => {
      Object.assign(result, { status: res.statusCode, headers: res.headers });
      res.on('data', (chunk) => {
        chunks.push(chunk);
        onData?.(Buffer.concat(chunks), req);
      });
      res.on('error', (error) => {
        result.error = error;
      });
      res.on('close', () => {
        result.complete = res.complete;
        done();
      });
    });
    req.on('error', (error) => {
      result.error = error;
      if (result.status === null) done();
    });
    req.end(body);
  });
}

for (const secure of [false, true]) {
  describe(`faults of R2Sandbox over ${secure ? 'TLS' : 'plain HTTP'}`, () => {
    let r2;
    let ca;
    let client;
    let url;
    let putUrl;

    before(async () => {
      const tls = secure ? await selfSignedCa() : undefined;
      ca = tls?.ca;
      r2 = await R2Sandbox.start(secure ? { tls: { key: tls.key, cert: tls.cert } } : {});
      const options = { endpoint: r2.url, region: 'auto', forcePathStyle: true };
      const [credentials] = r2.credentials;
      client = new S3.S3Client({ ...options, credentials, requestChecksumCalculation: 'WHEN_REQUIRED' });
      await r2.put('media', 'object', BYTES);
      url = await getSignedUrl(client, new S3.GetObjectCommand({ Bucket: 'media', Key: 'object' }));
      putUrl = await getSignedUrl(client, new S3.PutObjectCommand({ Bucket: 'media', Key: 'put' }));
    });
    afterEach(() => r2.faults.clear());
    after(() => r2.close());

    const ask = (more) => get(url, { ca, ...more });
    const whole = async () => {
      const got = await ask();
      assert.ok(got.complete && got.body.equals(BYTES), 'harm is over');
    };

    it('status: 500, SlowDown as XML, HTML of a proxy, own headers', async () => {
      const fault = r2.faults.add({ kind: 'status', status: 500, times: 2 });
      assert.deepEqual([(await ask()).status, (await ask()).status], [500, 500]);
      assert.equal(fault.bites, 2);
      await whole();
      r2.faults.add({ kind: 'status', status: 503, retryAfter: 3, headers: { 'x-mark': 'yes' } });
      const slow = await ask();
      assert.match(slow.body.toString(), /<Code>SlowDown<\/Code>/);
      assert.deepEqual([slow.headers['retry-after'], slow.headers['x-mark']], ['3', 'yes']);
      r2.faults.add({ kind: 'status', status: 502, html: true });
      const html = await ask();
      assert.equal(html.headers['content-type'], 'text/html');
      assert.match(html.body.toString(), /nginx/);
      r2.faults.add({ kind: 'status', status: 418, body: 'own' });
      assert.equal((await ask()).body.toString(), 'own');
    });

    it('stallBeforeHead: nothing comes until the client gives up', async () => {
      const fault = r2.faults.add({ kind: 'stallBeforeHead' });
      const gone = new AbortController();
      const req = (secure ? https : http).request(url, { ca, signal: gone.signal });
      let answered = false;
      req.on('response', () => {
        answered = true;
      });
      const closed = new Promise((resolve) => req.on('close', resolve));
      req.on('error', () => {});
      req.end();
      await fault.bitten();
      gone.abort();
      await closed;
      assert.equal(answered, false);
      await whole();
    });

    it('stallAfterBytes: exactly so many bytes, and the connection stays open', async () => {
      const fault = r2.faults.add({ kind: 'stallAfterBytes', bytes: 100_000 });
      const got = await ask({ onData: (bytes, req) => bytes.length >= 100_000 && req.destroy() });
      assert.equal(fault.bites, 1);
      assert.equal(got.headers['content-length'], String(SIZE));
      assert.ok(got.body.equals(BYTES.subarray(0, 100_000)));
      await whole();
    });

    it('cutAfterBytes: the bytes before the mark, then a broken connection', async () => {
      const fault = r2.faults.add({ kind: 'cutAfterBytes', bytes: 70_000, after: 1 });
      await whole();
      const got = await ask();
      assert.equal(fault.bites, 1);
      assert.equal(got.complete, false);
      assert.ok(got.body.equals(BYTES.subarray(0, 70_000)));
      await whole();
    });

    it('cutAfterBytes with reset: the client sees ECONNRESET', async () => {
      const fault = r2.faults.add({ kind: 'cutAfterBytes', bytes: 0, reset: true });
      const got = await ask();
      assert.equal(fault.bites, 1);
      assert.equal(got.error?.code, 'ECONNRESET');
      assert.equal(got.complete, false);
    });

    it('truncate: an orderly end too early', async () => {
      const fault = r2.faults.add({ kind: 'truncate', bytes: 1 });
      const got = await ask();
      assert.deepEqual([got.complete, got.body.length, fault.bites], [false, 1, 1]);
    });

    it('does not count a mark behind the end of the body', async () => {
      const fault = r2.faults.add({ kind: 'cutAfterBytes', bytes: SIZE });
      await whole();
      assert.deepEqual([fault.taken, fault.bites], [1, 0]);
    });

    it('trickle: everything comes, in many pieces', async () => {
      const fault = r2.faults.add({ kind: 'trickle', bytesPerSecond: 4_000_000 });
      let pieces = 0;
      const got = await ask({
        onData: () => {
          pieces += 1;
        },
      });
      assert.ok(got.complete && got.body.equals(BYTES));
      assert.ok(pieces >= 2, `${pieces} pieces`);
      assert.equal(fault.bites, 1);
    });

    it('changeEtag: before an answer, and behind the back of one that is cut', async () => {
      const { etag } = await r2.put('media', 'changing', BYTES);
      const one = await getSignedUrl(client, new S3.GetObjectCommand({ Bucket: 'media', Key: 'changing' }));
      const fault = r2.faults.add({ kind: 'changeEtag', match: { keyPattern: 'changing' } });
      assert.equal((await get(one, { ca, headers: { 'if-match': etag } })).status, 412);
      assert.equal(fault.bites, 1);
      const cut = r2.faults.add({ kind: 'cutAfterBytes', bytes: 10 });
      const change = r2.faults.add({ kind: 'changeEtag', at: 'answer' });
      const broken = await get(one, { ca });
      assert.deepEqual([broken.body.length, cut.bites, change.bites], [10, 1, 1]);
      const resume = { range: 'bytes=10-', 'if-match': broken.headers.etag };
      assert.equal((await get(one, { ca, headers: resume })).status, 412);
      const fresh = await get(one, { ca });
      assert.notEqual(fresh.headers.etag, broken.headers.etag);
    });

    it('delay goes together with another fault', async () => {
      const delay = r2.faults.add({ kind: 'delay', ms: 5 });
      const status = r2.faults.add({ kind: 'status', status: 500 });
      assert.equal((await ask()).status, 500);
      assert.deepEqual([delay.bites, status.bites], [1, 1]);
      assert.deepEqual(r2.requests.at(-1).faults, ['delay', 'status']);
    });

    it('emptyBody: 200 with nothing', async () => {
      const fault = r2.faults.add({ kind: 'emptyBody' });
      const got = await ask();
      assert.deepEqual([got.status, got.complete, got.body.length, fault.bites], [200, true, 0, 1]);
    });

    it('answerThenClose: an answer before the upload was read', async () => {
      const fault = r2.faults.add({ kind: 'answerThenClose', status: 503, match: { method: 'PUT' } });
      const got = await get(putUrl, { ca, method: 'PUT', body: 'small' });
      assert.deepEqual([got.status, got.headers.connection, fault.bites], [503, 'close', 1]);
      assert.equal(await r2.get('media', 'put'), null);
    });

    it('cuts and stalls uploads after so many bytes', async () => {
      const cut = r2.faults.add({ kind: 'cutAfterBytes', bytes: 1000, side: 'request' });
      const got = await get(putUrl, { ca, method: 'PUT', body: BYTES });
      assert.deepEqual([got.status, cut.bites], [null, 1]);
      assert.ok(got.error);
      const stall = r2.faults.add({ kind: 'stallAfterBytes', bytes: 1000, side: 'request' });
      const req = (secure ? https : http).request(putUrl, { ca, method: 'PUT', headers: { 'content-length': SIZE } });
      req.on('error', () => {});
      req.end(BYTES);
      await stall.bitten();
      req.destroy();
      assert.equal(await r2.get('media', 'put'), null, 'nothing half-stored');
      const slow = r2.faults.add({ kind: 'trickle', bytesPerSecond: 8_000_000, side: 'request' });
      assert.equal((await get(putUrl, { ca, method: 'PUT', body: BYTES })).status, 200);
      assert.equal(slow.bites, 1);
      assert.ok((await r2.get('media', 'put')).equals(BYTES));
    });

    it('closes while clients hang on stalled answers', async () => {
      const tls = secure ? await selfSignedCa() : undefined;
      const other = await R2Sandbox.start(secure ? { tls: { key: tls.key, cert: tls.cert } } : {});
      await other.put('media', 'object', BYTES);
      const mine = new S3.S3Client({
        endpoint: other.url,
        region: 'auto',
        forcePathStyle: true,
        credentials: other.credentials[0],
      });
      const link = await getSignedUrl(mine, new S3.GetObjectCommand({ Bucket: 'media', Key: 'object' }));
      const fault = other.faults.add({ kind: 'stallAfterBytes', bytes: 5, times: 3 });
      const hanging = [1, 2, 3].map(() => get(link, { ca: tls?.ca }));
      await fault.bitten(3);
      await other.close();
      for (const one of await Promise.all(hanging)) assert.equal(one.complete, false);
    });
  });
}

describe('the schedule of faults', () => {
  let r2;
  let url;
  before(async () => {
    r2 = await R2Sandbox.start();
    const client = new S3.S3Client({
      endpoint: r2.url,
      region: 'auto',
      forcePathStyle: true,
      credentials: r2.credentials[0],
    });
    await r2.put('media', 'a/1', BYTES);
    url = await getSignedUrl(client, new S3.GetObjectCommand({ Bucket: 'media', Key: 'a/1' }));
  });
  after(() => r2.close());
  const control = async (method, path, body) => {
    const init = { method, body: body && JSON.stringify(body) };
    const answer = await fetch(`${r2.url}/__sandbox/${path}`, init);
    return { status: answer.status, json: await answer.json() };
  };

  it('is open to other processes over HTTP', async () => {
    const added = await control('POST', 'faults', {
      kind: 'status',
      status: 500,
      times: null,
      match: { method: 'GET', keyPattern: '^a.1$' },
    });
    assert.equal(added.status, 200);
    assert.equal((await get(url)).status, 500);
    assert.equal((await get(url)).status, 500);
    const list = (await control('GET', 'faults')).json;
    assert.deepEqual([list.length, list[0].bites, list[0].match], [1, 2, { method: 'GET', keyPattern: '^a.1$' }]);
    assert.equal((await control('DELETE', `faults/${list[0].id}`)).status, 200);
    assert.equal((await control('DELETE', `faults/${list[0].id}`)).status, 404);
    assert.equal((await get(url)).status, 200);
    assert.equal((await control('GET', 'requests')).json.length, 3);
    assert.equal((await control('POST', 'faults', { kind: 'nonsense' })).status, 400);
    assert.equal((await control('GET', 'toString')).status, 404);
    const put = await fetch(`${r2.url}/__sandbox/objects/media/by%20control`, { method: 'PUT', body: 'x' });
    assert.equal(put.status, 200);
    assert.equal((await r2.get('media', 'by control')).toString(), 'x');
    assert.equal((await control('POST', 'reset')).status, 200);
    assert.deepEqual([r2.requests.length, await r2.get('media', 'a/1')], [0, null]);
  });

  it('refuses what cannot be', () => {
    for (const spec of [
      { kind: 'none' },
      { kind: 'malformedJson' },
      { kind: 'status' },
      { kind: 'status', status: 500, often: 1 },
      { kind: 'status', status: 500, times: 0 },
      { kind: 'status', status: 500, match: { chatId: 1 } },
      { kind: 'truncate', bytes: 1, at: 'head' },
      { kind: 'truncate', bytes: 1, side: 'request' },
      { kind: 'trickle', bytesPerSecond: 0 },
      { kind: 'status', status: 500, match: { keyPattern: '(' } },
      null,
    ]) {
      assert.throws(() => r2.faults.add(spec), { code: 'ERR_WARMPATH_INVALID_OPTION' }, JSON.stringify(spec));
    }
    assert.deepEqual(r2.faults.list(), []);
  });
});
