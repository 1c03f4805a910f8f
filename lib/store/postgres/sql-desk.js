'use strict';

const { assign, keyColumns, sameKey } = require('./sql.js');

// What an operator does by hand (contract.js, "desk"). None of these is on the path of a job.

/** The state of a row as an operator sees it; null for one that is ready. */
const stateOf = ({ c }) => `CASE WHEN c.${c.status} = 'error' THEN 'failed'
    WHEN c.${c.status} <> 'warming' THEN NULL
    WHEN c.${c.leaseUntil} > now() THEN 'claimed' WHEN c.${c.runAt} > now() THEN 'delayed' ELSE 'queued' END`;

const when = (column) => (column === null ? 'NULL' : `extract(epoch FROM c.${column})::float8 * 1000`);

function rowSql(n) {
  const { c } = n;
  return `${keyColumns(n)}, ${stateOf(n)} AS state, c.${c.priority} AS priority, c.${c.job} AS job,
    c.${c.attempts} AS attempts, c.${c.lastError} AS last_error, c.${c.leaseOwner} AS owner,
    ${when(c.createdAt)} AS created, ${when(c.updatedAt)} AS updated, ${when(c.runAt)} AS run_at, ${when(c.leaseUntil)} AS lease_until`;
}

/** A page in the order of the primary key: $1-$3 the last key of the page before, or nulls; $4 state, $5 search, $6 limit. */
function pageSql(n) {
  const { table, c } = n;
  const words = `lower(concat_ws(' ', c.${c.botSlug}, c.${c.kind}, c.${c.sha256}, c.${c.job} ->> 'key', c.${c.job} ->> 'r2Key',
    c.${c.job} ->> 'fileName', c.${c.lastError}))`;
  return `SELECT ${rowSql(n)} FROM ${table} c
WHERE c.${c.status} IN ('warming', 'error')
  AND ($1::text IS NULL OR (c.${c.botSlug}::text, c.${c.sha256}::text, c.${c.kind}::text) > ($1::text, $2::text, $3::text))
  AND ($4::text IS NULL OR ${stateOf(n)} = $4::text)
  AND ($5::text IS NULL OR position(lower($5::text) in ${words}) > 0)
ORDER BY c.${c.botSlug}::text, c.${c.sha256}::text, c.${c.kind}::text LIMIT $6::int`;
}

/**
 * The rows that are meant: by $1-$3, the key columns, or by $1, the key that a job was given of its own. Two statements, because
 * only the first can use the primary key.
 */
const BY_COLUMNS = {
  input: 'unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS i(bot_slug, sha256, kind, n)',
  match: (n) => sameKey(n, 'i'),
  next: '$4',
};
const BY_KEY = {
  input: 'unnest($1::text[]) WITH ORDINALITY AS i(key, n)',
  match: ({ c }) => `c.${c.job} ->> 'key' = i.key`,
  next: '$2',
};

function findSql(n, by) {
  const { table } = n;
  return `SELECT i.n::int, ${rowSql(n)} FROM ${by.input} JOIN ${table} c ON ${by.match(n)}`;
}

/**
 * Ends jobs that wait or are worked on, by whomever: the fence goes on, so that a holder elsewhere finds its lease lost at its
 * next heartbeat, and what it settles changes nothing. The last parameter is the text of the error.
 */
function cancelSql(n, by) {
  const { table, c } = n;
  const set = assign([
    [c.status, "'error'"],
    [c.lastError, `${by.next}::text`],
    [c.fence, `c.${c.fence} + 1`],
    [c.leaseUntil, 'NULL'],
    [c.leaseOwner, 'NULL'],
    [c.attempts, '0'],
    [c.nextRetryAt, 'NULL'],
    [c.updatedAt, 'now()'],
  ]);
  return `WITH held AS MATERIALIZED (
  SELECT i.n, c.ctid AS id FROM ${by.input} JOIN ${table} c ON ${by.match(n)}
  WHERE c.${c.status} = 'warming' FOR UPDATE OF c
)
UPDATE ${table} c SET ${set} FROM held h WHERE c.ctid = h.id
RETURNING h.n::int, ${keyColumns(n)}, c.${c.priority} AS priority, c.${c.job} AS job`;
}

