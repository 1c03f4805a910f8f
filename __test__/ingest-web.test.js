'use strict';

// Media from web servers that break off, lie, stall and point elsewhere.

const assert = require('node:assert/strict');
const http = require('node:http');
const test = require('node:test');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const { startIngest, startWeb, refusal, sha256 } = require('./support/ingest.js');
const { until } = require('./support/prewarm.js');

let web;
test.before(async () => {
  web = await startWeb();
});
test.after(() => web.close());

test('a download that breaks is resumed, and is the same file', async (t) => {
  const { executor, stored } = startIngest(t, { web });
  const bytes = randomBytes(1_000_000);
  const url = web.serve('/cut', bytes, { cut: [1, 300_000, 5], headers: { 'content-type': 'application/x-thing' } });
  const value = await executor.run({ source: { url } });
  assert.equal(value.sha256, sha256(bytes));
  assert.equal(value.mime, 'application/x-thing');
  assert.equal(executor.stats().resumes, 3);
  const ranges = web.requests.filter((r) => r.url === '/cut').map((r) => r.headers.range);
  assert.deepEqual(ranges.slice(0, 2), [undefined, 'bytes=1-']);
  assert.equal(web.requests.at(-1).headers['accept-encoding'], 'identity');
  assert.equal(stored().length, 1);
});

test('a download that cannot be resumed is tried again', async (t) => {
  const { executor, stored } = startIngest(t, { web, retry: { quick: 1, baseMs: 1, maxMs: 1 } });
  const bytes = randomBytes(400_000);
  // Without a name of its version the rest could be of another one.
  const url = web.serve('/unnamed', bytes, { cut: [300_000], headers: { etag: 'W/"weak"' } });
  const value = await executor.run({ source: { url } });
  assert.equal(value.sha256, sha256(bytes));
  assert.equal(executor.stats().retries, 1);
  const ranges = web.requests.filter((r) => r.url === '/unnamed').map((r) => r.headers.range);
  assert.deepEqual(ranges, [undefined, undefined]);
  assert.equal(stored().length, 1);
});

test('what is too large is not read on', async (t) => {
  const { executor, stored, temporary } = startIngest(t, { web, maxBytes: 500_000 });
  const bytes = randomBytes(20_000_000);
  const declared = await refusal(executor, { source: { url: web.serve('/declared', bytes) } });
  assert.equal(declared.code, 'ERR_WARMPATH_TOO_LARGE');
  assert.equal(executor.stats().bytesIn, 0);
  const real = await refusal(executor, { source: { url: web.serve('/real', bytes, { chunked: true }) } });
  assert.equal(real.code, 'ERR_WARMPATH_TOO_LARGE');
  assert.ok(executor.stats().bytesIn < 1_000_000);
  assert.deepEqual(stored(), []);
  await until(() => temporary().length === 0);
});

test('a server that stalls, or trickles, is given up', async (t) => {
  const timeouts = { firstByteMs: 50, idleMs: 50 };
  const { executor } = startIngest(t, { web, timeouts });
  const hang = await refusal(executor, { source: { url: web.serve('/hang', null, { hang: true }) } });
  assert.deepEqual([hang.code, hang.class], ['ERR_WARMPATH_DOWNLOAD_TIMEOUT', 'transient']);
  const answer = (_req, res) => {
    res.writeHead(200, { 'content-length': 1000 });
    res.write('x');
  };
  const stall = await refusal(executor, { source: { url: web.serve('/stall', null, { answer }) } });
  assert.equal(stall.code, 'ERR_WARMPATH_DOWNLOAD_TIMEOUT');
});

test('answers that are no medium have their codes', async (t) => {
  const { executor, stored } = startIngest(t, { web });
  const encoded = { 'content-encoding': 'gzip' };
  for (const [code, how, bytes = Buffer.from('x')] of [
    ['SOURCE_UNRESOLVED', { status: 404 }],
    ['SOURCE_UNRESOLVED', { status: 410 }],
    ['SOURCE_UNRESOLVED', { status: 401 }],
    ['SOURCE_UNRESOLVED', { status: 403 }],
    ['SOURCE_REJECTED', { status: 400 }],
    ['SOURCE_REJECTED', { status: 204 }],
    ['SOURCE_REJECTED', { headers: encoded }],
    ['DOWNLOAD_FAILED', { status: 500 }],
    ['DOWNLOAD_FAILED', {}, Buffer.alloc(0)],
  ]) {
    const err = await refusal(executor, { source: { url: web.serve('/answer', bytes, how) } });
    assert.equal(err.code, `ERR_WARMPATH_${code}`, JSON.stringify(how));
    assert.equal(err.phase, 'download');
    assert.ok(!err.message.includes('127.0.0.1'), err.message);
  }
  assert.deepEqual(stored(), []);
});

