'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const http = require('node:http');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { startStage, sha256 } = require('./support/prewarm.js');
const { startFetchingBotApi } = require('./support/fetching-bot-api.js');

// The store is the R2 sandbox: it checks the signature of every URL with a library that is not ours.

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());

async function open(t, options = {}, server = {}) {
  const telegram = await startFetchingBotApi(server);
  const executor = new PrewarmExecutor(stage.options({ telegram: { apiRoot: telegram.url }, ...options }));
  t.after(async () => {
    await executor.close({ timeoutMs: 0 });
    await telegram.close();
  });
  stage.r2.reset();
  return { executor, telegram };
}

const reads = () => stage.r2.requests.map(({ method }) => method);

/** A PDF as far as its type says: a type of document that Telegram fetches. */
async function pdf(extra, bytes = randomBytes(3000)) {
  const job = await stage.job({ contentType: 'application/pdf', size: bytes.length, ...extra }, bytes);
  return { job, bytes };
}

test('Telegram reads the object by a URL that an independent library finds rightly signed', async (t) => {
  const { executor, telegram } = await open(t, { verifySha256: false });
  for (const r2Key of ['plain.pdf', "dir/a b+c%d!'()*é 日本.pdf", 'a//b/c.pdf']) {
    const { job, bytes } = await pdf({ r2Key });
    stage.r2.requests.length = 0;
    const value = await executor.run(job);
    assert.deepEqual([value.route, value.routeReason, value.bytes], ['url', 'direct', 3000]);
    const got = telegram.fetched.at(-1);
    assert.equal(sha256(got.bytes), sha256(bytes));
    assert.equal(got.type, 'application/pdf', 'the type of the job, not the stored one');
    assert.deepEqual(reads(), ['GET'], 'nobody but Telegram asked');
    assert.equal(stage.r2.requests[0].auth, 'presign');
  }
  assert.equal(executor.stats().bytesIn, 0);
});

test('a key that a URL reader would fold is streamed in the end', async (t) => {
  const { executor, telegram } = await open(t, { verifySha256: false });
  const { job, bytes } = await pdf({ r2Key: 'a/../b.pdf' });
  assert.equal((await executor.run(job)).routeReason, 'unreachable');
  assert.equal(sha256(telegram.fetched.at(-1).bytes), sha256(bytes));
});

test('a file name of the job is the name the URL answers with', async (t) => {
  const { executor, telegram } = await open(t, { verifySha256: false });
  const { job } = await pdf({ fileName: 'Angebot "März".pdf' });
  await executor.run(job);
  const encoded = "UTF-8''Angebot%20%22M%C3%A4rz%22.pdf";
  assert.equal(telegram.fetched[0].disposition, `attachment; filename="Angebot _M_rz_.pdf"; filename*=${encoded}`);
});

test('what the job does not know the store is asked, without a byte', async (t) => {
  const { executor, telegram } = await open(t, { verifySha256: false });
  const { job } = await pdf({ size: undefined });
  const value = await executor.run(job);
  assert.deepEqual([value.route, value.bytes], ['url', 3000]);
  assert.deepEqual(reads(), ['HEAD', 'GET']);
  assert.equal(telegram.fetched.length, 1);
});

test('a second URL, with a nonce that is signed too, is tried before the bytes are sent', async (t) => {
  const once = await open(t, { verifySha256: false }, { refuse: (url) => !url.includes('x-nonce=') });
  const { job } = await pdf();
  assert.equal((await once.executor.run(job)).route, 'url');
  assert.deepEqual([once.telegram.fetched.length, once.telegram.fetched[0].refused], [2, true]);
  const never = await open(t, { verifySha256: false }, { refuse: () => true });
  const { job: other, bytes } = await pdf();
  const value = await never.executor.run(other);
  assert.deepEqual([value.route, value.routeReason], ['stream', 'unreachable']);
  assert.deepEqual([...never.telegram.fetched.map(({ refused }) => refused)], [true, true, undefined]);
  assert.equal(sha256(never.telegram.fetched[2].bytes), sha256(bytes));
});

test('with verification the second bot gets the URL, after the first stream was right', async (t) => {
  const { executor } = await open(t);
  const { job } = await pdf();
  const first = await executor.run({ ...job, botSlug: 'a' });
  const second = await executor.run({ ...job, botSlug: 'b' });
  assert.deepEqual([first.route, first.routeReason], ['stream', 'unverified']);
  assert.deepEqual([second.route, second.routeReason], ['url', 'direct']);
  assert.equal(first.fileUniqueId, second.fileUniqueId, 'the same bytes');
});

test("route: 'url' moves no byte, or fails", async (t) => {
  const { executor, telegram } = await open(t, { route: 'url', verifySha256: false });
  const { job } = await pdf();
  assert.equal((await executor.run(job)).route, 'url');
  const { job: large } = await pdf({ size: 20 * 1024 * 1024 + 1 });
  await assert.rejects(executor.run(large), { code: 'ERR_WARMPATH_TOO_LARGE', certainty: 'not-sent' });
  await assert.rejects(executor.run({ ...large, size: 10, contentType: 'text/csv' }), {
    code: 'ERR_WARMPATH_INVALID_JOB',
  });
  assert.equal(telegram.fetched.length, 1);
});

test('a proxy of the environment is not used: it would see tokens', async (t) => {
  let asked = 0;
  const proxy = http.createServer((_req, res) => res.end(String(++asked))).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy'];
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.address().port}`;
  t.after(() => {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
    proxy.close();
  });
  const { executor } = await open(t, { route: 'stream' });
  const { job } = await pdf();
  assert.equal((await executor.run(job)).route, 'stream');
  assert.equal(asked, 0);
});
