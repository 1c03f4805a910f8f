'use strict';

// Answers that get lost, servers that crash, fail over, or do not answer.

const assert = require('node:assert/strict');
const net = require('node:net');
const test = require('node:test');
const { Pool } = require('pg');
const { PostgresStore, migrate } = require('..');
const { FaultProxy } = require('../lib/testing');
const { onServers } = require('./support/pg-servers.js');
const { Restarts } = require('./support/pg-restart.js');
const { storeWorld, job, numbers, transient } = require('./support/pg-store.js');
const { until } = require('./support/prewarm.js');

// Where the answer is cut off: from the end of the handshake to beyond the last byte. A short answer needs smaller steps.
const LONG = process.env.WARMPATH_TEST_LONG === '1';
const cuts = (from, step, count) =>
  Array.from({ length: LONG ? 4 * count : count }, (_, i) => from + Math.round((i * step) / (LONG ? 4 : 1)));
const CUTS = cuts(480, 90, 9);
const FINE_CUTS = cuts(560, 14, 12);

onServers(
  'answers that get lost',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    const proxy = await FaultProxy.start({
      target: servers.url.replace(/.*@/, 'postgres://').replace(/\/postgres$/, ''),
    });
    t.after(() => proxy.close());
    const throughProxy = new URL(servers.url);
    throughProxy.host = proxy.host;
    // One connection per statement: a rule for the next connection is one for the next statement.
    const pool = servers.open({ connectionString: throughProxy.href, maxUses: 1, max: 1 });
    const at = (bytes) => proxy.set({ down: { cutAfterBytes: bytes }, times: 1 });
    t.beforeEach(() => world.clear());

    /** Runs `action` with its answer cut at every place; says how often it failed although the statement was carried out. */
    const everywhere = async (prepare, action, check, places = CUTS) => {
      const seen = { failed: 0, unknown: 0 };
      for (const cut of places) {
        await world.clear();
        const store = world.open({ pool });
        const given = await prepare(store);
        const before = JSON.stringify(await world.rows());
        at(cut);
        const answer = await action(store, given).catch((err) => err);
        proxy.clear();
        if (answer instanceof Error) {
          assert.equal(answer.code, 'ERR_WARMPATH_DATABASE', answer.stack);
          assert.equal(answer.class, 'transient');
          seen.failed++;
          // The server may still be at it: it does not know that nobody listens any more.
          await until(
            async () =>
              (
                await world.pool.query(
                  "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
                )
              ).rows.length === 0,
          );
          if (JSON.stringify(await world.rows()) !== before) seen.unknown++;
        }
        await check(store, given, answer);
        await store.close();
      }
      return seen;
    };

    await t.test('enqueue: there exactly once, whatever it says', async () => {
      const { failed } = await everywhere(
        async () => [job(1), job(2)],
        (store, jobs) => store.enqueue(jobs),
        async (store, _jobs, statuses) => {
          assert.ok(['queued', 'duplicate'].includes(statuses[0]), String(statuses));
          assert.deepEqual(numbers(await world.claim(store)), [1, 2]);
        },
      );
      assert.equal(failed, 0, 'it repeats the statement by itself');
      assert.ok(proxy.bites.cut > 0);
    });

    await t.test('claim: what it took without a word is given back, uncharged', async () => {
      const seen = await everywhere(
        async (store) => {
          await store.enqueue([job(1), job(2), job(3)]);
          const first = await world.claim(store, 1);
          return first;
        },
        (store) => world.claim(store, 1),
        async (store, first, answer) => {
          const rest = await world.claim(store);
          const all = [...first, ...(answer instanceof Error ? [] : answer), ...rest];
          assert.deepEqual(numbers(all).sort(), [1, 2, 3]);
          assert.ok(all.every(({ attempt }) => attempt === 1));
          assert.ok((await world.succeed(store, all)).every(({ applied }) => applied));
        },
      );
      assert.ok(seen.failed > 0 && seen.unknown > 0, JSON.stringify(seen));
    });

    await t.test('settle: said again, it is known as done, and not done twice', async () => {
      const outcomes = ([one, two, three]) => [
        { ...one, status: 'succeeded', charged: true, value: { fileId: 'F' } },
        { ...two, status: 'failed', charged: true, error: transient },
        { ...three, status: 'failed', charged: true, error: { ...transient, class: 'permanent' } },
      ];
      const seen = await everywhere(
        async (store) => {
          await store.enqueue([job(1), job(2), job(3)]);
          return world.claim(store);
        },
        (store, claims) => store.settle(outcomes(claims)),
        async (store, claims, answer) => {
          const results = answer instanceof Error ? await store.settle(outcomes(claims)) : answer;
          assert.deepEqual(
            results.map(({ applied, state }) => [applied, state]),
            [
              [true, 'done'],
              [true, 'retry'],
              [true, 'dead'],
            ],
          );
          assert.ok(results[1].runAtMs > Date.now() + 50_000);
          const rows = await world.rows();
          assert.deepEqual(
            rows.map(({ status, attempts, retry_count: count }) => [status, attempts, count]),
            [
              ['ready', 1, 0],
              ['warming', 1, 1],
              ['error', 0, 1],
            ],
          );
        },
      );
      assert.ok(seen.failed > 0 && seen.unknown > 0, JSON.stringify(seen));
    });

    await t.test('release and extend: repeated, they do no harm', async () => {
      const seen = await everywhere(
        async (store) => {
          await store.enqueue([job(1), job(2)]);
          return world.claim(store);
        },
        (store, claims) => store.release(claims.slice(0, 1)),
        async (store, claims, answer) => {
          if (answer instanceof Error) await store.release(claims.slice(0, 1));
          assert.deepEqual(
            (await world.rows()).map(({ attempts }) => attempts),
            [0, 1],
          );
          at(400);
          await store.extend(claims.slice(1), 90_000).catch(() => {});
          proxy.clear();
          assert.deepEqual(await store.extend(claims.slice(1), 90_000), [true]);
        },
        FINE_CUTS,
      );
      assert.ok(seen.failed > 0 && seen.unknown > 0, JSON.stringify(seen));
    });
  },
  { only: 'first' },
);

