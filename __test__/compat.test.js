'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { useCompat } = require('./support/compat.js');
const { until, TOKEN, CHAT } = require('./support/prewarm.js');

const world = useCompat();

const METRICS_KEYS = [
  'queue_size',
  'processing_count',
  'active_workers',
  'max_concurrency',
  'max_queue_size',
  'utilization',
  'utilization_pct',
];

test('before the start everything answers, and jobs are accepted', async (t) => {
  const compat = world.fresh(t);
  const one = await world.params();
  assert.equal(compat.enqueuePrewarm({ ...one, enqueued_by: 'somebody', extra: {} }), true);
  assert.equal(compat.enqueuePrewarm(one), false);
  assert.deepEqual(compat.getQueueMetrics(), {
    queue_size: 1,
    processing_count: 0,
    active_workers: 0,
    max_concurrency: 5,
    max_queue_size: 500,
    utilization: 0,
    utilization_pct: 0,
  });
  const controller = compat.getWorkerController();
  assert.equal(controller.isRunning(), false);
  assert.equal(controller.getQueueSize(), 1);
  assert.equal(controller.getProcessingCount(), 0);
  assert.equal(controller.getActiveWorkers(), 0);
  assert.equal(controller.getMaxConcurrency(), 5);
  const [item] = controller.getQueueItems();
  assert.deepEqual(Object.keys(item), ['jobId', 'bot_slug', 'sha256', 'kind', 'r2_key', 'enqueued_at']);
  assert.equal(item.jobId, `bot:${one.sha256}:document`);
  assert.ok(Math.abs(Date.now() - item.enqueued_at) < 60_000);
  assert.deepEqual(compat.tags(), ['[MEDIA][PREWARM][QUEUE][ADD]', '[MEDIA][PREWARM][QUEUE][ALREADY_QUEUED]']);
  assert.deepEqual(compat.lines[0].fields, {
    bot_slug: 'bot',
    sha256: one.sha256,
    kind: 'document',
    queue_size: 1,
    active_workers: 0,
  });
  await controller.stop();
});

test('a job that is none is false with a warning, and never an exception', (t) => {
  const compat = world.fresh(t);
  const good = { bot_slug: 'b', sha256: 'a'.repeat(64), kind: 'photo', r2_key: 'k' };
  const bad = [
    undefined,
    null,
    5,
    {},
    { ...good, kind: 'toString' },
    { ...good, sha256: 'x' },
    { ...good, bot_slug: 5 },
    { ...good, r2_key: '' },
    { ...good, size: -1 },
  ];
  for (const value of bad) assert.equal(compat.enqueuePrewarm(value), false);
  assert.equal(compat.lines.length, bad.length);
  assert.ok(compat.lines.every(({ level, tag }) => level === 'warn' && tag === '[MEDIA][PREWARM][QUEUE][INVALID]'));
  assert.equal(compat.enqueuePrewarm(good), true);
});

test('slugs with a colon do not collide', (t) => {
  const compat = world.fresh(t);
  const base = { sha256: 'a'.repeat(64), kind: 'photo', r2_key: 'k' };
  assert.equal(compat.enqueuePrewarm({ ...base, bot_slug: 'a:b' }), true);
  assert.equal(compat.enqueuePrewarm({ ...base, bot_slug: 'a' }), true);
});

test('a full queue is false, with its own tag and metric', async (t) => {
  const compat = world.fresh(t, { capacity: 1 });
  assert.equal(compat.enqueuePrewarm(await world.params()), true);
  assert.equal(compat.enqueuePrewarm(await world.params()), false);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][QUEUE][FULL]'));
  assert.deepEqual(compat.metric('media_prewarm_queue_full_total')[0].labels, { bot: 'bot' });
  assert.equal(compat.getQueueMetrics().max_queue_size, 1);
});

test('the whole way on the SQL defaults: logs, metrics and rows as they were', async (t) => {
  const compat = world.fresh(t);
  const controller = compat.startPrewarmWorker(world.db.pool, 2000);
  assert.equal(controller.isRunning(), true);
  const jobs = await Promise.all([1, 2, 3].map(() => world.params()));
  for (const job of jobs) assert.equal(compat.enqueuePrewarm(job), true);
  await until(() => compat.metric('media_prewarm_success_total').length === 3);
  for (const job of jobs) {
    const row = await world.db.row(job);
    assert.equal(row.status, 'ready');
    assert.equal(world.stage.tg.issued(row.file_id).sha256, job.sha256);
    assert.equal(row.warmup_chat_id, CHAT);
  }
  const line = (tag) => compat.lines.find((entry) => entry.tag === `[MEDIA][PREWARM]${tag}`).fields;
  assert.deepEqual(line('[WORKER][START]'), { interval_ms: 2000, concurrency: 5, max_queue_size: 500 });
  assert.deepEqual(Object.keys(line('[START]')), [
    'bot_slug',
    'sha256',
    'kind',
    'r2_key',
    'queue_wait_ms',
    'active_workers',
  ]);
  const fields = ['bot_slug', 'sha256', 'kind', 'file_id', 'file_unique_id', 'download_ms', 'send_ms', 'total_ms'];
  for (const field of [...fields, 'queue_wait_ms']) assert.ok(field in line('[OK]'), field);
  assert.deepEqual(Object.keys(line('[BATCH][START]')), ['batch_size', 'queue_remaining', 'active_workers']);
  assert.deepEqual(Object.keys(line('[BATCH][DONE]')), [
    'batch_size',
    'successful',
    'failed',
    'queue_remaining',
    'active_workers',
  ]);
  for (const name of ['queued_total', 'download_ms', 'send_ms', 'latency_ms', 'queue_wait_ms', 'success_total']) {
    const [entry] = compat.metric(`media_prewarm_${name}`);
    assert.deepEqual(entry.labels, { bot: 'bot', kind: 'document' }, name);
    assert.ok(Number.isFinite(entry.value), name);
  }
  for (const name of ['queue_size', 'active_workers', 'batch_size'])
    assert.ok(compat.metric(`media_prewarm_${name}`).length > 0, name);
  assert.deepEqual(Object.keys(compat.getQueueMetrics()), METRICS_KEYS);
  assert.ok(!JSON.stringify([compat.lines, compat.metrics]).includes(TOKEN));
});

