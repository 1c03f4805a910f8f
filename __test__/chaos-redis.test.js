'use strict';

// The crash harness for BullMQ: Redis is killed and stays away, worker processes are killed; the sandboxes count the truth.
// `npm run test:chaos` is the long form.

const assert = require('node:assert/strict');
const test = require('node:test');
const { startPostgres } = require('../lib/cli/services/postgres');
const { redisStorm } = require('./chaos/redis-storm.js');
const { prepareServer } = require('./chaos/stage.js');
const { startRedis, redisMissing } = require('./support/redis');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const PLAN = LONG
  ? { jobs: 6000, workers: 3, kills: 6, outages: 3, awayMs: 10_000, concurrency: 8, timeoutMs: 180_000 }
  : { jobs: 240, workers: 2, kills: 1, outages: 1, awayMs: 1000, concurrency: 4, timeoutMs: 60_000 };

test('Redis goes and comes back under BullMQ, and workers die', { skip: redisMissing() ?? false }, async (t) => {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  t.after(() => Promise.all([postgres.stop(), redis.stop()]));
  await prepareServer(postgres.url);
  const { violations, counts } = await redisStorm(postgres.url, redis, PLAN);
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(violations, []);
  assert.equal(counts.kills, PLAN.kills);
  assert.ok(counts.bullmq > 0 && counts.store > 0, 'both ways were taken');
  // How soon a worker of BullMQ is back is its own: counts.workedMs says it.
  if (LONG) assert.ok(counts.resumedMs <= 5000, `add() was back ${counts.resumedMs} ms after Redis`);
});