/** What a row is set to when it is to be tried now. */
const nowSet = ({ c }) =>
  assign([
    [c.status, "'warming'"],
    [c.runAt, 'now()'],
    [c.attempts, `CASE WHEN c.${c.status} = 'error' THEN 0 ELSE c.${c.attempts} END`],
    [c.lostLeases, '0'],
    [c.retryCount, `CASE WHEN c.${c.status} = 'error' THEN 0 ELSE c.${c.retryCount} END`],
    [c.nextRetryAt, 'NULL'],
    [c.fence, `c.${c.fence} + 1`],
    [c.leaseUntil, 'NULL'],
    [c.leaseOwner, 'NULL'],
    [c.updatedAt, 'now()'],
  ]);

/** Rows that failed, or wait and are held by nobody, can be claimed now. */
function retrySql(n, by) {
  const { table, c } = n;
  return `WITH held AS MATERIALIZED (
  SELECT i.n, c.ctid AS id FROM ${by.input} JOIN ${table} c ON ${by.match(n)}
  WHERE c.${c.status} = 'error' OR (c.${c.status} = 'warming' AND (c.${c.leaseUntil} IS NULL OR c.${c.leaseUntil} <= now()))
  FOR UPDATE OF c
)
UPDATE ${table} c SET ${nowSet(n)} FROM held h WHERE c.ctid = h.id RETURNING h.n::int`;
}

/** The failed rows, at most $1. */
function retryFailedSql(n) {
  const { table, c } = n;
  return `WITH held AS MATERIALIZED (
  SELECT c.ctid AS id FROM ${table} c WHERE c.${c.status} = 'error'
  ORDER BY c.${c.botSlug}, c.${c.sha256}, c.${c.kind} LIMIT $1::int FOR UPDATE SKIP LOCKED
),
done AS (UPDATE ${table} c SET ${nowSet(n)} FROM held h WHERE c.ctid = h.id RETURNING 1)
SELECT count(*)::int AS count FROM done`;
}

/** Removes rows: $1 'queued' (nobody holds them) or 'failed', at most $2. A row that has a file_id is never one of them. */
function purgeSql(n) {
  const { table, c } = n;
  return `WITH held AS MATERIALIZED (
  SELECT c.ctid AS id FROM ${table} c
  WHERE c.${c.fileId} IS NULL AND CASE WHEN $1::text = 'failed' THEN c.${c.status} = 'error'
    ELSE c.${c.status} = 'warming' AND (c.${c.leaseUntil} IS NULL OR c.${c.leaseUntil} <= now()) END
  LIMIT $2::int FOR UPDATE SKIP LOCKED
),
gone AS (DELETE FROM ${table} c USING held h WHERE c.ctid = h.id RETURNING 1)
SELECT count(*)::int AS count FROM gone`;
}

/** What waits for its time, by bot and by the code that it failed with last; of at most $1 rows. */
function laterSql(n) {
  const { table, c } = n;
  return `SELECT w.bot, w.code, count(*)::int AS count, min(w.at) AS next, max(w.at) AS last
FROM (
  SELECT c.${c.botSlug} AS bot, substring(c.${c.lastError} FROM '^(ERR_WARMPATH_[A-Z0-9_]+):') AS code, ${when(c.runAt)} AS at
  FROM ${table} c WHERE c.${c.status} = 'warming' AND c.${c.runAt} > now()
    AND (c.${c.leaseUntil} IS NULL OR c.${c.leaseUntil} <= now()) LIMIT $1::int
) w GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`;
}

module.exports = { laterSql, BY_COLUMNS, BY_KEY, pageSql, findSql, cancelSql, retrySql, retryFailedSql, purgeSql };