test('the own services of the app are called as they were, each on its own', async (t) => {
  const calls = [];
  const note =
    (name, answer) =>
    async (...args) => {
      calls.push([name, ...args]);
      return answer;
    };
  const compat = world.fresh(t, {
    services: {
      getTokenBySlug: note('token', TOKEN),
      getWarmupChatId: note('chat', CHAT),
      updateCacheWithFileId: note('update'),
      markCacheError: note('error'),
    },
  });
  compat.startPrewarmWorker(world.db.pool);
  const [good, second] = await Promise.all([world.params(), world.params()]);
  const bad = { ...(await world.params()), r2_key: 'absent' };
  for (const job of [good, second, bad]) compat.enqueuePrewarm(job);
  await until(
    () => compat.metric('media_prewarm_success_total').length === 2 && calls.some(([name]) => name === 'error'),
  );
  const of = (name) => calls.filter(([called]) => called === name).map(([, ...args]) => args);
  assert.deepEqual(of('token'), [[world.db.pool, 'bot']]);
  assert.deepEqual(of('chat'), [[world.db.pool, 'bot']]);
  const update = of('update').find(([, , hash]) => hash === good.sha256);
  assert.deepEqual(update.slice(0, 4), [world.db.pool, 'bot', good.sha256, 'document']);
  assert.deepEqual(Object.keys(update[4]), ['file_id', 'file_unique_id', 'warmup_chat_id', 'warmup_message_id']);
  assert.ok(world.stage.tg.issued(update[4].file_id));
  const [[pool, slug, hash, kind, message]] = of('error');
  assert.deepEqual([pool, slug, hash, kind], [world.db.pool, 'bot', bad.sha256, 'document']);
  assert.match(message, /^ERR_WARMPATH_SOURCE_NOT_FOUND: /);
  assert.deepEqual(await world.db.rows(), []);
  const [failure] = compat.metric('media_prewarm_errors_total');
  assert.deepEqual(failure.labels, { bot: 'bot', kind: 'document', error: 'ERR_WARMPATH_SOURCE_NOT_FOUND' });
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][ERR]'));
});

test('one service replaced, the others on SQL', async (t) => {
  const compat = world.fresh(t, { services: { getTokenBySlug: async () => TOKEN } });
  await world.db.pool.query("UPDATE bots SET token = NULL WHERE slug = 'bot'");
  compat.startPrewarmWorker(world.db.pool);
  const job = await world.params();
  compat.enqueuePrewarm(job);
  await until(() => world.isReady(job));
});

test('an updateCacheWithFileId that fails is repeated; the media is sent once', async (t) => {
  let failures = 0;
  const updateCacheWithFileId = async () => {
    if (failures < 2) {
      failures++;
      throw null;
    }
  };
  const compat = world.fresh(t, { services: { updateCacheWithFileId } });
  compat.startPrewarmWorker(world.db.pool);
  compat.enqueuePrewarm(await world.params());
  await until(() => compat.metric('media_prewarm_success_total').length === 1);
  assert.equal(failures, 2);
  assert.equal(world.stage.tg.received.length, 1);
  assert.ok(compat.tags().includes('[MEDIA][PREWARM][WORKER][ERR]'));
  assert.ok(!compat.tags().includes('[MEDIA][PREWARM][ERR]'));
});

test('an observe that throws changes no outcome', async (t) => {
  const observe = () => {
    throw new Error('mine');
  };
  const compat = world.fresh(t, { services: { observe } });
  compat.startPrewarmWorker(world.db.pool);
  const job = await world.params();
  assert.equal(compat.enqueuePrewarm(job), true);
  await until(() => world.isReady(job));
});

test('an audio is sent as audio: the kind of a file_id can never change', async (t) => {
  const compat = world.fresh(t);
  compat.startPrewarmWorker(world.db.pool);
  const job = await world.params({ kind: 'audio' });
  compat.enqueuePrewarm(job);
  await until(() => world.stage.tg.requests.some(({ method }) => method === 'sendAudio'));
});
