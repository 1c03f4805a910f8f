'use strict';

const { Pool } = require('pg');
const { migrate } = require('../..');
const { startPostgres } = require('./postgres.js');

const TABLES = [
  'CREATE TABLE bots (slug text PRIMARY KEY, token text, warmup_chat_id bigint, deleted_at timestamptz)',
  `CREATE TABLE media_store (bot_slug text, sha256 text, kind text, r2_key text NOT NULL, content_type text, file_name text,
     bytes bigint, created_at timestamptz DEFAULT now(), PRIMARY KEY (bot_slug, sha256))`,
  `CREATE TABLE media_cache (bot_slug text, sha256 text, kind text, status text CHECK (status IN ('warming', 'ready', 'error')),
     file_id text, file_unique_id text, warmup_chat_id bigint, warmup_message_id bigint, warmup_at timestamptz, last_error text,
     created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), PRIMARY KEY (bot_slug, sha256, kind))`,
];

/** A real Postgres with the app's tables, and short ways to fill and read them. */
async function startTables() {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url });
  // The server ends its side of idle connections when it stops.
  pool.on('error', () => {});
  for (const statement of TABLES) await pool.query(statement);
  await migrate(pool);
  return {
    server,
    pool,
    statements: TABLES,
    // Row by row: a statement of the test before, still under way, would not get on with a TRUNCATE.
    async clear() {
      for (const table of ['bots', 'media_store', 'media_cache', 'warmpath_lanes', 'warmpath_instances']) {
        await pool.query(`DELETE FROM ${table}`);
      }
    },
    addBot: (slug, token, chatId) =>
      pool.query('INSERT INTO bots (slug, token, warmup_chat_id) VALUES ($1, $2, $3)', [slug, token, chatId]),
    /** The rows of an app that has stored the media and wants it warmed. */
    async addWarming(job) {
      const { botSlug, sha256, kind, r2Key } = job;
      await pool.query('INSERT INTO media_store (bot_slug, sha256, kind, r2_key) VALUES ($1, $2, $3, $4)', [
        botSlug,
        sha256,
        kind,
        r2Key,
      ]);
      await pool.query("INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ($1, $2, $3, 'warming')", [
        botSlug,
        sha256,
        kind,
      ]);
    },
    rows: async () => (await pool.query('SELECT * FROM media_cache ORDER BY created_at, sha256')).rows,
    row: async (job) => (await pool.query('SELECT * FROM media_cache WHERE sha256 = $1', [job.sha256])).rows[0],
    async stop() {
      await pool.end();
      await server.stop();
    },
  };
}

module.exports = { startTables };
