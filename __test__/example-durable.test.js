'use strict';

// The check list of the seeds (variables, start log, metrics, throughput) on two processes of the example app behind one database.

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { Client } = require('pg');
const { exitOf, startWorld, until } = require('./support/example');

const VARIABLES = {
  MEDIA_PREWARM_CONCURRENCY: '5',
  MEDIA_PREWARM_MAX_QUEUE: '500',
  MEDIA_PREWARM_INTERVAL_MS: '2000',
  MEDIA_PREWARM_RETRY_WEAK_ID: '0',
  MEDIA_PREWARM_LIMITS: 'on',
  MEDIA_PREWARM_STORE: 'postgres',
};
const BOTS = 8;
const MEDIA_PER_BOT = 4;

const logged = (app, tag) =>
  app.output.flatMap((line) => {
    const entry = JSON.parse(line);
    return entry.tag === tag ? [entry] : [];
  });

describe('two processes of examples/express-app behind one database', () => {
  let world;
  let apps;
  before(async () => {
    // Telegram's limits are in force: a message a second to each private chat.
    world = await startWorld({ slugs: Array.from({ length: BOTS }, (_, i) => `bot-${i}`), limits: {} });
    // Together, so that they make the tables together.
    apps = await Promise.all([world.app(VARIABLES), world.app(VARIABLES)]);
  });
  after(() => world?.stop());

  const file = (n) => ({
    name: `${n}.bin`,
    kind: 'document',
    contentType: 'application/octet-stream',
    data: randomBytes(4000 + n),
  });
  const upload = async (count) => {
    const items = [];
    for (let n = 0; n < count; n++) {
      const bot = world.bots[n % BOTS];
      items.push(await world.upload(apps[n % 2], bot, file(n)));
    }
    return items;
  };
  const metrics = async (app) => (await app.call('GET', '/api/admin/media/prewarm/metrics')).body;

  it('start with the variables of the check list, and say so', async () => {
    for (const app of apps) {
      const [start] = logged(app, '[MEDIA][PREWARM][WORKER][START]');
      const { interval_ms, concurrency, max_queue_size } = start;
      assert.deepEqual(
        { interval_ms, concurrency, max_queue_size },
        { interval_ms: 2000, concurrency: 5, max_queue_size: 500 },
      );
      const { ok, metrics: figures } = await metrics(app);
      assert.equal(ok, true);
      const { queue_size, active_workers, max_concurrency, utilization_pct } = figures;
      assert.deepEqual([queue_size, active_workers, max_concurrency, utilization_pct], [0, 0, 5, 0]);
    }
    await until(
      async () => (await world.pool.query('SELECT 1 FROM warmpath_instances')).rows.length === 2,
      'both to sign in',
    );
  });

  it('share the work, each job once, at 100 a minute and more, with more than 95 % of success', async () => {
    const items = await upload(BOTS * MEDIA_PER_BOT);
    const startedAt = performance.now();
    const { body } = await apps[0].json('POST', '/api/media/prewarm', { items });
    assert.equal(body.queued, items.length);
    const ended = async () => (await world.rows()).filter(({ status }) => status !== 'warming').length;
    const seen = new Set();
    await until(async () => {
      for (const app of apps) seen.add((await metrics(app)).metrics.queue_size > 0);
      return (await ended()) === items.length;
    }, 'all media to be done');
    const perMinute = (items.length * 60_000) / (performance.now() - startedAt);
    const rows = await world.rows();
    const ready = rows.filter(({ status }) => status === 'ready');
    assert.ok(ready.length > 0.95 * items.length, `${ready.length} of ${items.length} are ready`);
    assert.ok(perMinute >= 100, `${perMinute} a minute`);
    assert.equal(world.telegram.received.length, items.length, 'none was sent twice');
    for (const { file_id: id, sha256 } of ready) assert.equal(world.telegram.issued(id).sha256, sha256);
    assert.ok(seen.has(true), 'the numbers of the queue show it');
    for (const app of apps) assert.ok(logged(app, '[MEDIA][PREWARM][OK]').length > 0, 'each of them has sent some');
    for (const app of apps) assert.deepEqual((await metrics(app)).metrics.queue_items, []);
    const again = await apps[1].json('POST', '/api/media/prewarm', { items });
    assert.deepEqual([...new Set(again.body.results.map(({ status }) => status))], ['cached']);
  });

  it('one is told to end: what it has goes to the other at once, uncharged', async () => {
    const before = world.telegram.received.length;
    const items = await upload(BOTS * 2);
    await apps[1].json('POST', '/api/media/prewarm', { items });
    await until(() => world.telegram.received.length >= before + 4, 'a few to be sent');
    apps[0].process.child.kill('SIGTERM');
    assert.deepEqual(await exitOf(apps[0].process.child), { code: 0, signal: null });
    const all = BOTS * (MEDIA_PER_BOT + 2);
    await until(async () => {
      const rows = await world.rows();
      return rows.length === all && rows.every(({ status }) => status === 'ready');
    }, 'the other to finish');
    assert.equal(world.telegram.received.length, all);
    assert.deepEqual([...new Set((await world.rows()).map(({ attempts }) => attempts))], [1]);
    assert.equal((await world.pool.query('SELECT 1 FROM warmpath_instances')).rows.length, 1);
  });

  // Where that waits for the one that starts, and the one that starts for that, Postgres ends one of them.
  it('another one starts beside a migration that builds an index', async () => {
    const [reader, builder] = [1, 2].map(() => new Client({ connectionString: world.postgres.url }));
    await Promise.all([reader.connect(), builder.connect()]);
    try {
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
      const built = builder.query('CREATE INDEX CONCURRENTLY late ON media_cache (updated_at)');
      const waits = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'";
      const isWaiting = async () => (await world.pool.query(waits, [builder.processID])).rows.length === 1;
      await until(isWaiting, 'the index to wait for the reader');
      await world.app(VARIABLES);
      assert.ok(await isWaiting());
      await reader.query('COMMIT');
      await built;
    } finally {
      await Promise.all([reader.end(), builder.end()]);
    }
  });
});
