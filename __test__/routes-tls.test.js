'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const net = require('node:net');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { R2Sandbox, TelegramSandbox, selfSignedCa } = require('../lib/testing');
const { sha256, TOKEN, CHAT } = require('./support/prewarm.js');

// A certificate that is not trusted is a setting to be put right: no storm of retries, and no byte to whoever it is.

let r2;
let tg;
let files;
let job;
test.before(async () => {
  files = await selfSignedCa();
  const { cert, key } = files;
  r2 = await R2Sandbox.start({ tls: { cert, key } });
  tg = await TelegramSandbox.start({ tls: { cert, key }, bots: [{ token: TOKEN }], limits: false, probe: false });
  const bytes = randomBytes(3000);
  await r2.put('media', 'k', bytes);
  job = { botSlug: 'b', sha256: sha256(bytes), kind: 'document', r2Key: 'k', token: TOKEN, chatIds: [CHAT] };
});
test.after(() => Promise.all([r2.close(), tg.close()]));

function open(t, options) {
  const executor = new PrewarmExecutor({
    s3: { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] },
    telegram: { apiRoot: tg.url },
    retry: { quick: 3, baseMs: 1, maxMs: 1 },
    ...options,
  });
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
}

test('with the CA both sides are read and written', async (t) => {
  const value = await open(t, { http: { ca: files.ca } }).run(job);
  assert.equal(value.bytes, 3000);
});

test("a store's certificate that nobody vouches for is a setting, asked once", async (t) => {
  const executor = open(t, {});
  r2.reset();
  await assert.rejects(executor.run(job), { code: 'ERR_WARMPATH_TLS', class: 'config', certainty: 'not-sent' });
  assert.deepEqual([executor.stats().retries, r2.requests.length], [0, 0]);
});

test("Telegram's too, and the token was not sent", async (t) => {
  const plain = await R2Sandbox.start();
  t.after(() => plain.close());
  await plain.put('media', 'k', randomBytes(10));
  const s3 = { endpoint: plain.url, bucket: 'media', ...plain.credentials[0] };
  tg.reset();
  const executor = open(t, { s3, verifySha256: false, route: 'stream' });
  await assert.rejects(executor.run(job), { code: 'ERR_WARMPATH_TLS', class: 'config', certainty: 'not-sent' });
  assert.deepEqual([executor.stats().retries, tg.requests.length], [0, 0]);
});

test('a name that the certificate does not have is refused, whoever signed it', async (t) => {
  const { port } = new URL(r2.url);
  const elsewhere = net.createServer((socket) => {
    const there = net.connect(Number(port), '127.0.0.1');
    socket.on('error', () => there.destroy()).pipe(there);
    there.on('error', () => socket.destroy()).pipe(socket);
  });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.2', resolve));
  t.after(() => elsewhere.close());
  const endpoint = `https://127.0.0.2:${elsewhere.address().port}`;
  const executor = open(t, { s3: { endpoint, bucket: 'media', ...r2.credentials[0] }, http: { ca: files.ca } });
  await assert.rejects(executor.run(job), { code: 'ERR_WARMPATH_TLS', class: 'config' });
  assert.equal(executor.stats().retries, 0);
});
