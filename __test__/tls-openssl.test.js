'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const net = require('node:net');
const test = require('node:test');
const tls = require('node:tls');
const { PrewarmExecutor } = require('..');
const { R2Sandbox, TelegramSandbox, selfSignedCa } = require('../lib/testing');
const { sha256, TOKEN, CHAT } = require('./support/prewarm.js');

// Records of TLS are cut and put together in engine/src/http/records, whose own tests have rustls at the other end. Here it is OpenSSL.

const TLS12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' };
const SERVERS = [
  ['TLSv1.3', { ciphers: 'TLS_AES_256_GCM_SHA384' }, 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.3', { ciphers: 'TLS_AES_128_GCM_SHA256' }, 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.3', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }, 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLSv1.2', { ...TLS12, ciphers: 'ECDHE+AES256+AESGCM' }, /^ECDHE-.*-AES256-GCM-SHA384$/],
  ['TLSv1.2', { ...TLS12, ciphers: 'ECDHE+AES128+AESGCM' }, /^ECDHE-.*-AES128-GCM-SHA256$/],
  ['TLSv1.2', { ...TLS12, ciphers: 'ECDHE+CHACHA20' }, /^ECDHE-.*-CHACHA20-POLY1305$/],
];
const SIZES = [10, 16_384, 16_385, 1_000_000];

let files;
let r2;
let tg;
test.before(async () => {
  files = await selfSignedCa();
  r2 = await R2Sandbox.start();
  tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
});
test.after(() => Promise.all([r2.close(), tg.close()]));

/** OpenSSL in front of a server that speaks plain HTTP. */
async function terminate(t, url, options, sessions) {
  const { cert, key } = files;
  const sockets = new Set();
  const server = tls.createServer({ ...options, cert, key, ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.add(socket);
    sessions.push({
      protocol: socket.getProtocol(),
      cipher: socket.getCipher().name,
      reused: socket.isSessionReused(),
    });
    const there = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => there.destroy()).pipe(there);
    there.on('error', () => socket.destroy()).pipe(socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    // Idle connections outlive their executor by half a minute.
    for (const socket of sockets) socket.destroy();
  });
  return `https://127.0.0.1:${server.address().port}`;
}

for (const [protocol, options, cipher] of SERVERS) {
  test(`${protocol} with ${options.ciphers}: every byte arrives, and later connections are resumed`, async (t) => {
    const sessions = [];
    const executor = new PrewarmExecutor({
      s3: { endpoint: await terminate(t, r2.url, options, sessions), bucket: 'media', ...r2.credentials[0] },
      telegram: { apiRoot: await terminate(t, tg.url, options, sessions) },
      limits: false,
      route: 'stream',
      http: { ca: files.ca },
    });
    t.after(() => executor.close({ timeoutMs: 0 }));
    const job = async (size) => {
      const bytes = randomBytes(size);
      const key = `${protocol}-${sha256(bytes)}`;
      await r2.put('media', key, bytes);
      return { botSlug: 'b', sha256: sha256(bytes), kind: 'document', r2Key: key, token: TOKEN, chatIds: [CHAT] };
    };
    tg.reset();
    const jobs = [];
    for (const size of SIZES) {
      jobs.push(await job(size));
      await executor.run(jobs.at(-1));
    }
    // At once: that takes connections that are new.
    const more = await Promise.all(SIZES.map(job));
    await Promise.all(more.map((one) => executor.run(one)));
    const received = tg.received.map((one) => one.sha256).sort();
    assert.deepEqual(received, [...jobs, ...more].map((one) => one.sha256).sort());
    for (const session of sessions) {
      assert.equal(session.protocol, protocol);
      assert.match(session.cipher, new RegExp(cipher));
    }
    assert.ok(sessions.length > 2 && sessions.slice(2).some(({ reused }) => reused), JSON.stringify(sessions));
  });
}
