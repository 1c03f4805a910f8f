'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { migrate } = require('..');
const { MemoryStore } = require('../lib/store/memory.js');
const { PostgresIngestStore } = require('../lib/store/postgres-ingest.js');
const { checkIngestWorkerJob } = require('../lib/options/ingest-worker-job.js');
const { onServers } = require('./support/pg-servers.js');

const job = (i, extra) => checkIngestWorkerJob({ key: `k${i}`, source: { url: `https://media.test/${i}` }, ...extra });
const error = { code: 'ERR_WARMPATH_DOWNLOAD_FAILED', class: 'transient', message: 'why' };
const value = { sha256: 'a'.repeat(64), bytes: 3, location: { path: '/x' } };
const succeed = (claims) => claims.map(({ key, fence }) => ({ key, fence, status: 'succeeded', charged: true, value }));
const fail = (claims, extra) =>
  claims.map(({ key, fence }) => ({ key, fence, status: 'failed', charged: true, error, ...extra }));
const keys = (claims) => claims.map(({ key }) => key);
const claim = (store, limit = 100, leaseMs = 60_000) => store.claim({ limit, leaseMs, owner: 'me' });

/** What both stores promise; `open(options)` makes one, `pass(ms)` lets that time go by for it. */
function contract({ open, pass }) {
  test('jobs are claimed by priority, then in order, each once, and a second time only by a name of their own', async (t) => {
    const store = await open(t);
    const jobs = [job(1), job(2, { priority: 5 }), job(3), job(2), job(4, { priority: -1 }), job(5, { priority: 5 })];
    const queued = ['queued', 'queued', 'queued', 'duplicate', 'queued', 'queued'];
    assert.deepEqual(await store.enqueue(jobs), queued);
    assert.deepEqual(keys(await claim(store, 3)), ['k2', 'k5', 'k1']);
    assert.deepEqual(await store.enqueue([job(1), job(3)]), ['processing', 'duplicate']);
    const rest = await claim(store);
    assert.deepEqual(keys(rest), ['k3', 'k4']);
    assert.deepEqual(rest[0].job, job(3, { timestamp: rest[0].job.timestamp }));
    assert.equal(rest[0].attempt, 1);
    assert.deepEqual(await claim(store), []);
  });

  test('what is done is cached, and a stale fence changes nothing', async (t) => {
    const store = await open(t);
    await store.enqueue([job(1), job(2)]);
    const claims = await claim(store);
    await pass(store, 61_000);
    const again = await claim(store);
    assert.deepEqual(keys(again), ['k1', 'k2']);
    assert.deepEqual(await store.settle(succeed(claims)), [{ applied: false }, { applied: false }]);
    assert.deepEqual(await store.extend(claims, 60_000), [false, false]);
    const applied = { applied: true, state: 'done' };
    assert.deepEqual(await store.settle(succeed(again)), [applied, applied]);
    assert.deepEqual(await store.enqueue([job(1)]), ['cached']);
    assert.deepEqual(await store.take(job(1), { leaseMs: 60_000 }), { state: 'done', value });
    assert.equal(await store.nextDueMs(), null);
  });

  test('a claim says how long ago its job was enqueued, whatever became of it since', async (t) => {
    const store = await open(t, { delaysMs: [10_000] });
    const ages = async () => (await claim(store)).map((one) => [one, Math.round(one.ageMs / 1000)]);
    await store.enqueue([job(1)]);
    const [[first, none]] = await ages();
    assert.equal(none, 0);
    await store.settle(fail([first], { charged: false, retryAfterMs: 50_000 }));
    await pass(store, 60_000);
    const [[second, minute]] = await ages();
    assert.equal(minute, 60);
    await store.settle(fail([second], { error: { ...error, class: 'permanent' } }));
    // Enqueued anew, it is a job of today.
    await store.enqueue([job(1)]);
    assert.equal((await ages())[0][1], 0);
  });

  test('failures wait for their delays and then are dead; uncharged ones do not count', async (t) => {
    const store = await open(t, { delaysMs: [10_000, 20_000] });
    await store.enqueue([job(1)]);
    for (const wait of [10_000, 20_000]) {
      const claims = await claim(store);
      const [{ state, runAtMs }] = await store.settle(fail(claims));
      assert.equal(state, 'retry');
      assert.ok(Math.abs(runAtMs - Date.now() - wait * 1.05) <= wait * 0.06 + 100);
      assert.deepEqual(await claim(store), []);
      const due = await store.nextDueMs();
      assert.ok(due > 0 && due <= wait * 1.1);
      await pass(store, wait * 1.11);
    }
    const [{ state }] = await store.settle(fail(await claim(store), { charged: false, retryAfterMs: 5000 }));
    assert.equal(state, 'retry');
    await pass(store, 6000);
    const last = await claim(store);
    assert.equal(last[0].attempt, 3);
    assert.deepEqual(await store.settle(fail(last)), [{ applied: true, state: 'dead' }]);
    assert.deepEqual(await store.enqueue([job(1)]), ['queued'], 'a job that failed starts anew');
    const [anew] = await claim(store);
    assert.equal(anew.attempt, 1);
    const permanent = { error: { ...error, class: 'permanent' } };
    assert.deepEqual(await store.settle(fail([anew], permanent)), [{ applied: true, state: 'dead' }]);
  });

  test('released jobs come back at their old place, uncharged', async (t) => {
    const store = await open(t);
    await store.enqueue([job(1), job(2)]);
    await store.release(await claim(store, 1));
    const claims = await claim(store);
    assert.equal(claims.find(({ key }) => key === 'k1').attempt, 1);
  });

  test('one book for two queues: what another one runs does not run here, and the other way round', async (t) => {
    const store = await open(t);
    const taken = await store.take(job(1), { leaseMs: 60_000 });
    assert.equal(taken.state, 'taken');
    const { state, leftMs } = await store.take(job(1), { leaseMs: 60_000 });
    assert.equal(state, 'elsewhere');
    assert.ok(leftMs > 50_000 && leftMs <= 60_000);
    assert.deepEqual(await claim(store), [], 'no job of this store');

    // Given back: the key is free again, for both.
    await store.release([{ key: 'k1', fence: taken.fence }]);
    const again = await store.take(job(1), { leaseMs: 60_000 });
    assert.equal(again.state, 'taken');
    assert.deepEqual(await store.extend([{ key: 'k1', fence: again.fence }], 60_000), [true]);
    assert.deepEqual(await store.settle(succeed([{ key: 'k1', fence: again.fence }])), [
      { applied: true, state: 'done' },
    ]);
    assert.deepEqual(await store.enqueue([job(1)]), ['cached']);

    // A job of this store is not for the other queue.
    await store.enqueue([job(2)]);
    assert.equal((await store.take(job(2), { leaseMs: 60_000 })).state, 'elsewhere');
    assert.deepEqual(keys(await claim(store)), ['k2']);
    assert.equal((await store.take(job(2), { leaseMs: 60_000 })).state, 'elsewhere');

    // The fallback brings a job that the other queue runs: it waits for that run to fail.
    const third = await store.take(job(3), { leaseMs: 60_000 });
    assert.deepEqual(await store.enqueue([job(3)]), ['processing']);
    assert.deepEqual(await claim(store), []);
    await store.release([{ key: 'k3', fence: third.fence }]);
    assert.deepEqual(keys(await claim(store)), ['k3']);

    // A process that died with it.
    await store.take(job(4), { leaseMs: 10_000 });
    await pass(store, 11_000);
    assert.equal((await store.take(job(4), { leaseMs: 10_000 })).state, 'taken');
  });
}

