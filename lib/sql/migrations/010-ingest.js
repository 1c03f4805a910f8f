'use strict';

const { quote } = require('../names.js');

// The jobs of an IngestWorker: a table of this package, beside the app's own. Room in every page for the next version of a row,
// and a vacuum after 2 % of dead rows: see 007-storage.js.

module.exports = {
  id: 10,
  name: 'ingest',
  up: ({ names: { schema } }) => [
    `CREATE TABLE IF NOT EXISTS ${schema}ingest_jobs (
  key text PRIMARY KEY,
  status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'held', 'done', 'failed')),
  priority int NOT NULL DEFAULT 0,
  run_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  lost_leases int NOT NULL DEFAULT 0,
  fence bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  lease_owner text,
  job jsonb,
  payload bytea,
  result jsonb,
  last_error text,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)`,
    // In the order of claims; nothing in it changes when a row is claimed, extended or released.
    {
      index: 'ix_ingest_jobs_claim',
      schema,
      sql: `CREATE INDEX CONCURRENTLY ${quote('ix_ingest_jobs_claim')} ON ${schema}ingest_jobs (priority DESC, run_at) WHERE status = 'waiting'`,
    },
    {
      index: 'ix_ingest_jobs_expires',
      schema,
      sql: `CREATE INDEX CONCURRENTLY ${quote('ix_ingest_jobs_expires')} ON ${schema}ingest_jobs (expires_at) WHERE expires_at IS NOT NULL`,
    },
    `COMMENT ON TABLE ${schema}ingest_jobs IS 'Incoming media: jobs of warmpath, see docs/ingest-queue.md'`,
  ],
  // It may hold media that nobody has stored yet, and another table of the same schema may use it: only an empty one goes, and
  // with the last.
  down: ({ names: { schema, journal, queue } }) => [
    `DO $$ DECLARE used boolean; BEGIN
  IF to_regclass('${`${schema}ingest_jobs`.replaceAll("'", "''")}') IS NULL THEN RETURN; END IF;
  IF EXISTS (SELECT FROM ${journal} WHERE id = 10 AND queue <> '${queue.replaceAll("'", "''")}') THEN RETURN; END IF;
  EXECUTE 'SELECT EXISTS (SELECT FROM ${`${schema}ingest_jobs`.replaceAll("'", "''")})' INTO used;
  IF NOT used THEN DROP TABLE ${schema}ingest_jobs; END IF;
END $$`,
  ],
};
