'use strict';

// Many instances on one table: who owns which bot, and what happens when instances come, go, die and stall.

const assert = require('node:assert/strict');
const { setTimeout: sleep } = require('node:timers/promises');
const { onServers } = require('./support/pg-servers.js');
const { storeWorld, job } = require('./support/pg-store.js');
const { until } = require('./support/prewarm.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const LEASE_MS = 30_000;
const SHORT_LEASE_MS = 900;

onServers(
  'bots and their owners',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    const { pool, succeed } = world;
    t.beforeEach(() => world.clear());
    const bots = (n) => Array.from({ length: n }, (_, i) => `bot-${i}`);
    const fill = (store, slugs, each = 10) =>
      store.enqueue(
        slugs.flatMap((botSlug, b) => Array.from({ length: each }, (_, i) => job(b * 1000 + i, { botSlug }))),
      );
    const claim = (store, limit = 4, leaseMs = LEASE_MS) => store.claim({ limit, leaseMs });
    const slugs = (claims) => [...new Set(claims.map((one) => one.job.botSlug))];
    const owners = async () => {
      const { rows } = await pool.query(
        'SELECT lane, owner FROM warmpath_lanes WHERE until > now() AND owner IS NOT NULL ORDER BY lane',
      );
      return rows;
    };
    const shares = async (...stores) => {
      const all = await owners();
      return stores.map((store) => all.filter(({ owner }) => owner === store.id).length);
    };

    await t.test('alone, an instance owns all; a second one gets half, and only what is idle moves', async () => {
      const [one, two] = [1, 2].map(() => world.open({ listen: true }));
      let listening = 0;
      const off = one.onWork(() => listening++);
      await until(() => listening > 0);
      await fill(one, bots(6), 100);
      const busy = await claim(one, 6);
      assert.equal(slugs(busy).length, 6);
      assert.deepEqual(await claim(two), []);
      assert.deepEqual(await shares(one, two), [6, 0]);
      // It is told of the second one, and claims no more from what it has to let go: but all of that is in use.
      await until(async () => {
        const claims = await claim(one, 6);
        busy.push(...claims);
        return slugs(claims).length === 3;
      });
      assert.deepEqual(await claim(two), [], 'nothing is let go with jobs in flight');
      assert.deepEqual(await shares(one, two), [6, 0]);
      await succeed(one, busy);
      await until(async () => (await shares(one, two))[0] === 3);
      const theirs = await until(async () => {
        const claims = await claim(two, 10);
        return claims.length > 0 && claims;
      });
      assert.deepEqual(await shares(one, two), [3, 3]);
      const ours = await claim(one, 10);
      assert.deepEqual(
        slugs(ours).filter((slug) => slugs(theirs).includes(slug)),
        [],
      );
      off();
    });

    await t.test('one bot stays with one instance, however many there are', async () => {
      const stores = [1, 2, 3].map(() => world.open());
      await fill(stores[0], ['only'], 30);
      const seen = new Set();
      for (let round = 0; round < 10; round++) {
        for (const [i, store] of stores.entries()) {
          const claims = await claim(store, 1);
          if (claims.length > 0) seen.add(i);
          await succeed(store, claims);
        }
      }
      assert.equal(seen.size, 1);
    });

    await t.test('leaving hands bots over at once, those in use when they are done', async () => {
      const [one, two] = [world.open(), world.open()];
      await fill(one, bots(2));
      const busy = (await claim(one, 2)).slice(0, 1);
      const spare = (await claim(one, 0)) && (await owners()).length;
      assert.equal(spare, 2);
      const [
        {
          job: { botSlug: kept },
        },
      ] = busy;
      const { rows } = await pool.query(
        'SELECT bot_slug, sha256, kind, fence FROM media_cache WHERE lease_until > now() AND bot_slug <> $1',
        [kept],
      );
      await one.release(
        rows.map((row) => ({ key: `${row.kind}:${row.sha256}:${row.bot_slug}`, fence: Number(row.fence) })),
      );
      await one.leave();
      assert.deepEqual(
        slugs(await claim(two, 10)),
        bots(2).filter((slug) => slug !== kept),
      );
      await one.release(busy);
      await until(async () => (await owners()).length === 1);
      await one.leave();
      assert.deepEqual(
        (await one.instances()).map(({ id }) => id),
        [two.id],
      );
      const more = await until(async () => {
        const claims = await claim(two, 10);
        return claims.length > 0 && claims;
      });
      assert.deepEqual(slugs(more), [kept]);
      assert.ok(
        more.every(({ attempt }) => attempt === 1),
        'uncharged',
      );
    });

    await t.test('what a dead instance owned is taken over, after its last job lease', async () => {
      const [dead, heir] = [world.open(), world.open()];
      await fill(dead, bots(2), 1);
      const lost = await claim(dead, 10, SHORT_LEASE_MS);
      assert.equal(lost.length, 2);
      const { rows } = await pool.query(
        'SELECT bool_and(l.until >= c.lease_until) AS outlasts FROM media_cache c JOIN warmpath_lanes l ON l.lane = c.bot_slug',
      );
      assert.equal(rows[0].outlasts, true);
      const inherited = await until(async () => {
        const claims = await claim(heir, 10, SHORT_LEASE_MS);
        return claims.length > 0 && claims;
      });
      assert.ok(inherited.every(({ attempt, fence }) => attempt === 2 && fence === 2));
      assert.ok((await succeed(dead, lost)).every(({ applied }) => !applied));
    });

    await t.test('a clock that is wrong in one process means nothing', async () => {
      const store = world.open();
      const { now } = Date;
      Date.now = () => now() + 86_400_000;
      t.after(() => {
        Date.now = now;
      });
      await fill(store, bots(1), 1);
      const [one] = await claim(store);
      await store.settle([
        { ...one, status: 'failed', charged: true, error: { code: 'C', class: 'transient', message: 'm' } },
      ]);
      Date.now = now;
      const { rows } = await pool.query('SELECT extract(epoch FROM run_at - now())::float8 AS wait FROM media_cache');
      assert.ok(rows[0].wait > 50 && rows[0].wait <= 66, String(rows[0].wait));
    });

    await t.test('instances that come and go at random: every job once at a time, every bot in one hand', async () => {
      const JOBS = LONG ? 6000 : 600;
      const all = bots(12);
      const feeder = world.open();
      await fill(feeder, all, JOBS / all.length);
      const running = new Set();
      const hands = new Map();
      const done = new Map();
      const wrong = [];
      const take = (name, claims) => {
        for (const one of claims) {
          if (running.has(one.key)) wrong.push(`${one.key} runs twice`);
          running.add(one.key);
          const hand = hands.get(one.job.botSlug) ?? { name, count: 0 };
          if (hand.name !== name) wrong.push(`${one.job.botSlug}: ${hand.name} and ${name}`);
          hand.count++;
          hands.set(one.job.botSlug, hand);
        }
      };
      const drop = (one) => {
        running.delete(one.key);
        const hand = hands.get(one.job.botSlug);
        if (--hand.count === 0) hands.delete(one.job.botSlug);
      };
      let seed = 42;
      const random = (n) => {
        seed = (seed * 48271) % 2147483647;
        return seed % n;
      };
      const instance = async (name) => {
        let store = world.open();
        while (done.size < JOBS) {
          const claims = await store.claim({ limit: 1 + random(20), leaseMs: 30_000 });
          take(name, claims);
          for (let i = 0; i < random(3); i++) await sleep(0);
          const back = claims.filter(() => random(10) === 0);
          const ended = claims.filter((one) => !back.includes(one));
          for (const one of claims) drop(one);
          await store.release(back);
          for (const [i, { applied }] of (await succeed(store, ended)).entries()) {
            if (!applied) wrong.push(`${ended[i].key} was not ours`);
            done.set(ended[i].key, (done.get(ended[i].key) ?? 0) + 1);
          }
          if (claims.length === 0) await sleep(5);
          if (random(25) === 0) {
            await store.close();
            store = world.open();
          }
        }
        await store.close();
      };
      await Promise.all(['a', 'b', 'c', 'd'].map(instance));
      assert.deepEqual(wrong, []);
      assert.ok([...done.values()].every((times) => times === 1));
      const { rows } = await pool.query(
        'SELECT status, max(attempts) AS most, count(*)::int AS n FROM media_cache GROUP BY status',
      );
      assert.deepEqual(rows, [{ status: 'ready', most: 1, n: JOBS }]);
    });
  },
  { only: LONG ? undefined : 'first' },
);

