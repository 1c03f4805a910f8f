'use strict';

const assert = require('node:assert/strict');
const { migrate } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { TABLES, MIGRATION_013 } = require('./support/seed-schema.js');

const ALL = ['tables', 'columns', 'backfill', 'indexes', 'instances', 'seed-names', 'storage', 'ingest'];
const hex = (i) => String(i).padStart(64, '0');

/** What the catalog says: tables with columns, valid and invalid indexes, functions, views. */
async function catalog(pool) {
  const read = async (text) => (await pool.query(text)).rows.map((row) => Object.values(row).join(' '));
  return [
    ...(await read(
      `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public' ORDER BY 1, 2`,
    )),
    ...(await read(
      "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid::regclass::text !~ '^pg_' ORDER BY 1",
    )),
    ...(await read("SELECT oid::regprocedure::text, md5(prosrc) FROM pg_proc WHERE proname ~ 'prewarm' ORDER BY 1")),
  ];
}

async function emptied(pool) {
  await pool.query('DROP SCHEMA public CASCADE');
  await pool.query('CREATE SCHEMA public');
}

onServers('migrate', async ({ pool, open }, t) => {
  t.beforeEach(() => emptied(pool));

  await t.test('an empty database gets everything, once', async () => {
    const before = await catalog(pool);
    const dry = await migrate(pool, { dryRun: true });
    assert.deepEqual(dry.migrations, ALL);
    assert.deepEqual(await catalog(pool), before, 'a dry run changes nothing');
    const said = [];
    const { migrations, statements } = await migrate(pool, { log: (sql) => said.push(sql) });
    assert.deepEqual(migrations, ALL);
    assert.deepEqual(said, statements);
    const after = await catalog(pool);
    assert.deepEqual(await migrate(pool), { migrations: [], statements: [] });
    assert.deepEqual(await catalog(pool), after);
    assert.ok(after.includes('ix_media_cache_claim true'));
  });

  await t.test('two processes at once: one does it, the other finds it done', async () => {
    for (const statement of TABLES) await pool.query(statement);
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status) SELECT 'b' || i % 9, i, 'photo', 'warming' FROM generate_series(1, 20000) i",
    );
    const results = await Promise.all([1, 2, 3].map(() => migrate(open({ max: 1 }))));
    assert.deepEqual(results.map(({ migrations }) => migrations.length).sort(), [0, 0, ALL.length]);
    assert.ok((await catalog(pool)).includes('ix_media_cache_claim true'));
  });

  await t.test("over the seeds' own migration: rows keep their order, waits and tries", async () => {
    for (const statement of [...TABLES, ...MIGRATION_013]) await pool.query(statement);
    await pool.query(
      `INSERT INTO media_cache (bot_slug, sha256, kind, status, created_at, retry_count, next_retry_at) VALUES
       ('a', $1, 'photo', 'warming', '2020-01-02', 0, NULL), ('a', $2, 'photo', 'warming', '2020-01-01', NULL, NULL),
       ('a', $3, 'photo', 'warming', '2020-01-03', 2, now() + interval '1 hour'), ('a', $4, 'photo', 'ready', now(), 1, NULL)`,
      [1, 2, 3, 4].map(hex),
    );
    await migrate(pool);
    const { rows } = await pool.query(
      `SELECT sha256::int AS i, retry_count, attempts, run_at = coalesce(next_retry_at, created_at) AS kept
       FROM media_cache WHERE status = 'warming' ORDER BY run_at`,
    );
    assert.deepEqual(rows, [
      { i: 2, retry_count: 0, attempts: 0, kept: true },
      { i: 1, retry_count: 0, attempts: 0, kept: true },
      { i: 3, retry_count: 2, attempts: 2, kept: true },
    ]);
    const stats = await pool.query('SELECT * FROM media_warming_stats');
    assert.deepEqual(
      stats.rows.map(({ status, kind, count, max_retries, with_retries }) => [
        status,
        kind,
        count,
        max_retries,
        with_retries,
      ]),
      [['warming', 'photo', '3', 2, '1']],
    );
  });

  await t.test('index builds that were cut off are done again, ours and the seeds', async () => {
    for (const statement of [...TABLES, ...MIGRATION_013]) await pool.query(statement);
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('a', '1', 'x', 'ready'), ('a', '2', 'x', 'ready')",
    );
    // Fails on the two equal values and, like every build that was cut off, leaves an invalid index of this name.
    await assert.rejects(pool.query('CREATE UNIQUE INDEX CONCURRENTLY ix_media_cache_claim ON media_cache (bot_slug)'));
    await pool.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_media_cache_retry'::regclass");
    await migrate(pool);
    const indexes = (await catalog(pool)).filter((line) => line.startsWith('ix_'));
    assert.equal(indexes.length, 7);
    assert.ok(
      indexes.every((line) => line.endsWith(' true')),
      indexes.join(),
    );
    const { rows } = await pool.query("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_media_cache_claim'");
    assert.match(rows[0].indexdef, /priority DESC, run_at/);
    // Lost later, after everything was written down as done.
    await pool.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_media_cache_claim'::regclass");
    const again = await migrate(pool);
    assert.deepEqual(again.migrations, []);
    assert.equal(again.statements.length, 2);
    assert.ok((await catalog(pool)).includes('ix_media_cache_claim true'));
  });

  await t.test('interrupted anywhere, it goes on where it was', async () => {
    const total = (await migrate(pool, { dryRun: true })).statements.length;
    for (const cut of [1, 3, 7, 15, 22, total - 1]) {
      await emptied(pool);
      let run = 0;
      const log = () => {
        if (++run > cut) throw new Error('killed');
      };
      await assert.rejects(migrate(pool, { log }), { code: 'ERR_WARMPATH_DATABASE' });
      await migrate(pool);
      assert.deepEqual((await migrate(pool)).migrations, []);
      assert.ok((await catalog(pool)).includes('ix_media_cache_claim true'));
    }
  });

  await t.test('down takes back what was added and keeps every row, and up works again', async () => {
    for (const statement of [...TABLES, ...MIGRATION_013]) await pool.query(statement);
    await pool.query("INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('a', '1', 'photo', 'ready')");
    await migrate(pool);
    const dry = await migrate(pool, { down: true, dryRun: true });
    const { migrations, statements } = await migrate(pool, { down: true });
    assert.deepEqual(migrations, ALL.toReversed());
    assert.deepEqual(statements, dry.statements);
    const left = await catalog(pool);
    assert.ok(
      !left.some((line) => /lease_until|fence|claim|prewarm_batch|warmpath_lanes|ingest_jobs/.test(line)),
      left.join('\n'),
    );
    assert.ok(left.some((line) => line.startsWith('media_cache retry_count')));
    assert.equal((await pool.query('SELECT * FROM media_cache')).rows.length, 1);
    assert.deepEqual((await migrate(pool, { down: true })).migrations, []);
    assert.deepEqual((await migrate(pool)).migrations, ALL);
  });

  await t.test('names of any kind, and a table of the user’s own', async () => {
    const evil = 'we"ird; DROP TABLE bots; --';
    await migrate(pool, { tokenColumn: 'bot token' });
    await pool.query('SELECT "bot token" FROM bots');
    await pool.query('CREATE SCHEMA app');
    await pool.query(
      `CREATE TABLE app."we""ird; DROP TABLE bots; --" (bot text, hash text, kind text, state text, file_id text, PRIMARY KEY (bot, hash, kind))`,
    );
    const absent = Object.fromEntries(
      [
        'fileUniqueId',
        'chatId',
        'messageId',
        'warmedAt',
        'createdAt',
        'updatedAt',
        'retryCount',
        'nextRetryAt',
        'lastRetryAt',
      ].map((name) => [name, null]),
    );
    const options = {
      table: `app.${evil}`,
      columns: { botSlug: 'bot', sha256: 'hash', status: 'state', leaseUntil: 'x"y', ...absent },
    };
    await migrate(pool, options);
    assert.deepEqual((await migrate(pool, options)).migrations, []);
    const { rows } = await pool.query(
      "SELECT column_name FROM information_schema.columns WHERE table_schema = 'app' AND table_name ~ 'ird'",
    );
    assert.ok(rows.some(({ column_name: name }) => name === 'x"y'));
    assert.ok(!rows.some(({ column_name: name }) => name === 'retry_count'));
    await migrate(pool, { ...options, down: true });
    await pool.query('SELECT * FROM bots');
    await pool.query('DROP SCHEMA app CASCADE');
  });

  await t.test('waits for a table that is in use, without blocking those who come after', async () => {
    for (const statement of TABLES) await pool.query(statement);
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT * FROM media_cache');
    const running = migrate(open({ max: 1 }));
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ '^ALTER TABLE'";
    while ((await pool.query(waiting)).rows.length === 0);
    await holder.query('COMMIT');
    holder.release();
    assert.deepEqual((await running).migrations, ALL);
  });
});
