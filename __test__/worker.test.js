'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { MemoryStore, jobKey } = require('..');
const { events, TOKEN, CHAT } = require('./support/prewarm.js');
const { useWorkers, resolveBot, RETRY } = require('./support/workers.js');

const world = useWorkers();

test('with a resolver alone: jobs wait in memory, results come as events', async (t) => {
  const slugs = [];
  const lookUp = (slug) => {
    slugs.push(slug);
    return resolveBot();
  };
  const worker = world.open(t, { resolveBot: lookUp });
  const jobs = await Promise.all(['a', 'a', 'b'].map((botSlug) => world.stage.workerJob({ botSlug })));
  assert.deepEqual(await worker.enqueueMany([...jobs, jobs[0]]), ['queued', 'queued', 'queued', 'duplicate']);
  const succeeded = events(worker, 'succeeded', 3);
  await worker.start();
  const results = await succeeded;
  for (const result of results) {
    assert.ok(world.stage.tg.issued(result.value.fileId));
    assert.equal(result.attempt, 1);
    assert.equal(result.state, 'done');
    assert.ok(!inspect(result, { depth: 9 }).includes(TOKEN));
  }
  assert.deepEqual(results.map(({ key }) => key).sort(), jobs.map(jobKey).sort());
  assert.deepEqual(slugs.sort(), ['a', 'b']);
  const { succeeded: count, failed, queued, running, recording } = worker.stats();
  assert.deepEqual(
    { count, failed, queued, running, recording },
    { count: 3, failed: 0, queued: 0, running: 0, recording: 0 },
  );
});

test('with a pool: results go to media_cache, and a ready row is "cached"', async (t) => {
  const worker = world.pooled(t);
  await worker.start();
  const job = await world.stage.workerJob();
  const done = events(worker, 'succeeded');
  assert.equal(await worker.enqueue(job), 'queued');
  const [{ value }] = await done;
  const row = await world.db.row(job);
  assert.equal(row.status, 'ready');
  assert.deepEqual(
    [row.file_id, row.file_unique_id, row.warmup_chat_id, row.warmup_message_id],
    [value.fileId, value.fileUniqueId, CHAT, String(value.messageId)],
  );
  assert.equal(await worker.enqueue(job), 'cached');
  assert.equal(world.stage.tg.received.length, 1);
});

test('an enqueued job has its warming row before the worker starts', async (t) => {
  const worker = world.pooled(t);
  const job = await world.stage.workerJob();
  assert.equal(await worker.enqueue(job), 'queued');
  assert.equal((await world.db.row(job)).status, 'warming');
});

test('a transient failure is retried after its delay, and the row stays warming meanwhile', async (t) => {
  const worker = world.pooled(t, { retry: { ...RETRY, delaysMs: [300] } });
  await worker.start();
  const fault = world.stage.tg.faults.add({ kind: 'status', status: 500 });
  const job = await world.stage.workerJob();
  const retry = events(worker, 'retry');
  const done = events(worker, 'succeeded');
  await worker.enqueue(job);
  const [{ error, attempt, runAtMs, state }] = await retry;
  assert.equal(fault.bites, 1);
  assert.equal(state, 'retry');
  assert.equal(attempt, 1);
  assert.ok(runAtMs > Date.now() - 300);
  assert.ok(['transient', 'ambiguous'].includes(error.class), error.code);
  assert.equal((await world.db.row(job)).status, 'warming');
  const [result] = await done;
  assert.equal(result.attempt, 2);
  assert.equal((await world.db.row(job)).status, 'ready');
});

test('when the retries are used up the row says why', async (t) => {
  const worker = world.pooled(t);
  await worker.start();
  const fault = world.stage.r2.faults.add({ kind: 'status', status: 500, times: 3 });
  const job = await world.stage.workerJob();
  const failed = events(worker, 'failed');
  await worker.enqueue(job);
  const [{ error, attempt }] = await failed;
  assert.equal(fault.bites, 3);
  assert.equal(attempt, 3);
  const row = await world.db.row(job);
  assert.equal(row.status, 'error');
  assert.ok(row.last_error.startsWith(`${error.code}: `));
  const again = events(worker, 'succeeded');
  assert.equal(await worker.enqueue(job), 'queued');
  await again;
  assert.equal((await world.db.row(job)).status, 'ready');
});

test('a permanent failure is final at once', async (t) => {
  const worker = world.pooled(t);
  await worker.start();
  const job = await world.stage.workerJob();
  const failed = events(worker, 'failed');
  await worker.enqueue({ ...job, r2Key: 'absent' });
  const [{ error, attempt }] = await failed;
  assert.equal(error.code, 'ERR_WARMPATH_SOURCE_NOT_FOUND');
  assert.equal(attempt, 1);
  assert.equal((await world.db.row(job)).status, 'error');
});

