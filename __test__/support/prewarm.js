'use strict';

const { createHash, randomBytes } = require('node:crypto');
const { setImmediate: turn } = require('node:timers/promises');
const { R2Sandbox, TelegramSandbox } = require('../../lib/testing');

const TOKEN = '123456:test-token';
const CHAT = '-1001234';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Both sandboxes, and the options and jobs that fit them. Files are opaque bytes sent as documents. */
async function startStage({ limits = false, ...telegram } = {}) {
  const r2 = await R2Sandbox.start();
  const tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits, probe: false, ...telegram });
  let made = 0;
  const stage = {
    r2,
    tg,
    options: (extra = {}) => ({
      s3: { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] },
      telegram: { apiRoot: tg.url },
      retry: { quick: 0, baseMs: 10, maxMs: 10 },
      // Tests of pacing turn it on.
      limits: false,
      ...extra,
    }),
    /** A stored object and the executor job for it. */
    async job(extra = {}, bytes = randomBytes(2000)) {
      const r2Key = extra.r2Key ?? `file-${++made}`;
      await r2.put('media', r2Key, bytes, { contentType: 'application/octet-stream' });
      return {
        botSlug: 'bot',
        sha256: sha256(bytes),
        kind: 'document',
        r2Key,
        token: TOKEN,
        chatIds: [CHAT],
        ...extra,
      };
    },
    /** The same for a worker: no token, no chat. */
    async workerJob(extra, bytes) {
      const { token: _token, chatIds: _chatIds, ...job } = await stage.job(extra, bytes);
      return job;
    },
    close: () => Promise.all([r2.close(), tg.close()]),
  };
  return stage;
}

/** Waits until the condition holds; the deadline is only there to fail. */
async function until(condition, what = condition.toString(), timeoutMs = 20_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await turn();
  }
}

/** Resolves with the arguments of the next `name` events, `count` of them. */
function events(emitter, name, count = 1) {
  return new Promise((resolve) => {
    const seen = [];
    emitter.on(name, function listen(value) {
      seen.push(value);
      if (seen.length < count) return;
      emitter.off(name, listen);
      resolve(seen);
    });
  });
}

module.exports = { startStage, until, events, sha256, TOKEN, CHAT };
