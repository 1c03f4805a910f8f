'use strict';

// What a claim costs must not depend on how much is finished, how much waits, or how much waits for later. Told by the pages that it
// looks at; the milliseconds are those of `npm run bench -- claims`.

const assert = require('node:assert/strict');
const { defaultNames } = require('../lib/sql/names.js');
const { statements } = require('../lib/store/postgres/statements.js');
const { onServers } = require('./support/pg-servers.js');
const { storeWorld, job, hex } = require('./support/pg-store.js');
const { until } = require('./support/prewarm.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const FINISHED = LONG ? 1_000_000 : 30_000;
const WAITING = LONG ? 100_000 : 15_000;
const BOTS = 20;
const LIMIT = 16;

/** Every node of a plan in FORMAT JSON. */
function* nodes(plan) {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodes(child);
}

onServers(
  'costs',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    const { pool } = world;
    const sql = statements(defaultNames());
    const fill = (count, from, { status = 'warming', priority = 0, runAt = 'now()' } = {}) =>
      pool.query(
        `INSERT INTO media_cache (bot_slug, sha256, kind, status, job, priority, run_at)
       SELECT 'bot-' || i % ${BOTS}, lpad(i::text, 64, '0'), 'photo', '${status}', '{"r2Key":"k"}', ${priority}, ${runAt}
       FROM generate_series(${from} + 1, ${from} + ${count}) i`,
      );
    const store = world.open();
    await fill(FINISHED, 0, { status: 'ready' });
    await fill(1000, 10_000_000);
    await world.claim(store, 1);
    const claimParams = [LIMIT, 60_000, store.id, 'media_cache', 5000, 80_000, []];

    const explain = async (text, params, options = '') => {
      await pool.query('ANALYZE media_cache');
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const { rows } = await client.query(`EXPLAIN (FORMAT JSON${options}) ${text}`, params);
        await client.query('ROLLBACK');
        return rows[0]['QUERY PLAN'][0].Plan;
      } finally {
        client.release();
      }
    };
    /** Pages that a claim looks at: what its time comes from, and the same on every machine. */
    const pages = async () => {
      const plan = await explain(sql.claim(LIMIT), claimParams, ', ANALYZE, BUFFERS');
      assert.equal(plan['Actual Rows'], LIMIT);
      return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    };
    await t.test('a claim costs the same with many times the rows', async (sub) => {
      const few = await pages();
      await fill(WAITING, 20_000_000);
      const many = await pages();
      await fill(WAITING, 30_000_000, { priority: 5, runAt: "now() + interval '1 hour'" });
      const later = await pages();
      sub.diagnostic(JSON.stringify({ few, many, later }));
      assert.ok(many <= 2 * few, `${few} pages, then ${many}`);
      assert.ok(later <= 3 * few, `${few} pages, then ${later}`);
    });

    await t.test('no statement reads the whole table', async () => {
      const claims = await world.claim(store, 4);
      const rows = claims.map(({ job: { botSlug, sha256, kind }, fence }) => [botSlug, sha256, kind, fence]);
      const keys = [0, 1, 2, 3].map((i) => rows.map((row) => row[i]));
      const each = (value) => rows.map(() => value);
      const settled = [true, null, true, 0, null, 'F', null, null, null].map(each);
      const cases = {
        claim: claimParams,
        nextDue: ['media_cache', store.id],
        balance: ['media_cache', store.id, 80_000, 'host', 1, '0', ['bot-1']],
        extend: [...keys, 60_000, 'media_cache', store.id, 80_000],
        settle: [...keys, ...settled, [1000]],
        release: keys,
        enqueue: [['bot-1'], [hex(9)], ['photo'], [0], ['{}'], null, null],
      };
      for (const [name, params] of Object.entries(cases)) {
        const plan = await explain(name === 'claim' ? sql.claim(LIMIT) : sql[name], params);
        const whole = [...nodes(plan)].filter(
          (node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'media_cache',
        );
        assert.deepEqual(whole, [], `${name} reads the whole table`);
        assert.ok(
          plan['Total Cost'] < 100_000,
          `${name}: an estimate of ${plan['Total Cost']} has the statement compiled`,
        );
      }
      await store.release(claims);
    });

    await t.test('a claim is planned once, not every time', async () => {
      const single = servers.open({ max: 1 });
      const one = world.open({ pool: single });
      await store.leave();
      for (let limit = 1; limit <= 20; limit++) await one.release(await world.claim(one, limit));
      const { rows } = await single.query(
        "SELECT custom_plans::int AS custom, generic_plans::int AS kept FROM pg_prepared_statements WHERE statement LIKE '%pair p CROSS%done AS%'",
      );
      // The server tries five plans for the values at hand before it compares them with one for all.
      assert.equal(rows.length, 1);
      assert.ok(rows[0].custom <= 5 && rows[0].kept >= 10, JSON.stringify(rows));
      await one.close();
      await single.end();
    });

    await t.test('a claim, a heartbeat and a release stay in their page and touch no index', async () => {
      await world.clear();
      // The fill factor is what leaves the room; pages filled before it was set have none.
      await pool.query('VACUUM FULL media_cache');
      await store.enqueue(Array.from({ length: 400 }, (_, i) => job(i)));
      const single = servers.open({ max: 1 });
      const one = world.open({ pool: single });
      await store.leave();
      const claims = await world.claim(one, 10);
      assert.equal(claims.length, 10);
      await one.extend(claims, 60_000);
      await one.release(claims);
      await one.close();
      await single.end();
      // What a connection has counted is told at its end at the latest; those of the pool are told as well.
      const hot = await until(async () => {
        const { rows } = await pool.query(
          "SELECT n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'media_cache'",
        );
        return rows[0].hot >= 30 && rows[0].hot;
      }, '30 updates that stayed in their page');
      assert.ok(hot >= 30);
    });
  },
  { only: LONG ? undefined : 'first' },
);
