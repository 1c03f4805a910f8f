'use strict';

// The seeds' function names as working SQL: what was found wrong with the originals, run against ours.

const assert = require('node:assert/strict');
const { migrate } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { TABLES, MIGRATION_013 } = require('./support/seed-schema.js');

const hex = (i) => String(i).padStart(64, '0');

onServers("the seeds' functions", async ({ pool }, t) => {
  // sha256 is varchar(64) there, at which the original function failed on every call.
  for (const statement of [...TABLES, ...MIGRATION_013]) await pool.query(statement);
  await migrate(pool);
  t.beforeEach(() => pool.query('TRUNCATE media_cache, media_store'));

  const add = async (i, { store = true, age = i } = {}) => {
    if (store)
      await pool.query("INSERT INTO media_store (bot_slug, sha256, r2_key) VALUES ('a', $1, $2)", [hex(i), `k${i}`]);
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status, run_at) VALUES ('a', $1, 'photo', 'warming', now() - make_interval(mins => $2))",
      [hex(i), age],
    );
  };
  const batch = async (size) => {
    const { rows } = await pool.query('SELECT * FROM get_next_prewarm_batch($1)', [size]);
    return rows.map(({ sha256 }) => Number(sha256));
  };
  const mark = (i, text = 'why') => pool.query("SELECT mark_prewarm_retry('a', $1, 'photo', $2)", [hex(i), text]);
  const row = async (i) =>
    (await pool.query('SELECT *, run_at - now() AS wait FROM media_cache WHERE sha256 = $1', [hex(i)])).rows[0];

  await t.test('two calls give different rows, oldest first', async () => {
    for (const i of [1, 2, 3, 4, 5, 6, 7]) await add(i);
    assert.deepEqual(await batch(3), [7, 6, 5]);
    assert.deepEqual(await batch(3), [4, 3, 2]);
    assert.deepEqual(await batch(null), [1]);
    assert.deepEqual(await batch(3), []);
  });

  await t.test('a size that makes no sense leases nothing, none means five', async () => {
    for (let i = 1; i <= 8; i++) await add(i);
    assert.deepEqual(await batch(-1), []);
    assert.deepEqual(await batch(0), []);
    assert.equal((await batch(null)).length, 5);
    const { rows } = await pool.query('SELECT * FROM get_next_prewarm_batch()');
    assert.equal(rows.length, 3);
    assert.deepEqual(Object.keys(rows[0]), ['bot_slug', 'sha256', 'kind', 'r2_key', 'retry_count']);
  });

  await t.test('a row without a stored object is handed out, not hidden', async () => {
    await add(1, { store: false });
    const { rows } = await pool.query('SELECT * FROM get_next_prewarm_batch(5)');
    assert.deepEqual(rows, [{ bot_slug: 'a', sha256: hex(1), kind: 'photo', r2_key: null, retry_count: 0 }]);
  });

  await t.test('concurrent calls share the rows', async () => {
    for (let i = 1; i <= 60; i++) await add(i);
    const got = (await Promise.all(Array.from({ length: 12 }, () => batch(5)))).flat();
    const rest = await batch(100);
    assert.deepEqual(
      [...got, ...rest].sort((a, b) => a - b),
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
  });

  await t.test('1, 2, 4, 8, 16 minutes: five retries, then error', async () => {
    await add(1);
    const waits = [];
    for (let tries = 1; tries <= 6; tries++) {
      assert.deepEqual(await batch(1), [1]);
      await mark(1, `try ${tries}`);
      const { wait, status, retry_count: count, last_error: error } = await row(1);
      assert.equal(count, tries);
      assert.equal(error, `try ${tries}`);
      assert.equal(status, tries === 6 ? 'error' : 'warming');
      if (status === 'warming')
        waits.push(Math.floor((wait.hours ?? 0) * 60 + (wait.minutes ?? 0) + ((wait.seconds ?? 0) + 1) / 60));
      await pool.query("UPDATE media_cache SET run_at = now() WHERE status = 'warming'");
    }
    for (const [i, least] of [1, 2, 4, 8, 16].entries()) {
      assert.ok(waits[i] >= least && waits[i] <= least * 1.1 + 1, `${waits}`);
    }
  });

  await t.test('only an unexpired lease of its own is marked: a ready row stays ready', async () => {
    await add(1);
    await mark(1);
    assert.equal((await row(1)).retry_count, 0, 'never leased');
    await batch(1);
    await pool.query("UPDATE media_cache SET lease_until = now() - interval '1 second'");
    await mark(1);
    assert.equal((await row(1)).retry_count, 0, 'lease over');
    await batch(1);
    assert.equal((await row(1)).lost_leases, 1);
    await pool.query("UPDATE media_cache SET status = 'ready', file_id = 'F'");
    await mark(1);
    assert.deepEqual([(await row(1)).status, (await row(1)).file_id], ['ready', 'F']);
  });
});