test('a server that asks to be left alone is: the job goes back with its time, uncharged', async (t) => {
  const { executor } = startIngest(t, { web });
  const leased = async (status, headers) => {
    const url = web.serve('/busy', Buffer.from('x'), { status, headers });
    const settled = once(executor, 'settled');
    executor.submit({ source: { url }, leaseMs: 60_000 });
    const [[{ error, charged }]] = await settled;
    return [error.code, error.class, error.retryAfterMs, charged];
  };
  const throttled = (ms) => ['ERR_WARMPATH_SOURCE_THROTTLED', 'throttled', ms, false];
  assert.deepEqual(await leased(429, { 'retry-after': '7' }), throttled(7000));
  assert.deepEqual(await leased(503, { 'retry-after': '90' }), throttled(90_000));
  const [code, , ms] = await leased(429, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() });
  assert.ok(code === 'ERR_WARMPATH_SOURCE_THROTTLED' && ms > 50_000 && ms <= 60_000, `${code} ${ms}`);
  assert.equal((await leased(503, {}))[0], 'ERR_WARMPATH_DOWNLOAD_FAILED');
  // A short wait is waited for, a second at the least.
  let asked = 0;
  const answer = (_req, res) => {
    asked++;
    res.writeHead(asked === 1 ? 429 : 200, { 'retry-after': '0', 'content-length': 1 }).end('x');
  };
  const before = performance.now();
  await executor.run({ source: { url: web.serve('/soon', null, { answer }) } });
  assert.ok(asked === 2 && performance.now() - before >= 990);
});

test('a redirect leads to where the first URL could have led, and takes no secret along', async (t) => {
  const inside = http.createServer((_req, res) => res.end('secret'));
  let connections = 0;
  inside.on('connection', () => connections++);
  await new Promise((resolve) => inside.listen(0, '127.0.0.1', resolve));
  t.after(() => inside.close());
  const other = await startWeb();
  t.after(() => other.close());
  const { executor } = startIngest(t, { http: { plain: true, allow: [web.host, other.host] } });
  const bytes = randomBytes(100);
  const to = (location) => web.serve('/redirect', null, { status: 302, headers: { location } });
  const headers = { authorization: 'Bearer secret', 'x-key': 'secret' };
  const job = (location) => ({ source: { url: to(location), headers } });
  assert.equal((await executor.run(job(other.serve('/there', bytes)))).sha256, sha256(bytes));
  assert.equal(other.requests[0].headers.authorization, undefined);
  assert.equal(other.requests[0].headers['x-key'], undefined);
  for (const location of [
    `http://127.0.0.1:${inside.address().port}/`,
    `http://localhost:${inside.address().port}/`,
    `http://[::ffff:127.0.0.1]:${inside.address().port}/`,
    'file:///etc/passwd',
    '/redirect',
  ]) {
    assert.equal((await refusal(executor, job(location))).code, 'ERR_WARMPATH_URL_REFUSED', location);
  }
  assert.equal(connections, 0);
});

test('dropping a job closes its connection and removes its file', async (t) => {
  const { executor, stored, temporary } = startIngest(t, { web });
  let closed = false;
  const answer = (req, res) => {
    req.on('close', () => {
      closed = true;
    });
    res.writeHead(200, { 'content-length': 10_000_000 });
    res.write(randomBytes(1_000_000));
  };
  const job = executor.run({ key: 'k', source: { url: web.serve('/endless', null, { answer }) } });
  await until(() => temporary().length === 1);
  assert.equal(executor.cancel('k'), true);
  await assert.rejects(job, { code: 'ERR_WARMPATH_CANCELLED' });
  await until(() => closed && temporary().length === 0);
  assert.deepEqual(stored(), []);
});
