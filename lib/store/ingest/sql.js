'use strict';

// The statements of an ingest store on its table `t` (quoted). Each is one round trip and one short transaction of its own;
// the server's clock decides everything, and the fence of a claim who may change a row.
//
// A row is `waiting` (a lease in the future: being worked on), `done`, `failed`, or `held`: no job of this table, but run by
// another queue under its key, which take() has written down so that it does not run here too.

const ms = (param) => `${param}::float8 * interval '1 millisecond'`;
const FREE = '(c.lease_until IS NULL OR c.lease_until <= now())';
const CLAIMS = 'unnest($1::text[], $2::bigint[])';
// In the order of their keys, in every statement: that cannot make a deadlock.
const inOrder = 'ORDER BY c.key FOR UPDATE OF c';
const isOwned = `c.key = i.key AND c.fence = i.fence AND c.status IN ('waiting', 'held') AND c.lease_until IS NOT NULL`;

/** `pri (p)`: every priority that waits. Walks the claim index from one value to the next: one probe for each, not one per row. */
const priorities = (t) => `pri (p) AS (
  (SELECT c.priority FROM ${t} c WHERE c.status = 'waiting' ORDER BY c.priority DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT c.priority FROM ${t} c WHERE c.status = 'waiting' AND c.priority < pri.p ORDER BY c.priority DESC LIMIT 1)
  FROM pri WHERE pri.p IS NOT NULL
)`;

/**
 * Enqueues: $1-$4 key, priority, job (JSON), payload of each; $5 channel and $6 text of the hint, null for none. Answers `n`
 * (from 1) and a status per distinct key. A row that failed starts anew. One that another queue holds becomes a job of this
 * table, which runs when that queue gives it up; until then it is `processing`.
 */
const enqueueSql = (t) => `WITH given AS (
  SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::bytea[]) WITH ORDINALITY AS g(key, priority, job, payload, n)
),
input AS MATERIALIZED (
  SELECT DISTINCT ON (key) * FROM given ORDER BY key, n
),
marked AS (
  INSERT INTO ${t} AS c (key, priority, job, payload, run_at)
  SELECT key, priority, job::jsonb, payload, now() - ((SELECT count(*) FROM given) - n) * interval '1 microsecond'
  FROM input ORDER BY key
  ON CONFLICT (key) DO UPDATE SET status = 'waiting', priority = excluded.priority, job = excluded.job,
    payload = excluded.payload, run_at = excluded.run_at, result = NULL, last_error = NULL, expires_at = NULL,
    attempts = CASE WHEN ${FREE} THEN 0 ELSE c.attempts END, lost_leases = 0,
    fence = CASE WHEN ${FREE} THEN c.fence + 1 ELSE c.fence END,
    lease_until = CASE WHEN ${FREE} THEN NULL ELSE c.lease_until END,
    lease_owner = CASE WHEN ${FREE} THEN NULL ELSE c.lease_owner END, created_at = now(), updated_at = now()
  WHERE c.status IN ('failed', 'held')
  RETURNING c.key, c.lease_until IS NOT NULL AS leased
)
SELECT i.n::int, CASE
    WHEN m.leased OR (m.key IS NULL AND c.status = 'waiting' AND c.lease_until > now()) THEN 'processing'
    WHEN m.key IS NOT NULL THEN 'queued'
    WHEN c.status = 'done' THEN 'cached'
    ELSE 'duplicate'
  END AS status,
  (SELECT CASE WHEN $5::text IS NOT NULL AND EXISTS (SELECT FROM marked) THEN pg_notify($5, $6::text) END) IS NULL AS quiet
FROM input i LEFT JOIN marked m USING (key) LEFT JOIN ${t} c ON m.key IS NULL AND c.key = i.key`;

/**
 * Claims: $1 limit, $2 lease ms, $3 owner. Best priority first, then the longest due. The attempt is counted here, and
 * committed before the work begins.
 *
 * `key = ANY (ARRAY (…))` is computed once, before the update: a join with a LIMIT inside may be computed again and again,
 * and then claims more than the limit.
 */