onServers(
  'hints',
  async (servers, t) => {
    const world = await storeWorld(servers, t);

    await t.test(
      'work of another process is heard at once; nothing is said of what only its owner may claim',
      async () => {
        const [worker, web] = [world.open({ listen: true }), world.open({ pool: servers.open() })];
        let hints = 0;
        const leave = worker.onWork(() => hints++);
        await until(() => hints === 1, 'the connection that listens');
        await web.enqueue([job(1)]);
        await until(() => hints > 1);
        const [one] = await worker.claim({ limit: 1, leaseMs: 60_000 });
        await worker.settle([{ ...one, status: 'succeeded', charged: true, value: {} }]);
        const listener = servers.open({ max: 1 });
        const client = await listener.connect();
        const heard = [];
        client.on('notification', ({ payload }) => heard.push(payload));
        await client.query('LISTEN warmpath');
        await worker.enqueue([job(2)]);
        await client.query('SELECT 1');
        assert.deepEqual(heard, []);
        // A burst says it twice at most: at its beginning, and once for all the rest.
        for (let i = 10; i < 40; i++) await web.enqueue([job(i)]);
        await sleep(150);
        await client.query('SELECT 1');
        assert.ok(heard.length >= 1 && heard.length <= 30 / 2, String(heard.length));
        assert.ok(heard.every((payload) => payload === `${web.id} work media_cache`));
        client.release();
        leave();
      },
    );

    await t.test('what others write to the channel means nothing', async () => {
      const store = world.open({ listen: true });
      let hints = 0;
      const leave = store.onWork(() => hints++);
      await until(() => hints === 1);
      for (const payload of ['', ' ', 'x', `${store.id} work media_cache`, 'id work another_table']) {
        await world.pool.query("SELECT pg_notify('warmpath', $1)", [payload]);
      }
      await world.pool.query("SELECT pg_notify('warmpath', 'somebody work media_cache')");
      await until(() => hints > 1);
      assert.equal(hints, 2);
      leave();
    });

    await t.test('the connection that listens is made anew when it breaks', async () => {
      const problems = [];
      const store = world.open({ listen: true, onError: (err) => problems.push(err.code) });
      let hints = 0;
      const leave = store.onWork(() => hints++);
      await until(() => hints === 1);
      await world.pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN warmpath'",
      );
      await until(() => hints === 2);
      assert.ok(problems.includes('ERR_WARMPATH_DATABASE'));
      leave();
    });
  },
  { only: 'first' },
);
