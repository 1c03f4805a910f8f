'use strict';

// A ProcessMedia for a test, on a folder of its own, a server to fetch from, and a Redis.

const { randomUUID } = require('node:crypto');
const test = require('node:test');
const { ProcessMedia } = require('../../lib/adapters/bullmq.js');
const { folder, startOrigin } = require('./ingest-media.js');
const { startRedis, redisMissing } = require('./redis.js');
const { BULLMQ } = require('./redis-queues.js');

const skip = redisMissing() ?? false;
const [[, bullmq]] = BULLMQ;

/** For tests about other things: on a busy machine the first connection alone may take longer than the default. */
const PATIENT = { deadlineMs: 10_000, redisDeadlineMs: 10_000 };

const world = { origin: null };

/** What all tests of a file fetch from; `redis`: one that they share, if one is wanted. */
function useWorld({ redis = false } = {}) {
  if (skip) return world;
  test.before(async () => {
    const started = await Promise.all([startOrigin(), redis ? startRedis() : null]);
    [world.origin, world.redis] = started;
  });
  test.after(() => {
    world.origin?.close();
    return world.redis?.stop();
  });
  return world;
}

const medium = (...args) => world.origin.medium(...args);

/** A queue of its own, on a folder. */
function open(t, redis, { place = folder(t), ...extra } = {}) {
  const connection = { ...redis.connection, retryStrategy: () => 50 };
  const common = { dir: place.dir, http: world.origin.http, fsync: false, retry: { quick: 0 }, concurrency: 4 };
  const media = new ProcessMedia({ ...common, bullmq, connection, prefix: `p-${randomUUID()}`, ...extra });
  media.on('error', () => {});
  t.after(() => media.close({ timeoutMs: 0 }));
  return Object.assign(media, { place });
}

/** A Redis that the test may stop. */
async function own(t) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return redis;
}

const byWay = (answers) => answers.map(({ status, via }) => `${status} ${via}`);

const isAll = (place, media) => () => place.names().length >= media.length;

module.exports = { skip, bullmq, PATIENT, useWorld, medium, open, own, byWay, isAll };
