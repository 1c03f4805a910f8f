'use strict';

// Redis is away, Postgres is there: jobs take the other way, and none is sent twice when both were taken.

const assert = require('node:assert');
const test = require('node:test');
const { PostgresStore, PrewarmExecutor, PrewarmWorker } = require('..');
const { processor, producer } = require('../lib/adapters/bullmq');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm');
const { startRedis, redisMissing } = require('./support/redis');
const { BULLMQ, openOn } = require('./support/redis-queues');
const { startTables } = require('./support/tables');

const skip = redisMissing() ?? false;
const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
const [name, bullmq] = BULLMQ[0];

test(`${name}: Redis is away, and the fallback is a PostgresStore`, { skip }, async (t) => {
  const [stage, db, redis] = await Promise.all([startStage(), startTables(), startRedis()]);
  const store = new PostgresStore({ pool: db.pool });
  const durable = new PrewarmWorker(stage.options({ pool: db.pool, store, resolveBot }));
  t.after(async () => {
    await durable.stop({ timeoutMs: 0 });
    await store.close();
    await Promise.all([stage.close(), db.stop(), redis.stop()]);
  });
  const { queue, worker } = openOn(bullmq, redis);
  const jobs = queue(t);
  const add = producer(jobs, { deadlineMs: 5000, fallback: 'store', store });
  const media = await Promise.all(Array.from({ length: 6 }, () => stage.workerJob()));

  // What the table has is not sent again, whichever way it came.
  const lookup = async ({ sha256 }) => {
    const row = await db.row({ sha256 });
    return row?.status === 'ready' ? { fileId: row.file_id } : null;
  };
  const executor = new PrewarmExecutor(stage.options());
  t.after(() => executor.close({ timeoutMs: 0 }));

  assert.strictEqual((await add.add(media[0])).via, 'bullmq');
  await redis.kill();
  const hasty = producer(jobs, { fallback: 'store', store });
  const away = await hasty.addMany(media.slice(0, 4));
  assert.deepStrictEqual([...new Set(away.map(({ status, via }) => `${status} ${via}`))], ['queued store']);
  assert.strictEqual((await hasty.add(media[1])).status, 'duplicate', 'by the table');

  await durable.start();
  await until(async () => (await db.rows()).filter(({ status }) => status === 'ready').length === 4);
  assert.strictEqual((await hasty.add(media[1])).status, 'cached', 'by the table');

  await redis.start();
  worker(t, jobs, processor(executor, { resolveBot, lookup, bullmq }));
  for (const one of media.slice(3)) {
    const answer = await until(async () => {
      const given = await add.add(one).catch(() => null);
      return given?.via === 'bullmq' && given;
    });
    assert.strictEqual(answer.status, 'queued');
  }
  await until(async () => (await jobs.getCompletedCount()) === 4);
  const sent = stage.tg.received.map(({ sha256 }) => sha256);
  assert.deepStrictEqual([...sent].sort(), media.map(({ sha256 }) => sha256).sort(), 'each once');
});
