'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { startRedis } = require('../../__test__/support/redis');
const { Child } = require('../lib/child');
const { configOf } = require('../lib/measure');

const PLANS = { full: { media: 2000, size: 100 * 1024 }, quick: { media: 20, size: 100 * 1024 } };

const CONTENDER = 'ingest-peak';

/**
 * A peak of messages through BullMQ on a real Redis: all of them at once, the event loop watched from the first to the last stored
 * medium beside an idle process. Before that the same once with a tenth of them, unwatched: what a process compiles for the first
 * time is no part of a peak.
 *
 * @returns {Promise<object | null>} null: there is no redis-server here
 */
async function measurePeak({ quick, servers, idle, concurrency }) {
  if (spawnSync('redis-server', ['--version']).error) return null;
  const { media, size } = quick ? PLANS.quick : PLANS.full;
  const redis = await startRedis();
  const config = {
    ...configOf(CONTENDER, servers, { size, concurrency, warmMs: 0 }),
    redisPort: redis.connection.port,
  };
  const child = Child.node(path.join(__dirname, '..', 'lib', 'contender.js'), config, {
    NODE_EXTRA_CA_CERTS: servers.caFile,
  });
  try {
    await child.hear();
    child.tell(Math.ceil(media / 10));
    await child.hear();
    const started = performance.now();
    idle.tell('start');
    child.tell(media);
    const delay = await child.hear();
    idle.tell('stop');
    const wallMs = performance.now() - started;
    return { media, size, wallMs, delay, idle: await idle.hear() };
  } finally {
    await child.end();
    await redis.stop();
  }
}

module.exports = { measurePeak };