test('what is wrong with a bot ends its jobs with a code of its own', async (t) => {
  await world.db.addBot('no-token', null, CHAT);
  await world.db.addBot('no-chat', TOKEN, null);
  await world.db.addBot('deleted', TOKEN, CHAT);
  await world.db.pool.query("UPDATE bots SET deleted_at = now() WHERE slug = 'deleted'");
  const worker = world.pooled(t);
  await worker.start();
  const expected = {
    nobody: 'ERR_WARMPATH_BOT_NOT_FOUND',
    deleted: 'ERR_WARMPATH_BOT_NOT_FOUND',
    'no-token': 'ERR_WARMPATH_BOT_TOKEN_NOT_SET',
    'no-chat': 'ERR_WARMPATH_WARMUP_CHAT_NOT_SET',
  };
  const slugs = Object.keys(expected);
  const failed = events(worker, 'failed', slugs.length);
  await worker.enqueueMany(await Promise.all(slugs.map((botSlug) => world.stage.workerJob({ botSlug }))));
  const results = await failed;
  assert.deepEqual(Object.fromEntries(results.map(({ job, error }) => [job.botSlug, error.code])), expected);
  for (const { error } of results) assert.equal(error.class, 'config');
  const rows = await world.db.rows();
  assert.deepEqual([...new Set(rows.map((row) => row.status))], ['error']);
});

test('no more is claimed than the executor has room for', async (t) => {
  const inner = new MemoryStore();
  const seen = { limits: [], most: 0 };
  const store = Object.fromEntries(
    ['enqueue', 'extend', 'settle', 'release', 'stats', 'nextDueMs', 'onWork', 'close'].map((name) => [
      name,
      (...args) => inner[name](...args),
    ]),
  );
  store.claim = (options) => {
    seen.limits.push(options.limit);
    const claims = inner.claim(options);
    seen.most = Math.max(seen.most, inner.stats().running);
    return claims;
  };
  const worker = world.open(t, { store, resolveBot, concurrency: 2 });
  const done = events(worker, 'succeeded', 20);
  await worker.enqueueMany(await Promise.all(Array.from({ length: 20 }, () => world.stage.workerJob())));
  await worker.start();
  await done;
  assert.ok(seen.most <= 4 + 256, `${seen.most} claimed at once`);
  assert.ok(
    seen.limits.every((limit) => limit >= 1 && limit <= 4),
    seen.limits.join(),
  );
});

test('priority decides who goes first', async (t) => {
  const worker = world.open(t, { resolveBot, concurrency: 1 });
  const jobs = await Promise.all([0, 5, -5, 9].map((priority) => world.stage.workerJob({ priority })));
  await worker.enqueueMany(jobs);
  const done = events(worker, 'succeeded', 4);
  await worker.start();
  await done;
  assert.deepEqual(
    world.stage.tg.received.map(({ sha256 }) => jobs.find((job) => job.sha256 === sha256).priority),
    [9, 5, 0, -5],
  );
});

test('a short or missing file_unique_id is sent again once, where that is asked for', async (t) => {
  const weak = (retryWeakId, id = { file_unique_id: 'short' }) => {
    const body = {
      ok: true,
      result: {
        message_id: 5,
        date: 1,
        chat: { id: Number(CHAT), type: 'supergroup' },
        document: { file_id: 'F'.repeat(40), ...id, file_size: 2000 },
      },
    };
    const fault = world.stage.tg.faults.add({ kind: 'status', status: 200, body });
    return { worker: world.open(t, { resolveBot, retryWeakId }), fault };
  };
  const plain = weak(false);
  const done = events(plain.worker, 'succeeded');
  await plain.worker.enqueue(await world.stage.workerJob());
  await plain.worker.start();
  assert.equal((await done)[0].value.fileUniqueId, 'short');

  for (const id of [undefined, {}]) {
    const eager = weak(true, id);
    const retried = events(eager.worker, 'retry');
    const better = events(eager.worker, 'succeeded');
    await eager.worker.enqueue(await world.stage.workerJob());
    await eager.worker.start();
    const [{ error, possibleDuplicates }] = await retried;
    assert.deepEqual(
      [error.code, possibleDuplicates],
      ['ERR_WARMPATH_SEND_AMBIGUOUS', 1],
      'the first message is there',
    );
    assert.ok(world.stage.tg.issued((await better)[0].value.fileId));
  }
});

test('a logger or observe that throws changes nothing', async (t) => {
  const angry = () => {
    throw new Error('mine');
  };
  const logger = { debug: angry, info: angry, warn: angry, error: angry };
  const worker = world.pooled(t, { logger, observe: angry });
  await worker.start();
  const done = events(worker, 'succeeded');
  const job = await world.stage.workerJob();
  await worker.enqueue(job);
  await done;
  assert.equal((await world.db.row(job)).status, 'ready');
});

test('bad jobs are refused before anything happens', async (t) => {
  const worker = world.pooled(t);
  const job = await world.stage.workerJob();
  await assert.rejects(worker.enqueue({ ...job, token: TOKEN }), {
    code: 'ERR_WARMPATH_INVALID_JOB',
    option: 'job.token',
  });
  await assert.rejects(worker.enqueueMany([job, {}]), { option: 'jobs[1].botSlug' });
  assert.deepEqual(await world.db.rows(), []);
});
