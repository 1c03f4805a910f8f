'use strict';

const { dueOf } = require('../../sql/campaign-pieces.js');
const { errorOf } = require('../seen.js');

// What an operator does by hand (contract.js, "desk"). None of these is on the path of a message.

const stateOf = ({ c }) => `CASE WHEN m.${c.status} = 'failed' THEN 'failed'
  WHEN m.${c.leaseUntil} > now() THEN 'claimed' WHEN ${dueOf(c)} > now() THEN 'delayed' ELSE 'queued' END`;

const ms = (value) => `extract(epoch FROM ${value})::float8 * 1000`;

const rowSql = (
  n,
) => `m.${n.c.id}::text AS id, m.${n.c.runId}::text AS run_id, m.${n.c.leadId}::text AS lead_id, ${stateOf(n)} AS state,
  m.${n.c.retryCount} AS retry_count, m.${n.c.lastError} AS last_error, m.${n.c.leaseOwner} AS owner,
  ${ms(`m.${n.c.scheduledAt}`)} AS scheduled, ${ms(`m.${n.c.updatedAt}`)} AS updated, ${ms(dueOf(n.c))} AS due,
  ${ms(`m.${n.c.leaseUntil}`)} AS lease_until`;

/** Text of whom a search looks at: never that of a message. */
const wordsOf = ({ c }) => `lower(concat_ws(' ', m.${c.id}, m.${c.runId}, m.${c.leadId}, m.${c.lastError}))`;

const LISTED = "('pending', 'processing', 'failed')";

/** In the order of the keys: $1 the last one of the page before, or null; $2 state, $3 search, $4 limit. */
const pageSql = (n, type) => `SELECT ${rowSql(n)} FROM ${n.table} m
WHERE m.${n.c.status} IN ${LISTED} AND ($1::text IS NULL OR m.${n.c.id} > $1::text::${type})
  AND ($2::text IS NULL OR ${stateOf(n)} = $2::text) AND ($3::text IS NULL OR position(lower($3::text) IN ${wordsOf(n)}) > 0)
ORDER BY m.${n.c.id} LIMIT $4::int`;

const KEYS = (type) => `unnest($1::text[]::${type}[]) WITH ORDINALITY AS i(id, n)`;

const findSql = (n, type) => `SELECT i.n::int, ${rowSql(n)} FROM ${KEYS(type)} JOIN ${n.table} m ON m.${n.c.id} = i.id
WHERE m.${n.c.status} IN ${LISTED}`;

/** What waits for its time, by the code that it failed with last; of at most $1 messages. One that was never due is just scheduled. */
const laterSql = (n) => `SELECT w.code, count(*)::int AS count, min(w.at) AS next, max(w.at) AS last
FROM (
  SELECT substring(m.${n.c.lastError} FROM '^(ERR_WARMPATH_[A-Z0-9_]+):') AS code, ${ms(dueOf(n.c))} AS at FROM ${n.table} m
  WHERE m.${n.c.status} IN ('pending', 'processing') AND ${dueOf(n.c)} > now()
    AND (m.${n.c.leaseUntil} IS NULL OR m.${n.c.leaseUntil} <= now()) LIMIT $1::int
) w GROUP BY 1 ORDER BY 2 DESC, 1`;

/** The fence goes on: a holder elsewhere finds its lease lost at its next heartbeat, and what it settles changes nothing. */
const endSql = (
  { c },
  status,
  why,
) => `${c.status} = '${status}', ${c.lastError} = ${why}, ${c.fence} = m.${c.fence} + 1,
  ${c.leaseUntil} = NULL, ${c.leaseOwner} = NULL, ${c.nextRetryAt} = NULL, ${c.updatedAt} = now()`;

const cancelSql = (n, type) => `UPDATE ${n.table} m SET ${endSql(n, 'failed', '$2::text')} FROM ${KEYS(type)}
WHERE m.${n.c.id} = i.id AND m.${n.c.status} IN ('pending', 'processing')
RETURNING i.n::int, m.${n.c.id}::text AS id, m.${n.c.runId}::text AS run_id, m.${n.c.leadId}::text AS lead_id`;

/** Due now, with all its tries before it; its parts stay, so it goes on with the same text. */
const againSql = ({ c }) => `${c.status} = 'pending', ${c.nextRetryAt} = now(), ${c.lostLeases} = 0,
  ${c.retryCount} = CASE WHEN m.${c.status} = 'failed' THEN 0 ELSE m.${c.retryCount} END,
  ${c.fence} = m.${c.fence} + 1, ${c.leaseUntil} = NULL, ${c.leaseOwner} = NULL, ${c.updatedAt} = now()`;

const retrySql = (n, type) => `UPDATE ${n.table} m SET ${againSql(n)} FROM ${KEYS(type)}
WHERE m.${n.c.id} = i.id AND (m.${n.c.status} = 'failed'
  OR (m.${n.c.status} IN ('pending', 'processing') AND (m.${n.c.leaseUntil} IS NULL OR m.${n.c.leaseUntil} <= now())))
RETURNING i.n::int`;

const someSql = ({ table, c }, where) => `m.${c.id} = ANY (ARRAY (
  SELECT m.${c.id} FROM ${table} m WHERE ${where} ORDER BY m.${c.id} LIMIT $1::int FOR UPDATE SKIP LOCKED
))`;

const retryFailedSql = (n) =>
  `UPDATE ${n.table} m SET ${againSql(n)} WHERE ${someSql(n, `m.${n.c.status} = 'failed'`)} RETURNING 1`;

/** The messages are the app's: to forget one is to skip it. */
const purgeSql = (n, where) =>
  `UPDATE ${n.table} m SET ${endSql(n, 'skipped', "'left out by an operator'")} WHERE ${someSql(n, where)} RETURNING 1`;

/** Statements of the desk, by name; made like the others in sql.js. */
const DESK = {
  page: pageSql,
  later: laterSql,
  find: findSql,
  cancel: cancelSql,
  retry: retrySql,
  retryFailed: retryFailedSql,
  purgeQueued: (n) =>
    purgeSql(n, `m.${n.c.status} = 'pending' AND (m.${n.c.leaseUntil} IS NULL OR m.${n.c.leaseUntil} <= now())`),
  purgeFailed: (n) => purgeSql(n, `m.${n.c.status} = 'failed'`),
};

const jobOf = (row) => ({ messageId: row.id, runId: row.run_id, leadId: row.lead_id });

/** A row as an operator sees it. */
const seen = (row) => ({
  key: row.id,
  job: jobOf(row),
  state: row.state,
  attempt: row.retry_count + Number(row.state === 'claimed'),
  enqueuedAtMs: Math.round(row.scheduled),
  ...(row.state === 'failed' ? { endedAtMs: Math.round(row.updated) } : { runAtMs: Math.round(row.due) }),
  ...(row.last_error !== null && { error: errorOf(row.last_error) }),
  ...(row.state === 'claimed' && { owner: row.owner, leaseUntilMs: Math.round(row.lease_until) }),
});

module.exports = { DESK, seen, jobOf };
