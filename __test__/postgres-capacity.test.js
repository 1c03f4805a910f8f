'use strict';

// A table with a bound: what would be too much is refused, what is there already is not.

const assert = require('node:assert/strict');
const { PostgresStore } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { storeWorld, job } = require('./support/pg-store.js');

const jobs = (from, count) => Array.from({ length: count }, (_, i) => job(from + i));
const count = (statuses, wanted) => statuses.filter((status) => status === wanted).length;

onServers('a table with a bound', async (servers, t) => {
  const world = await storeWorld(servers, t);
  const { claim, fail, succeed } = world;
  t.beforeEach(() => world.clear());

  await t.test('the last jobs of a call are refused, and taken when there is room', async () => {
    const store = world.open({ capacity: 5, delaysMs: [] });
    assert.equal(store.stats().capacity, 5);
    assert.deepEqual(await store.enqueue(jobs(0, 3)), ['queued', 'queued', 'queued']);
    assert.deepEqual(await store.enqueue([job(9), job(1), job(8), job(7), job(7), job(6)]), [
      'queued',
      'duplicate',
      'queued',
      'full',
      'full',
      'full',
    ]);
    // Claimed ones count as well.
    const [first, second] = await claim(store, 2);
    assert.deepEqual(await store.enqueue([job(7)]), ['full']);
    await succeed(store, [first]);
    await fail(store, [second]);
    assert.equal((await world.row(Number(second.job.sha256))).status, 'error');
    // What is ready is cached, however full it is; what has failed needs room to begin anew, like a new one.
    assert.deepEqual(await store.enqueue([first.job, second.job, job(7), job(6)].map(({ key: _, ...one }) => one)), [
      'cached',
      'queued',
      'queued',
      'full',
    ]);
    assert.deepEqual(await store.enqueue([job(6)]), ['full']);
  });

  await t.test("a row that the app's own SQL has set to warming is counted already", async () => {
    const store = world.open({ capacity: 1 });
    await world.pool.query(
      `INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('bot', $1, 'photo', 'warming')`,
      [job(1).sha256],
    );
    assert.deepEqual(await store.enqueue([job(2), job(1)]), ['full', 'queued']);
  });

  await t.test('several that put in at once stay near the bound, and one of them exactly at it', async () => {
    const stores = [1, 2, 3].map(() => world.open({ capacity: 100 }));
    const alone = await stores[0].enqueue(jobs(0, 300));
    assert.deepEqual([count(alone, 'queued'), count(alone, 'full')], [100, 200]);
    await world.clear();
    const parts = await Promise.all(stores.map((store, i) => store.enqueue(jobs(1000 * i, 60))));
    const queued = count(parts.flat(), 'queued');
    assert.ok(queued >= 100 && queued <= 180, `${queued}`);
    // More than a twentieth of what any of them has found free.
    const more = await Promise.all(stores.map((store, i) => store.enqueue(jobs(5000 + 10 * i, 10))));
    assert.equal(count(more.flat(), 'full'), 30);
  });

  await t.test('while there is much room, not every call counts', async () => {
    const texts = [];
    const pool = {
      query: (...args) => {
        texts.push(args[0]);
        return world.pool.query(...args);
      },
    };
    const store = new PostgresStore({ pool, listen: false, notify: false, capacity: 1000 });
    const counted = async (list) => {
      await store.enqueue(list);
      return texts.at(-1).includes('surplus');
    };
    assert.equal(await counted([job(1)]), true, 'nothing is known yet');
    // A twentieth of what was free.
    for (let i = 10; i < 50; i += 10) assert.equal(await counted(jobs(i, 10)), false);
    assert.equal(await counted(jobs(50, 10)), true);
    assert.equal(await counted(jobs(100, 900)), true);
    assert.equal(await counted(jobs(2000, 3)), true, 'there is little room');
    await store.close();
  });

  await t.test('what the option takes', () => {
    for (const capacity of [0, 1.5, -1, Number.NaN, '5', null]) {
      assert.throws(() => new PostgresStore({ pool: world.pool, capacity }), {
        code: 'ERR_WARMPATH_INVALID_OPTION',
        option: 'capacity',
      });
    }
    assert.equal(
      new PostgresStore({ pool: world.pool, capacity: Number.POSITIVE_INFINITY }).stats().capacity,
      Number.POSITIVE_INFINITY,
    );
  });
});
