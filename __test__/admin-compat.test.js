'use strict';

const assert = require('node:assert/strict');
const { it } = require('node:test');
const { bearerAuth } = require('..');
const compat = require('../lib/compat/mediaPrewarmWorker.js');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');
const { startStage, until, sha256, TOKEN, CHAT } = require('./support/prewarm.js');

it('the router of the compat module: before, during and after a run, over several workers', async (t) => {
  const stage = await startStage();
  t.after(() => stage.close());
  const saved = [];
  const { s3, telegram } = stage.options();
  compat.configure({
    ...{ s3, telegram, limits: false },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    services: {
      getTokenBySlug: async () => TOKEN,
      getWarmupChatId: async () => CHAT,
      updateCacheWithFileId: async (_pool, _slug, hash) => saved.push(hash),
      markCacheError: async () => {},
    },
  });
  const { get, post, call } = await serve(t, compat.router({ auth: bearerAuth(ADMIN_TOKEN) }));
  const enqueue = async (i) => {
    const bytes = Buffer.from(`compat ${i}`);
    await stage.r2.put('media', `c${i}`, bytes);
    return compat.enqueuePrewarm({ bot_slug: 'bot', sha256: sha256(bytes), kind: 'document', r2_key: `c${i}` });
  };

  assert.equal(await enqueue(0), true);
  const before = (await get('/metrics')).body.metrics;
  assert.deepEqual([before.queue_size, before.worker_running, before.queue_items.length], [1, false, 1]);
  assert.deepEqual([(await get('/state')).body.state.worker.mode, (await get('/jobs')).body.items.length], ['idle', 1]);

  // What an operator sets before the first start holds for it: here, too, a pause keeps everything where it is.
  await post('/pause', {});
  await call('PUT', '/concurrency', { body: { concurrency: 7 } });
  assert.equal((await get('/metrics')).body.metrics.max_concurrency, 7);
  compat.startPrewarmWorker({ query: async () => ({ rows: [] }) });
  t.after(() => compat.getWorkerController().stop({ timeoutMs: 0 }));
  const first = (await get('/state')).body.state;
  assert.deepEqual([first.worker.mode, first.slots.total, first.queue.ready], ['paused', 7, 1]);
  assert.deepEqual((await post('/resume', {})).body, { ok: true, mode: 'running' });
  await until(() => saved.length === 1, 'the first');
  await call('PUT', '/concurrency', { body: { concurrency: 9 } });
  await call('PUT', '/limits', { body: { limits: { token: { limit: 11 } } } });
  assert.equal((await get('/metrics')).body.metrics.max_concurrency, 9);
  assert.equal(compat.getQueueMetrics().max_concurrency, 9);
  await post('/pause', {});

  // The next start makes another worker: what was set by hand, and what was counted, goes on.
  assert.equal((await post('/control', { action: 'stop' })).body.worker_running, false);
  await until(async () => (await get('/state')).body.state.worker.mode === 'idle', 'the stop');
  assert.equal((await post('/control', { action: 'start' })).body.message, 'Worker started');
  const { state } = (await get('/state')).body;
  assert.deepEqual([state.worker.mode, state.slots.total, state.limits.token.limit], ['paused', 9, 11]);
  await enqueue(1);
  await post('/resume', {});
  await until(() => saved.length === 2, 'the second');
  const text = (await get('/metrics/prometheus?names=compat')).text;
  assert.match(text, /warmpath_jobs_settled_total\{worker="prewarm",kind="document",outcome="succeeded"\} 2/);
  assert.match(text, /media_prewarm_success_total\{bot="bot",kind="document"\} 2/);
});