describe('the store in memory', () => {
  let now = 1000;
  contract({
    open: (_, options) => new MemoryStore({ keepDone: 100, ...options }, { now: () => now }),
    pass: (_, ms) => {
      now += ms;
    },
  });

  test('without keepDone nothing is remembered, and with it no more than that', async () => {
    for (const [keepDone, expected] of [
      [0, ['queued', 'queued']],
      [1, ['queued', 'cached']],
    ]) {
      const store = new MemoryStore({ keepDone });
      store.enqueue([job(1), job(2)]);
      store.settle(succeed(store.claim({ limit: 2, leaseMs: 1000 })));
      assert.deepEqual(store.enqueue([job(1), job(2)]), expected);
    }
  });
});

onServers('the store on Postgres', async ({ pool, open: openPool }, t) => {
  await migrate(pool);
  const open = async (u, options) => {
    await pool.query('DELETE FROM ingest_jobs');
    const store = new PostgresIngestStore({ pool, listen: false, ...options });
    u.after(() => store.close());
    return store;
  };
  const pass = (store, ms) =>
    pool
      .query(
        `UPDATE ingest_jobs SET run_at = run_at - $1::float8 * interval '1 ms', lease_until = lease_until - $1::float8 * interval '1 ms',
          created_at = created_at - $1::float8 * interval '1 ms'`,
        [ms],
      )
      // What the store believes of the next due time is its own; a store that is told of news asks again.
      .then(() => store.release([{ key: 'nobody', fence: 0 }]));
  const row = async (key) => (await pool.query('SELECT * FROM ingest_jobs WHERE key = $1', [key])).rows[0];

  await t.test('contract', async () => {
    await describe('contract', () => contract({ open, pass }));
  });

  await t.test('bytes and text survive, whatever they hold; keys of a media go when it is done', async (u) => {
    const store = await open(u, { delaysMs: [] });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const mediaKey = Buffer.alloc(32, 7);
    const sources = [
      { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) },
      { base64: bytes.toString('base64') },
      { dataUrl: `data:image/png;base64,${bytes.toString('base64')}` },
      { url: 'https://x.test/a', headers: { Authorization: 'Bearer s3cret' } },
      { whatsapp: { url: 'https://x.test/b', mediaKey: new Uint8Array(mediaKey), mediaType: 'image' } },
      { mediaId: '123' },
    ];
    const meta = { contact: 'Ana\u0000 \ud800', list: [1, null, { deep: true }] };
    const jobs = sources.map((source, i) => job(i, { source, meta, prewarm: { botSlug: 'shop' } }));
    assert.equal(jobs[4].source.whatsapp.mediaKey, mediaKey.toString('base64'));
    assert.deepEqual(await store.enqueue(jobs), Array(6).fill('queued'));
    const claims = await claim(store);
    const clean = { contact: 'Ana  \ufffd', list: meta.list };
    claims.forEach(({ job: got }, i) => {
      const { source, ...rest } = got;
      const { source: wanted, ...others } = jobs[i];
      assert.deepEqual({ ...rest }, { ...others, meta: clean });
      if (i > 0) assert.deepEqual(source, wanted);
      else assert.ok(Buffer.from(source.bytes).equals(bytes));
    });
    await store.settle(succeed(claims.slice(0, 5)));
    for (let i = 0; i < 5; i++) {
      const { job: left, payload, result, expires_at: expires } = await row(`k${i}`);
      assert.equal(left.source, undefined);
      assert.equal(payload, null);
      assert.deepEqual(result, value);
      assert.ok(expires > new Date());
    }
    await store.settle(fail(claims.slice(5)));
    const { status, job: kept, last_error: why } = await row('k5');
    assert.deepEqual([status, kept.source, why], ['failed', { mediaId: '123' }, `${error.code}: why`]);
  });

  await t.test('a payload that is too large is refused by name', async (u) => {
    const store = await open(u, { maxPayloadBytes: 1000 });
    const large = job(1, { source: { bytes: new Uint8Array(1001) } });
    await assert.rejects(store.enqueue([job(0), large]), {
      code: 'ERR_WARMPATH_INVALID_JOB',
      option: 'jobs[1].source',
    });
    const many = Array.from({ length: 5 }, (_, i) => job(i, { source: { bytes: new Uint8Array(900) } }));
    assert.deepEqual(await store.enqueue(many), Array(5).fill('queued'));
  });

  await t.test(
    'claims of many stores at once: each job once; a claim that crashes again and again is put aside',
    async (u) => {
      const store = await open(u, { maxLostLeases: 2 });
      await store.enqueue(Array.from({ length: 300 }, (_, i) => job(i, { priority: i % 3 })));
      const others = Array.from(
        { length: 4 },
        () => new PostgresIngestStore({ pool: openPool({ max: 2 }), listen: false }),
      );
      const seen = [];
      await Promise.all(
        others.map(async (one) => {
          let empty = 0;
          while (empty < 3) {
            const claims = await claim(one, 7);
            seen.push(...keys(claims));
            empty = claims.length === 0 ? empty + 1 : 0;
          }
        }),
      );
      assert.equal(seen.length, 300);
      assert.equal(new Set(seen).size, 300);
      assert.deepEqual(await store.counts(), { queued: 0, delayed: 0, running: 300 });

      await pool.query("DELETE FROM ingest_jobs WHERE key <> 'k0'");
      await pass(store, 61_000);
      assert.equal((await claim(store))[0].error, undefined);
      await pass(store, 61_000);
      const [{ error: evidence }] = await claim(store);
      assert.equal(evidence.code, 'ERR_WARMPATH_LEASE_LOST');
      assert.match(evidence.message, /quarantined: 2 claims ended without a result/);
    },
  );

  await t.test('rows that were kept long enough go; those that wait stay', async (u) => {
    const store = await open(u, { keepDoneMs: 0, keepFailedMs: 60_000, delaysMs: [] });
    await store.enqueue([job(1), job(2), job(3)]);
    const claims = await claim(store, 2);
    await store.settle([...succeed(claims.slice(0, 1)), ...fail(claims.slice(1))]);
    const other = new PostgresIngestStore({ pool, listen: false });
    await other.take(job(9), { leaseMs: 60_000 });
    const deadline = Date.now() + 10_000;
    while ((await row('k1')) !== undefined && Date.now() < deadline) await new Promise(setImmediate);
    assert.equal(await row('k1'), undefined);
    assert.deepEqual([(await row('k2')).status, (await row('k3')).status], ['failed', 'waiting']);
    const [done, failed, waits] = await store.lookup(['k1', 'k2', 'k3']);
    assert.equal(done, null);
    assert.deepEqual(failed, { state: 'failed', error: `${error.code}: why`, attempts: 1 });
    assert.deepEqual(waits, { state: 'waiting', attempts: 0 });
  });

  await t.test('the claim reads what it claims, however many rows are finished or wait', async (u) => {
    const store = await open(u);
    await pool.query(`INSERT INTO ingest_jobs (key, status, priority, run_at, job)
      SELECT 'd' || i, CASE WHEN i % 4 = 0 THEN 'waiting' ELSE 'done' END, i % 3, now() - i * interval '1 ms', '{}'
      FROM generate_series(1, 20000) i`);
    await pool.query('ANALYZE ingest_jobs');
    const { statements } = require('../lib/store/ingest/sql.js');
    const { rows } = await pool.query({
      text: `EXPLAIN (ANALYZE, FORMAT JSON) ${statements('ingest_jobs').claim}`,
      values: [10, 60_000, 'x'],
    });
    const scans = [];
    (function walk(node) {
      if (/Scan/.test(node['Node Type']) && node['Relation Name']) scans.push(node);
      for (const child of node.Plans ?? []) walk(child);
    })(rows[0]['QUERY PLAN'][0].Plan);
    assert.ok(scans.length > 0);
    for (const scan of scans) {
      assert.notEqual(scan['Node Type'], 'Seq Scan');
      assert.ok(scan['Actual Rows'] * scan['Actual Loops'] <= 60, JSON.stringify(scan));
    }
    await store.lookup(['d1']);
  });
});