onServers(
  'a server that crashes',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    const restarts = new Restarts(servers.server);
    t.after(() => restarts.stop());
    const problems = [];
    // A pool with nobody listening to its errors but the store.
    const pool = new Pool({ connectionString: servers.url, max: 4 });
    t.after(() => {
      pool.on('error', () => {});
      return pool.end();
    });
    const store = new PostgresStore({ pool, onError: (err) => problems.push(err.code), enqueueTimeoutMs: 20_000 });
    t.after(() => store.close().catch(() => {}));
    let hints = 0;
    store.onWork(() => hints++);
    await until(() => hints === 1);
    await store.enqueue(Array.from({ length: 20 }, (_, i) => job(i)));
    const claims = await world.claim(store, 10);

    await restarts.crash();
    await assert.rejects(world.succeed(store, claims), { code: 'ERR_WARMPATH_DATABASE', class: 'transient' });
    const impatient = new PostgresStore({ pool, enqueueTimeoutMs: 250 });
    const before = performance.now();
    const refused = await impatient.enqueue([job(50)]).catch((err) => err);
    assert.equal(refused.code, 'ERR_WARMPATH_DATABASE');
    assert.equal(refused.certainty, 'not-sent');
    assert.ok(performance.now() - before < 5000);
    const patient = store.enqueue([job(60)]);
    restarts.start();
    assert.deepEqual(await patient, ['queued']);
    assert.ok(problems.length > 0);

    // Everything that was confirmed before is there, and the claims are still ours.
    assert.ok((await world.succeed(store, claims)).every(({ applied, state }) => applied && state === 'done'));
    const rest = await world.claim(store, 100);
    assert.equal(rest.length, 11);
    assert.ok(rest.every(({ attempt }) => attempt === 1));
    await until(() => hints > 1, 'the connection that listens is back', 30_000);
  },
  { fsync: true, only: LONG ? undefined : 'first' },
);

onServers(
  'a failover',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    // A former primary goes on answering on the connections it has, read-only: so does this one.
    const pool = servers.open({ max: 3 });
    await Promise.all([1, 2, 3].map(() => pool.query('SELECT pg_sleep(0.05)')));
    const all = await Promise.all([1, 2, 3].map(() => pool.connect()));
    for (const client of all) await client.query('SET default_transaction_read_only = on');
    for (const client of all) client.release();
    const store = world.open({ pool });
    assert.deepEqual(await store.enqueue([job(1)]), ['queued']);
    assert.equal((await world.claim(store)).length, 1);
  },
  { only: 'first' },
);

test('a server that does not answer: enqueue answers in time, a claim is given up', async (t) => {
  // Accepts, and says nothing.
  const sockets = [];
  const server = net.createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const pool = new Pool({ host: '127.0.0.1', port: server.address().port, user: 'u', password: 'hunter2', max: 2 });
  const store = new PostgresStore({ pool, enqueueTimeoutMs: 200, timeoutMs: 200, listen: false });
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    pool.on('error', () => {});
    await pool.end();
  });
  for (let i = 0; i < 5; i++) {
    const err = await store.enqueue([job(i)]).catch((error) => error);
    assert.equal(err.code, 'ERR_WARMPATH_DATABASE');
    assert.equal(err.class, 'transient');
    assert.equal(err.certainty, 'maybe-sent');
    assert.match(err.message, /no answer in \d+ ms/);
    assert.ok(!JSON.stringify(err).includes('hunter2'));
  }
  await assert.rejects(store.claim({ limit: 1, leaseMs: 60_000 }), { code: 'ERR_WARMPATH_DATABASE' });
  await assert.rejects(migrate({ connect: () => Promise.reject(new Error('x')) }), { code: 'ERR_WARMPATH_DATABASE' });
});
