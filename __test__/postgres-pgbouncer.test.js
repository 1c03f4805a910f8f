'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { migrate } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { pgbouncerMissing, startPgbouncer } = require('./support/pgbouncer.js');
const { storeWorld, job } = require('./support/pg-store.js');
const { until } = require('./support/prewarm.js');

const missing = pgbouncerMissing();
if (missing) test('behind PgBouncer', { skip: missing }, () => {});
else onServers('behind PgBouncer in transaction mode', suite, { only: 'first' });

async function suite(servers, t) {
  const world = await storeWorld(servers, t);
  const bouncer = await startPgbouncer(servers.url);
  t.after(() => bouncer.stop());
  const pooled = () => servers.open({ connectionString: bouncer.url, max: 4 });

  await t.test('stores share the work over server connections that change with every statement', async () => {
    const stores = [1, 2].map(() => world.open({ pool: pooled(), listen: true, delaysMs: [1] }));
    let woken = 0;
    const leave = stores.map((store) => store.onWork(() => woken++));
    const jobs = Array.from({ length: 300 }, (_, i) => job(i, { botSlug: `bot-${i % 6}` }));
    await Promise.all([0, 1, 2].map((third) => stores[third % 2].enqueue(jobs.slice(third * 100, third * 100 + 100))));
    const seen = new Map();
    let failures = 0;
    await Promise.all(
      stores.map(async (store) => {
        while (seen.size < jobs.length) {
          const claims = await world.claim(store, 16);
          await store.extend(claims, 60_000);
          const outcomes = claims.map((one, i) =>
            i === 0 && one.attempt === 1
              ? { ...one, status: 'failed', charged: true, error: { code: 'C', class: 'transient', message: 'm' } }
              : { ...one, status: 'succeeded', charged: true, value: { fileId: 'F' } },
          );
          for (const [i, { applied, state }] of (await store.settle(outcomes)).entries()) {
            assert.ok(applied);
            if (state === 'done') seen.set(claims[i].key, (seen.get(claims[i].key) ?? 0) + 1);
            else failures++;
          }
          await new Promise(setImmediate);
        }
      }),
    );
    assert.ok([...seen.values()].every((times) => times === 1));
    assert.ok(failures > 0);
    for (const off of leave) off();
    const { rows } = await world.pool.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^LISTEN'",
    );
    assert.equal(rows[0].n, 0, 'nothing listens on a connection of the pooler');
    const prepared = await pooled().query('SELECT count(*)::int AS n FROM pg_prepared_statements');
    assert.equal(prepared.rows[0].n, 0);
  });

  await t.test('hints are heard past the pooler, where that is asked for', async () => {
    await world.clear();
    const store = world.open({ pool: pooled(), listen: servers.url });
    const web = world.open({ pool: pooled() });
    let hints = 0;
    const leave = store.onWork(() => hints++);
    await until(() => hints === 1);
    await web.enqueue([job(1)]);
    await until(() => hints > 1);
    leave();
  });

  await t.test('migrate says that it needs a connection of its own', async () => {
    await assert.rejects(migrate(pooled()), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', message: /PgBouncer/ });
  });
}