const claimSql = (t) => `WITH RECURSIVE ${priorities(t)},
pick AS MATERIALIZED (
  SELECT r.* FROM pri CROSS JOIN LATERAL (
    SELECT c.key, c.priority, c.run_at, c.lease_until AS last_until, c.lease_owner AS last_owner FROM ${t} c
    WHERE c.status = 'waiting' AND c.priority = pri.p AND c.run_at <= now() AND ${FREE}
    ORDER BY c.run_at LIMIT $1::int FOR UPDATE SKIP LOCKED
  ) r
  ORDER BY r.priority DESC, r.run_at LIMIT $1::int
),
done AS (
  UPDATE ${t} c SET lease_until = now() + ${ms('$2')}, lease_owner = $3, fence = c.fence + 1, attempts = c.attempts + 1,
    lost_leases = c.lost_leases + (c.lease_until IS NOT NULL)::int
  WHERE c.key = ANY (ARRAY (SELECT key FROM pick))
  RETURNING c.key, c.fence, c.attempts, c.lost_leases, c.priority, c.run_at, c.created_at, c.job, c.payload
)
SELECT d.key, d.fence, d.attempts, d.lost_leases, d.job, d.payload, p.last_until, p.last_owner,
  extract(epoch FROM now() - d.run_at)::float8 * 1000 AS waited, extract(epoch FROM now() - d.created_at)::float8 * 1000 AS age
FROM done d JOIN pick p USING (key) ORDER BY d.priority DESC, d.run_at`;

/** When the next row can be claimed, in ms. Null when none waits. */
const nextDueSql = (t) => `WITH RECURSIVE ${priorities(t)}
SELECT ceil(extract(epoch FROM min(greatest(r.run_at, r.lease_until)) - now())::float8 * 1000) AS due
FROM pri CROSS JOIN LATERAL (
  -- Due already, so somebody holds it: the first of them are the oldest leases.
  (SELECT c.run_at, c.lease_until FROM ${t} c
   WHERE c.status = 'waiting' AND c.priority = pri.p AND c.run_at <= now() ORDER BY c.run_at LIMIT 8)
  UNION ALL
  (SELECT c.run_at, c.lease_until FROM ${t} c
   WHERE c.status = 'waiting' AND c.priority = pri.p AND c.run_at > now() ORDER BY c.run_at LIMIT 1)
) r`;

/** Gives back what a lost answer left claimed for nobody: $1 owner; $2, $3 key and fence of what is held. */
const orphansSql = (
  t,
) => `UPDATE ${t} c SET lease_until = NULL, lease_owner = NULL, attempts = greatest(c.attempts - 1, 0)
WHERE c.status = 'waiting' AND c.lease_owner = $1 AND c.lease_until > now()
  AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::bigint[]) AS i(key, fence) WHERE i.key = c.key AND i.fence = c.fence)`;

/**
 * Settles: $1, $2 key and fence; $3 succeeded, $4 class, $5 charged, $6 retry after ms, $7 error text, $8 result (JSON); $9 the
 * delays between retries, $10 and $11 how long done and failed rows are kept, ms. Answers per `n`: applied, status, and the
 * wait of a retry in ms. The rule is that of retry-policy.js.
 *
 * A row that has this very fence and no lease was settled by the same holder before, and the answer got lost on its way: that
 * is an applied settlement too, and is not done again. What is done keeps no source: no key of a media, no bytes.
 */
const settleSql = (t) => `WITH input AS (
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::text[], $5::boolean[], $6::float8[], $7::text[], $8::text[])
    WITH ORDINALITY AS i(key, fence, ok, class, charged, after, error, result, n)
),
held AS MATERIALIZED (
  SELECT i.*,
    CASE WHEN i.ok THEN 'done'
      WHEN i.class IN ('permanent', 'config') OR c.status = 'held'
        OR (i.charged AND c.attempts > cardinality($9::float8[])) THEN 'failed'
      ELSE 'waiting' END AS state,
    (1 + random() * 0.1) * CASE
      WHEN i.charged THEN greatest(($9::float8[])[c.attempts], i.after)
      ELSE coalesce(nullif(i.after, 0), CASE WHEN i.class = 'throttled' THEN ($9::float8[])[1] END, 1000) END AS delay
  FROM input i JOIN ${t} c ON ${isOwned}
  ${inOrder}
),
done AS (
  UPDATE ${t} c SET status = h.state,
    run_at = CASE WHEN h.state = 'waiting' THEN now() + ${ms('h.delay')} ELSE c.run_at END,
    attempts = CASE WHEN h.ok OR h.charged THEN c.attempts ELSE c.attempts - 1 END,
    -- Who comes back with a result, even a bad one, is alive: the evidence of crashes begins anew.
    lost_leases = CASE WHEN h.charged OR h.ok THEN 0 ELSE c.lost_leases END,
    lease_until = NULL, lease_owner = NULL,
    last_error = CASE WHEN h.ok THEN NULL ELSE coalesce(h.error, c.last_error) END,
    result = h.result::jsonb,
    job = CASE WHEN h.ok THEN c.job - 'source' ELSE c.job END,
    payload = CASE WHEN h.ok THEN NULL ELSE c.payload END,
    expires_at = CASE h.state WHEN 'done' THEN now() + ${ms('$10')} WHEN 'failed' THEN now() + ${ms('$11')} END,
    updated_at = now()
  FROM held h WHERE c.key = h.key
  RETURNING h.n, c.status, h.delay
)
SELECT i.n::int, d.n IS NOT NULL OR s.status IS NOT NULL AS applied, coalesce(d.status, s.status) AS status,
  coalesce(d.delay, s.wait) AS delay
FROM input i LEFT JOIN done d USING (n)
LEFT JOIN LATERAL (
  SELECT c.status, extract(epoch FROM c.run_at - now())::float8 * 1000 AS wait FROM ${t} c
  WHERE d.n IS NULL AND c.key = i.key AND c.fence = i.fence AND c.lease_until IS NULL
) s ON true`;

