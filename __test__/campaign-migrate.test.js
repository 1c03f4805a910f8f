'use strict';

const assert = require('node:assert/strict');
const { migrateCampaigns } = require('..');
const { onServers } = require('./support/pg-servers.js');

const INDEXES = [
  'idx_campaign_messages_atomic_selection',
  'idx_campaign_messages_scheduled',
  'idx_campaign_runs_id_status',
  'idx_leads_id_for_context',
];

const indexes = async (pool) =>
  (
    await pool.query(
      `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indisvalid AND c.relname = ANY ($1) ORDER BY 1`,
      [INDEXES],
    )
  ).rows.map(({ name }) => name);

onServers('migrations of campaigns', async ({ server, open, pool: admin }, t) => {
  /** A database of its own for each case. */
  let count = 0;
  const fresh = async () => {
    const name = `campaigns_${process.pid}_${count++}`;
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return open({ connectionString: url.href });
  };

  await t.test('an empty database, twice, at once, and back', async () => {
    const pool = await fresh();
    const [one, two] = await Promise.all([migrateCampaigns(pool), migrateCampaigns(pool)]);
    assert.equal(one.migrations.length + two.migrations.length, 7);
    assert.deepEqual(await indexes(pool), INDEXES);
    assert.deepEqual((await migrateCampaigns(pool)).statements, []);
    await pool.query('DROP INDEX idx_campaign_messages_atomic_selection');
    await migrateCampaigns(pool);
    assert.deepEqual(await indexes(pool), INDEXES, 'a lost index is built again');
    const { statements } = await migrateCampaigns(pool, { down: true, dryRun: true });
    assert.ok(statements.length > 5);
    await migrateCampaigns(pool, { down: true });
    assert.deepEqual(await indexes(pool), []);
    const { rows } = await pool.query("SELECT to_regclass('campaign_messages') IS NOT NULL AS there");
    assert.ok(rows[0].there, 'tables stay');
    await migrateCampaigns(pool);
  });

  await t.test('the tables, functions and rows of an app that has them already', async () => {
    const pool = await fresh();
    for (const sql of [
      "CREATE TABLE campaign_runs (id bigserial PRIMARY KEY, status text NOT NULL DEFAULT 'running')",
      'CREATE TABLE leads (id bigserial PRIMARY KEY, nome text)',
      `CREATE TABLE campaign_messages (id bigserial PRIMARY KEY, run_id bigint REFERENCES campaign_runs, lead_id bigint,
         status text NOT NULL DEFAULT 'pending', retry_count int, scheduled_at timestamptz NOT NULL DEFAULT now(), texto text)`,
      'INSERT INTO campaign_runs DEFAULT VALUES',
      "INSERT INTO campaign_messages (run_id, status, texto) VALUES (1, 'pending', 'a'), (1, 'processing', 'b'), (1, 'sent', 'c')",
      `CREATE FUNCTION mark_old_campaign_messages_as_skipped(days int) RETURNS text LANGUAGE sql AS $$ SELECT 'theirs' $$`,
    ]) {
      await pool.query(sql);
    }
    await migrateCampaigns(pool);
    const { rows } = await pool.query('SELECT * FROM campaign_messages ORDER BY id');
    assert.deepEqual(
      rows.map(({ status, texto, retry_count: n, lease_until: until }) => [status, texto, n, until !== null]),
      [
        ['pending', 'a', 0, false],
        ['processing', 'b', 0, true],
        ['sent', 'c', 0, false],
      ],
      'what was locked before comes back some time',
    );
    const { rows: theirs } = await pool.query('SELECT mark_old_campaign_messages_as_skipped(1) AS answer');
    assert.equal(theirs[0].answer, 'theirs');
    const { rows: types } = await pool.query(
      "SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'campaign_message_parts'::regclass AND attname = 'message_id'",
    );
    assert.equal(types[0].type, 'bigint');
    const { rows: claimed } = await pool.query('SELECT * FROM get_and_lock_campaign_messages(10)');
    assert.deepEqual(
      claimed.map(({ texto }) => texto),
      ['a'],
    );
    await migrateCampaigns(pool, { down: true });
    const { rows: kept } = await pool.query('SELECT mark_old_campaign_messages_as_skipped(1) AS answer');
    assert.equal(kept[0].answer, 'theirs', 'not ours to drop');
  });

  await t.test('the functions, from SQL', async () => {
    const pool = await fresh();
    await migrateCampaigns(pool);
    const query = async (sql, params) => (await pool.query(sql, params)).rows;
    const [{ id: runId }] = await query('INSERT INTO campaign_runs DEFAULT VALUES RETURNING id');
    const [{ id: paused }] = await query("INSERT INTO campaign_runs (status) VALUES ('paused') RETURNING id");
    await query('INSERT INTO campaign_messages (run_id) SELECT $1 FROM generate_series(1, 3)', [paused]);
    await query(
      "INSERT INTO campaign_messages (run_id, scheduled_at) SELECT $1, now() - interval '2 days' FROM generate_series(1, 3)",
      [runId],
    );
    const [one] = await query('SELECT * FROM get_and_lock_campaign_messages(1)');
    assert.deepEqual(
      [one.run_id, one.status, one.fence, one.lease_owner],
      [runId, 'processing', '1', 'get_and_lock_campaign_messages'],
    );
    assert.ok(one.lease_until - Date.now() > 290_000 - 10_000);
    assert.deepEqual(await query('SELECT * FROM get_and_lock_campaign_messages(10, $1)', [paused]), []);

    for (const [status, minutes] of [
      ['pending', 5],
      ['pending', 15],
      ['pending', 30],
      ['failed', null],
    ]) {
      const [{ fence }] = await query('SELECT fence FROM campaign_messages WHERE id = $1', [one.id]);
      const mark = (f) => query('SELECT mark_campaign_message_retry($1, $2, $3) AS status', [one.id, f, 'why']);
      assert.equal((await mark(Number(fence) - 1))[0].status, null, 'an old fence changes nothing');
      assert.equal((await mark(fence))[0].status, status);
      const [{ wait }] = await query(
        'SELECT extract(epoch FROM next_retry_at - now()) / 60 AS wait FROM campaign_messages WHERE id = $1',
        [one.id],
      );
      if (minutes === null) break;
      assert.ok(Math.abs(wait - minutes) < 0.1);
      await query('UPDATE campaign_messages SET next_retry_at = now() WHERE id = $1', [one.id]);
      // With the others, which are given back.
      await query('SELECT * FROM get_and_lock_campaign_messages(10)');
      await query(
        "UPDATE campaign_messages SET status = 'pending', lease_until = NULL WHERE run_id = $1 AND id <> $2",
        [runId, one.id],
      );
    }
    const [{ marked }] = await query('SELECT mark_old_campaign_messages_as_skipped() AS marked');
    assert.equal(marked, 2);
    const [{ again }] = await query("SELECT mark_old_campaign_messages_as_skipped(interval '1 hour') AS again");
    assert.equal(again, 0, 'of a paused run they are not old yet');
  });

  await t.test('a claim uses its index, however many wait in a paused run', async () => {
    const pool = await fresh();
    await migrateCampaigns(pool);
    const { rows } = await pool.query("INSERT INTO campaign_runs (status) VALUES ('running'), ('paused') RETURNING id");
    await pool.query(
      'INSERT INTO campaign_messages (run_id) SELECT ($1::uuid[])[1 + (n > 100)::int] FROM generate_series(1, 20000) n',
      [rows.map(({ id }) => id)],
    );
    await pool.query('ANALYZE');
    const { campaignNamesOf } = require('../lib/sql/campaign-names.js');
    const { campaignOptionsOf } = require('../lib/options/campaign-worker.js');
    const { statements } = require('../lib/store/campaign/sql.js');
    const sql = statements(campaignNamesOf(campaignOptionsOf({ pool })), {
      id: 'uuid',
      run: 'uuid',
      lead: 'uuid',
    }).claim;
    const text = sql
      .replace('$1::int', '10')
      .replaceAll('$1::int', '10')
      .replaceAll('$2', '60000')
      .replaceAll('$3', "'me'")
      .replaceAll('$4', "'{running}'");
    const plan = await pool.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`);
    const root = plan.rows[0]['QUERY PLAN'][0].Plan;
    assert.match(JSON.stringify(plan.rows), /idx_campaign_messages_atomic_selection/);
    assert.ok(root['Shared Hit Blocks'] < 1000, `${root['Shared Hit Blocks']} blocks`);
  });
});
