'use strict';

const { fateOf } = require('../seen.js');

// What an operator does by hand (contract.js, "desk"). None of these is on the path of a job. What another queue holds under its
// key is no job of this table, and is not seen here until it has failed.

// Rows of one statement, so that no click locks a table for long.
const PURGE_BATCH = 5000;

const CANCELLED = 'ERR_WARMPATH_CANCELLED: cancelled by an operator';

const FREE = '(c.lease_until IS NULL OR c.lease_until <= now())';
const STATE = `CASE WHEN c.status = 'failed' THEN 'failed' WHEN c.lease_until > now() THEN 'claimed'
  WHEN c.run_at > now() THEN 'delayed' ELSE 'queued' END`;
const LISTED = "c.status IN ('waiting', 'failed')";

const ms = (column) => `extract(epoch FROM c.${column})::float8 * 1000`;

// Bytes and text of a media stay in the table; so does what addresses and unlocks it.
const ROW = `c.key, ${STATE} AS state, c.priority, c.attempts, c.last_error, c.lease_owner AS owner,
  c.job - 'source' AS job, c.job -> 'source' ->> 'url' AS url, c.job -> 'source' ->> 'mediaId' AS media_id,
  ${ms('created_at')} AS created, ${ms('updated_at')} AS updated, ${ms('run_at')} AS run_at, ${ms('lease_until')} AS lease_until`;

const WORDS = `lower(concat_ws(' ', c.key, c.job ->> 'session', c.job ->> 'id', c.job ->> 'fileName', c.job ->> 'r2Key', c.last_error))`;
const KEYS = 'unnest($1::text[]) WITH ORDINALITY AS i(key, n)';

/** A page in the order of the keys: $1 the last one of the page before, or null; $2 state, $3 search, $4 limit. */
const pageSql = (t) => `SELECT ${ROW} FROM ${t} c
WHERE ${LISTED} AND ($1::text IS NULL OR c.key > $1::text) AND ($2::text IS NULL OR ${STATE} = $2::text)
  AND ($3::text IS NULL OR position(lower($3::text) IN ${WORDS}) > 0)
ORDER BY c.key LIMIT $4::int`;

const findSql = (t) => `SELECT i.n::int, ${ROW} FROM ${KEYS} JOIN ${t} c USING (key) WHERE ${LISTED}`;

/**
 * The fence goes on: a holder elsewhere finds its lease lost at its next heartbeat, and what it settles changes nothing. The
 * source stays, so that the job can be tried again. $2 the error, $3 how long a failed row is kept, ms.
 */
const cancelSql = (t) => `WITH held AS MATERIALIZED (
  SELECT i.n, c.key FROM ${KEYS} JOIN ${t} c USING (key) WHERE c.status = 'waiting' ORDER BY c.key FOR UPDATE OF c
)
UPDATE ${t} c SET status = 'failed', last_error = $2::text, fence = c.fence + 1, lease_until = NULL, lease_owner = NULL,
  expires_at = now() + $3::float8 * interval '1 millisecond', updated_at = now()
FROM held h WHERE c.key = h.key RETURNING h.n::int, ${ROW}`;

const AGAIN = `status = 'waiting', run_at = now(), attempts = CASE WHEN c.status = 'failed' THEN 0 ELSE c.attempts END,
  lost_leases = 0, fence = c.fence + 1, lease_until = NULL, lease_owner = NULL, expires_at = NULL, updated_at = now()`;

// Of a job that failed in another queue the bytes that came with it are there, not here.
const WHOLE = "(c.payload IS NOT NULL OR NOT coalesce(c.job -> 'source' ? 'payload', true))";

const retrySql = (t) => `WITH held AS MATERIALIZED (
  SELECT i.n, c.key FROM ${KEYS} JOIN ${t} c USING (key)
  WHERE (c.status = 'failed' AND ${WHOLE}) OR (c.status = 'waiting' AND ${FREE}) ORDER BY c.key FOR UPDATE OF c
)
UPDATE ${t} c SET ${AGAIN} FROM held h WHERE c.key = h.key RETURNING h.n::int`;

/** The rows that `where` means, at most $1 of them, those that somebody has locked left out. */
const some = (t, where) => `c.key = ANY (ARRAY (
  SELECT c.key FROM ${t} c WHERE ${where} ORDER BY c.key LIMIT $1::int FOR UPDATE SKIP LOCKED
))`;

const retryFailedSql = (t) =>
  `UPDATE ${t} c SET ${AGAIN} WHERE ${some(t, `c.status = 'failed' AND ${WHOLE}`)} RETURNING 1`;

const purgeSql = (t, where) => `DELETE FROM ${t} c WHERE ${some(t, where)} RETURNING 1`;

/** What an operator may do with the rows of a PostgresIngestStore. */
class IngestDesk {
  #database;
  #sql;
  #keepFailedMs;

  /** @param {{ database: object, table: string, keepFailedMs: number }} parts table: quoted */
  constructor({ database, table, keepFailedMs }) {
    this.#database = database;
    this.#keepFailedMs = keepFailedMs;
    this.#sql = {
      page: pageSql(table),
      find: findSql(table),
      cancel: cancelSql(table),
      retry: retrySql(table),
      retryFailed: retryFailedSql(table),
      queued: purgeSql(table, `c.status = 'waiting' AND ${FREE}`),
      failed: purgeSql(table, "c.status = 'failed'"),
    };
  }

  async page({ state, search, limit, after }) {
    const params = [after?.[0] ?? null, state ?? null, search ?? null, limit + 1];
    const rows = await this.#database.run('listing jobs', this.#sql.page, params);
    const shown = rows.slice(0, limit);
    return { rows: shown.map(rowOf), next: rows.length > limit ? [shown.at(-1).key, '', ''] : null };
  }

  async find(keys) {
    const found = keys.map(() => undefined);
    for (const row of await this.#each('finding jobs', this.#sql.find, keys)) found[row.n - 1] = rowOf(row);
    return found;
  }

  async cancel(keys) {
    const found = keys.map(() => null);
    const more = [CANCELLED, this.#keepFailedMs];
    for (const row of await this.#each('cancelling jobs', this.#sql.cancel, keys, more)) found[row.n - 1] = jobOf(row);
    return found;
  }

  async retry(keys) {
    const again = keys.map(() => false);
    for (const { n } of await this.#each('retrying jobs', this.#sql.retry, keys)) again[n - 1] = true;
    return again;
  }

  async retryFailed({ limit }) {
    return (await this.#database.run('retrying failed jobs', this.#sql.retryFailed, [limit])).length;
  }

  async purge({ state }) {
    let total = 0;
    for (;;) {
      const { length } = await this.#database.run('purging jobs', this.#sql[state], [PURGE_BATCH]);
      total += length;
      if (length < PURGE_BATCH) return total;
    }
  }

  /** Postgres text cannot hold NUL: no row has such a key. */
  #each(what, sql, keys, more = []) {
    return this.#database.run(what, sql, [keys.map((key) => key.replaceAll('\0', '\u{fffd}')), ...more]);
  }
}

/** The job without what must not be shown: of its source the address and the id alone, of which describe() shows less still. */
function jobOf({ key, job, priority, url, media_id: mediaId }) {
  const source = { ...(url !== null && { url }), ...(mediaId !== null && { mediaId }) };
  return { ...job, key, ...(priority !== 0 && { priority }), source };
}

/** A row as an operator sees it. */
const rowOf = (row) => ({ key: row.key, job: jobOf(row), ...fateOf(row) });

module.exports = { IngestDesk };
