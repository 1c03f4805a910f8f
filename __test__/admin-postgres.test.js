'use strict';

const assert = require('node:assert/strict');
const { after, before, beforeEach, describe, it } = require('node:test');
const { bearerAuth, PrewarmWorker } = require('..');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');
const { startStage, events, until, TOKEN, CHAT } = require('./support/prewarm.js');
const { startTables } = require('./support/tables.js');

describe('the admin router over jobs in Postgres', () => {
  let stage;
  let tables;
  before(async () => {
    [stage, tables] = await Promise.all([startStage(), startTables()]);
  });
  after(() => Promise.all([stage?.close(), tables?.stop()]));
  beforeEach(async () => {
    await tables.clear();
    await tables.addBot('bot', TOKEN, CHAT);
  });

  async function aWorker(t, extra = {}) {
    const worker = new PrewarmWorker({ ...stage.options(), pool: tables.pool, pollMs: 30, ...extra });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    const { get, post } = await serve(t, worker.router({ auth: bearerAuth(ADMIN_TOKEN) }));
    return { worker, get, post };
  }
  const keyOf = ({ kind, sha256 }) => `${kind}:${sha256}:bot`;

  it('lists rows of every state, with the instances; failed ones outlive the process that saw them fail', async (t) => {
    const first = await aWorker(t);
    const gone = { botSlug: 'bot', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'gone.jpg' };
    const failed = events(first.worker, 'failed');
    await first.worker.start();
    await first.worker.enqueue(gone);
    await failed;
    await first.worker.stop();
    const { worker, get, post } = await aWorker(t);
    const [item] = (await get('/jobs?state=failed')).body.items;
    assert.deepEqual(
      [item.key, item.r2Key, item.error.code],
      [keyOf(gone), 'gone.jpg', 'ERR_WARMPATH_SOURCE_NOT_FOUND'],
    );
    assert.ok(item.endedAtMs > Date.now() - 60_000);
    worker.pause();
    await worker.start();
    await stage.r2.put('media', 'gone.jpg', Buffer.from('here now'));
    await tables.pool.query("UPDATE media_cache SET job = job || jsonb_build_object('r2Key', 'gone.jpg')");
    assert.deepEqual((await post('/jobs/retry', { key: item.key })).body.status, 'queued');
    assert.equal((await get('/jobs?state=queued')).body.items.length, 1);
    assert.deepEqual((await get(`/jobs/explain?key=${encodeURIComponent(item.key)}`)).body.explanation.waits, [
      { reason: 'paused', waitMs: null },
    ]);
    // Wrong bytes for that hash: it fails again, and is there to be seen again.
    const again = events(worker, 'failed');
    worker.resume();
    assert.equal((await again)[0].error.code, 'ERR_WARMPATH_SHA256_MISMATCH');
    const { instances } = (await get('/instances')).body;
    assert.deepEqual(
      instances.map(({ live, lanes }) => [live, lanes]),
      [[true, ['bot']]],
    );
    assert.deepEqual((await post('/purge', { state: 'failed' })).body.purged, 1);
    assert.equal((await tables.rows()).length, 0);
  });

  it('cancels a job that another process runs: it is lost there, and stays cancelled', async (t) => {
    const holder = await aWorker(t, { leaseMs: 10_000 });
    const other = await aWorker(t);
    await holder.worker.start();
    holder.worker.executor.pause();
    const job = await stage.workerJob();
    await holder.worker.enqueue(job);
    await until(() => holder.worker.executor.list().length === 1, 'the claim');
    const [claimed] = (await other.get('/jobs?state=claimed')).body.items;
    assert.deepEqual([claimed.key, claimed.state, claimed.here], [keyOf(job), 'claimed', false]);
    assert.ok(claimed.owner !== undefined && claimed.leaseUntilMs > Date.now());
    assert.equal((await holder.get('/jobs?state=claimed')).body.items[0].here, true);
    assert.equal((await other.post('/jobs/cancel', { key: claimed.key })).status, 200);
    await until(() => holder.worker.executor.list().length === 0, 'the heartbeat that finds the lease lost');
    const row = await tables.row(job);
    assert.deepEqual([row.status, row.last_error], ['error', 'ERR_WARMPATH_CANCELLED: cancelled by an operator']);
    assert.equal(stage.tg.received.length, 0);
    holder.worker.executor.resume();
    const done = events(holder.worker, 'succeeded');
    assert.equal((await holder.post('/jobs/retry', { state: 'failed' })).body.retried, 1);
    await done;
  });

  it('says what it cannot know while the database is away', async (t) => {
    const broken = {
      query: () => Promise.reject(Object.assign(new Error('connect to canary:canary@db'), { code: 'ECONNREFUSED' })),
    };
    const { worker, get } = await aWorker(t, { pool: broken, resolveBot: async () => null });
    worker.on('error', () => {});
    const health = await get('/health');
    assert.deepEqual(
      [health.status, health.body.reasons.map(({ code }) => code)],
      [503, ['NOT_RUNNING', 'DATABASE_NOT_AVAILABLE']],
    );
    const jobs = await get('/jobs');
    assert.deepEqual([jobs.status, jobs.body.error], [503, 'ERR_WARMPATH_DATABASE']);
    assert.equal((await get('/state')).status, 200);
    assert.equal((await get('/metrics/prometheus')).status, 200);
    for (const { text } of [health, jobs]) assert.doesNotMatch(text, /canary/);
  });
});