/** Extends: $3 lease ms. Answers the `n` whose lease now lasts that long. */
const extendSql = (t) => `WITH input AS (
  SELECT * FROM ${CLAIMS} WITH ORDINALITY AS i(key, fence, n)
),
held AS MATERIALIZED (
  SELECT i.n, c.key FROM input i JOIN ${t} c ON ${isOwned} ${inOrder}
)
UPDATE ${t} c SET lease_until = now() + ${ms('$3')} FROM held h WHERE c.key = h.key RETURNING h.n::int AS n`;

/** Gives claims back, uncharged, at their old place; what another queue held is forgotten. */
const releaseSql = (t) => `WITH input AS (
  SELECT * FROM ${CLAIMS} AS i(key, fence)
),
held AS MATERIALIZED (
  SELECT c.key, c.status FROM input i JOIN ${t} c ON ${isOwned} ${inOrder}
),
back AS (
  UPDATE ${t} c SET lease_until = NULL, lease_owner = NULL, attempts = greatest(c.attempts - 1, 0), updated_at = now()
  FROM held h WHERE c.key = h.key AND h.status = 'waiting'
)
DELETE FROM ${t} c USING held h WHERE c.key = h.key AND h.status = 'held'`;

/**
 * Writes down that another queue runs the job: $1 key, $2 lease ms, $3 owner, $4 how long that is remembered at most, ms; $5 job
 * (JSON), as evidence should it fail. `fence`: it may; else what is known of the job, and for how long somebody has it.
 */
const takeSql = (t) => `WITH mine AS (
  INSERT INTO ${t} AS c (key, status, fence, attempts, lease_until, lease_owner, expires_at, job)
  VALUES ($1, 'held', 1, 1, now() + ${ms('$2')}, $3, now() + ${ms('$4')}, $5::jsonb)
  ON CONFLICT (key) DO UPDATE SET status = 'held', fence = c.fence + 1, attempts = 1, lost_leases = 0, job = excluded.job,
    payload = NULL, result = NULL, last_error = NULL, lease_until = excluded.lease_until, lease_owner = excluded.lease_owner,
    expires_at = excluded.expires_at, updated_at = now()
  WHERE c.status = 'failed' OR (c.status = 'held' AND ${FREE})
  RETURNING c.fence
)
SELECT m.fence, c.status, c.result,
  greatest(0, extract(epoch FROM greatest(c.lease_until, c.run_at) - now())::float8 * 1000) AS "leftMs"
FROM (SELECT 1) one LEFT JOIN mine m ON true LEFT JOIN ${t} c ON m.fence IS NULL AND c.key = $1`;

/** What is known of jobs: $1 keys. */
const findSql = (
  t,
) => `SELECT c.key, c.status, c.result, c.last_error AS error, c.attempts, c.lease_until > now() AS leased
FROM ${t} c WHERE c.key = ANY ($1::text[])`;

/** Removes rows that were kept long enough, some at a time. */
const sweepSql = (t) => `DELETE FROM ${t} WHERE key = ANY (ARRAY (
  SELECT key FROM ${t} WHERE expires_at < now() ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
))`;

/** How many rows wait, wait for later, and are being worked on. */
const countSql = (t) => `SELECT count(*) FILTER (WHERE NOT leased AND due)::int AS queued,
  count(*) FILTER (WHERE NOT leased AND NOT due)::int AS delayed, count(*) FILTER (WHERE leased)::int AS running
FROM (SELECT coalesce(c.lease_until > now(), false) AS leased, c.run_at <= now() AS due
  FROM ${t} c WHERE c.status = 'waiting') w`;

function statements(t) {
  return {
    enqueue: enqueueSql(t),
    claim: claimSql(t),
    nextDue: nextDueSql(t),
    orphans: orphansSql(t),
    settle: settleSql(t),
    extend: extendSql(t),
    release: releaseSql(t),
    take: takeSql(t),
    find: findSql(t),
    sweep: sweepSql(t),
    count: countSql(t),
  };
}

module.exports = { statements };
