'use strict';

const { DESK } = require('./desk.js');
const { dueOf, OPEN, pickSql, lockSql, oldSql, ms } = require('../../sql/campaign-pieces.js');

/** The rows behind an input that are still held under their fence, locked in the order of their keys. */
const held = ({ table, c }) => `JOIN ${table} m
  ON m.${c.id} = i.id AND m.${c.fence} = i.fence AND m.${c.status} = 'processing' AND m.${c.leaseUntil} IS NOT NULL
  ORDER BY m.${c.id} FOR UPDATE OF m`;

/**
 * Claims: $1 limit, $2 lease ms, $3 owner, $4 statuses of runs that are worked on. With each message come its parts, where
 * there are any: what was generated once is never generated again.
 */
const claimSql = (n) => `WITH ${pickSql(n, { limit: '$1::int', active: '$4::text[]' })},
done AS (
  UPDATE ${n.table} m SET ${lockSql(n, { until: `now() + ${ms('$2')}`, owner: '$3' })}
  FROM pick p WHERE m.${n.c.id} = p.id
  RETURNING m.*
)
SELECT d.${n.c.id}::text AS id, d.${n.c.runId}::text AS run_id, d.${n.c.fence} AS fence, d.${n.c.retryCount} AS retry_count,
  d.${n.c.lostLeases} AS lost_leases, to_jsonb(d) AS message,
  extract(epoch FROM now() - p.due)::float8 * 1000 AS waited,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('text', t.text, 'delivered', t.delivered_at IS NOT NULL) ORDER BY t.part), '[]')
   FROM ${n.parts} t WHERE t.message_id = d.${n.c.id}) AS parts
FROM done d JOIN pick p ON p.id = d.${n.c.id}
ORDER BY p.place, p.due`;

/** When the next message can be claimed, in ms, and whether any run is worked on: $1 statuses. */
const nextDueSql = ({ table, runs, c, r }) => `WITH active AS MATERIALIZED (
  SELECT r.${r.id} AS id FROM ${runs} r WHERE r.${r.status}::text = ANY ($1::text[])
)
SELECT EXISTS (SELECT FROM active) AS any,
  (SELECT ceil(extract(epoch FROM min(greatest(x.due, coalesce(x.until, x.due))) - now())::float8 * 1000)
   FROM active a CROSS JOIN LATERAL (
     -- Due already, so somebody holds them: the first of them are the oldest leases.
     (SELECT ${dueOf(c)} AS due, m.${c.leaseUntil} AS until FROM ${table} m
      WHERE m.${c.runId} = a.id AND m.${c.status} IN ${OPEN} AND ${dueOf(c)} <= now() ORDER BY ${dueOf(c)} LIMIT 64)
     UNION ALL
     (SELECT ${dueOf(c)}, m.${c.leaseUntil} FROM ${table} m
      WHERE m.${c.runId} = a.id AND m.${c.status} IN ${OPEN} AND ${dueOf(c)} > now() ORDER BY ${dueOf(c)} LIMIT 1)
   ) x) AS due`;

/**
 * Stores what was generated: $1 ids, $2 fences, $3 parts as JSON arrays of `{ text, key }`, $4 tokens, $5 generation ms,
 * $6 split ms, $7 cost, $8 model, $9 statuses of runs that are worked on. Answers per `n`: whether the claim still holds,
 * whether its run is worked on, and the parts that are stored now.
 *
 * Parts that are there already stay, and nothing is added to the bill: then this is the same statement once more, whose
 * answer got lost.
 */
const partsSql = (n, type) => {
  const { table, runs, parts, c, r } = n;
  return `WITH input AS (
  SELECT * FROM unnest($1::text[]::${type}[], $2::bigint[], $3::jsonb[], $4::int[], $5::int[], $6::int[], $7::numeric[], $8::text[])
    WITH ORDINALITY AS i(id, fence, parts, tokens, generation, split, cost, model, n)
),
held AS MATERIALIZED (SELECT i.*, m.${c.runId} AS run_id FROM input i ${held(n)}),
fresh AS MATERIALIZED (
  SELECT h.* FROM held h WHERE NOT EXISTS (SELECT FROM ${parts} t WHERE t.message_id = h.id)
),
kept AS (
  INSERT INTO ${parts} (message_id, part, text, idempotency_key)
  SELECT h.id, p.place - 1, p.value ->> 'text', p.value ->> 'key'
  FROM fresh h CROSS JOIN LATERAL jsonb_array_elements(h.parts) WITH ORDINALITY AS p(value, place)
  RETURNING message_id, part, text
),
billed AS (
  UPDATE ${table} m SET ${c.aiTokensUsed} = coalesce(m.${c.aiTokensUsed}, 0) + coalesce(h.tokens, 0),
    ${c.aiGenerationTimeMs} = h.generation, ${c.splitTimeMs} = h.split, ${c.aiModel} = h.model,
    ${c.cost} = CASE WHEN h.cost IS NULL THEN m.${c.cost} ELSE coalesce(m.${c.cost}, 0) + h.cost END, ${c.updatedAt} = now()
  FROM fresh h WHERE m.${c.id} = h.id
)
SELECT i.n::int, h.n IS NOT NULL AS applied,
  EXISTS (SELECT FROM ${runs} r WHERE r.${r.id} = h.run_id AND r.${r.status}::text = ANY ($9::text[])) AS active,
  (SELECT jsonb_agg(jsonb_build_object('text', s.text, 'delivered', s.delivered) ORDER BY s.part) FROM (
    SELECT k.part, k.text, false AS delivered FROM kept k WHERE k.message_id = h.id
    UNION ALL
    SELECT t.part, t.text, t.delivered_at IS NOT NULL FROM ${parts} t WHERE t.message_id = h.id
  ) s) AS parts
FROM input i LEFT JOIN held h USING (n)`;
};

/** Parts were delivered: $1 ids, $2 fences, $3 parts, $4 requests made, $5 statuses of runs that are worked on. */
const deliveredSql = ({ table, runs, parts, c, r }, type) => `WITH input AS (
  SELECT * FROM unnest($1::text[]::${type}[], $2::bigint[], $3::int[], $4::int[]) WITH ORDINALITY AS i(id, fence, part, attempts, n)
),
held AS MATERIALIZED (
  SELECT i.*, m.${c.runId} AS run_id FROM input i
  JOIN ${table} m ON m.${c.id} = i.id AND m.${c.fence} = i.fence AND m.${c.status} = 'processing'
),
done AS (
  UPDATE ${parts} t SET delivered_at = coalesce(t.delivered_at, now()), attempts = t.attempts + h.attempts
  FROM held h WHERE t.message_id = h.id AND t.part = h.part
)
SELECT h.n::int,
  EXISTS (SELECT FROM ${runs} r WHERE r.${r.id} = h.run_id AND r.${r.status}::text = ANY ($5::text[])) AS active
FROM held h`;

/**
 * Settles: $1 ids, $2 fences, $3 kind (sent, skipped, failed), $4 class, $5 charged, $6 retry after ms, $7 error text; $8 the
 * delays between retries, ms. Answers per `n`: applied, status, and the wait of a retry in ms.
 *
 * Only the holder of the fence changes a row. A row that has this very fence and no lease was settled by the same holder
 * before, and the answer got lost on its way. The rule of retry-policy.js, on the server's clock.
 */
const settleSql = (n, type) => {
  const { table, c } = n;
  return `WITH input AS (
  SELECT * FROM unnest($1::text[]::${type}[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::float8[], $7::text[])
    WITH ORDINALITY AS i(id, fence, kind, class, charged, after, error, n)
),
held AS MATERIALIZED (
  SELECT i.*,
    CASE WHEN i.kind <> 'failed' THEN i.kind
      WHEN i.class = 'permanent' OR (i.charged AND m.${c.retryCount} >= cardinality($8::float8[])) THEN 'failed'
      ELSE 'pending' END AS state,
    (1 + random() * 0.1) * CASE
      WHEN i.charged THEN greatest(($8::float8[])[m.${c.retryCount} + 1], i.after)
      ELSE coalesce(nullif(i.after, 0), CASE WHEN i.class = 'throttled' THEN ($8::float8[])[1] END, 1000) END AS delay
  FROM input i ${held(n)}
),
done AS (
  UPDATE ${table} m SET ${c.status} = h.state,
    ${c.nextRetryAt} = CASE WHEN h.state = 'pending' THEN now() + ${ms('h.delay')} END,
    ${c.retryCount} = m.${c.retryCount} + (h.state = 'pending' AND h.charged)::int,
    ${c.lostLeases} = CASE WHEN h.charged OR h.kind <> 'failed' THEN 0 ELSE m.${c.lostLeases} END,
    ${c.lastError} = CASE WHEN h.kind = 'sent' THEN NULL ELSE coalesce(h.error, m.${c.lastError}) END,
    ${c.sentAt} = CASE WHEN h.kind = 'sent' THEN now() ELSE m.${c.sentAt} END,
    ${c.leaseUntil} = NULL, ${c.leaseOwner} = NULL, ${c.updatedAt} = now()
  FROM held h WHERE m.${c.id} = h.id
  RETURNING h.n, m.${c.status}::text AS status, h.delay
)
SELECT i.n::int, d.n IS NOT NULL OR s.status IS NOT NULL AS applied, coalesce(d.status, s.status) AS status,
  coalesce(d.delay, s.wait) AS delay
FROM input i LEFT JOIN done d USING (n)
LEFT JOIN LATERAL (
  SELECT m.${c.status}::text AS status, extract(epoch FROM ${dueOf(c)} - now())::float8 * 1000 AS wait FROM ${table} m
  WHERE d.n IS NULL AND m.${c.id} = i.id AND m.${c.fence} = i.fence AND m.${c.leaseUntil} IS NULL
) s ON true`;
};

const CLAIMS = (type) => `unnest($1::text[]::${type}[], $2::bigint[]) WITH ORDINALITY AS i(id, fence, n)`;

/** Extends: $3 lease ms. Answers the `n` whose lease now lasts that long. */
const extendSql = (n, type) => `WITH input AS (SELECT * FROM ${CLAIMS(type)}),
held AS MATERIALIZED (SELECT i.* FROM input i ${held(n)})
UPDATE ${n.table} m SET ${n.c.leaseUntil} = now() + ${ms('$3')} FROM held h WHERE m.${n.c.id} = h.id RETURNING h.n::int AS n`;

/** Gives claims back, uncharged, at their old place. */
const releaseSql = (n, type) => `WITH input AS (SELECT * FROM ${CLAIMS(type)}),
held AS MATERIALIZED (SELECT i.* FROM input i ${held(n)})
UPDATE ${n.table} m SET ${n.c.status} = 'pending', ${n.c.leaseUntil} = NULL, ${n.c.leaseOwner} = NULL, ${n.c.updatedAt} = now()
FROM held h WHERE m.${n.c.id} = h.id`;

/** Gives back what a lost answer left claimed for nobody: $1 owner; $2 ids and $3 fences of what is held. */
const orphansSql = (n, type) => `UPDATE ${n.table} m
SET ${n.c.status} = 'pending', ${n.c.leaseUntil} = NULL, ${n.c.leaseOwner} = NULL, ${n.c.updatedAt} = now()
WHERE m.${n.c.leaseOwner} = $1 AND m.${n.c.status} = 'processing' AND m.${n.c.leaseUntil} > now() AND NOT EXISTS (
  SELECT FROM unnest($2::text[]::${type}[], $3::bigint[]) AS i(id, fence) WHERE i.id = m.${n.c.id} AND i.fence = m.${n.c.fence}
)`;

/** How many messages of runs that are worked on wait, wait for later, and are being worked on: $1 statuses. */
const countSql = ({ table, runs, c, r }) => `SELECT
  count(*) FILTER (WHERE NOT w.leased AND w.due)::int AS queued, count(*) FILTER (WHERE NOT w.leased AND NOT w.due)::int AS delayed,
  count(*) FILTER (WHERE w.leased)::int AS running
FROM (
  SELECT coalesce(m.${c.leaseUntil} > now(), false) AS leased, ${dueOf(c)} <= now() AS due
  FROM ${table} m JOIN ${runs} r ON r.${r.id} = m.${c.runId}
  WHERE m.${c.status} IN ${OPEN} AND r.${r.status}::text = ANY ($1::text[])
) w`;

/** How many messages of a run are in each status, and what they have cost: $1 run. */
const runSql = ({ table, runs, c, r }, _type, runType) => `SELECT r.${r.status}::text AS run_status,
  m.${c.status}::text AS status, count(m.${c.id})::int AS count, sum(m.${c.aiTokensUsed})::float8 AS tokens, sum(m.${c.cost})::float8 AS cost
FROM ${runs} r LEFT JOIN ${table} m ON m.${c.runId} = r.${r.id}
WHERE r.${r.id} = $1::text::${runType} GROUP BY 1, 2`;

/** Which of these runs are worked on: $1 runs, $2 statuses. */
const activeSql = ({ runs, r }, _type, runType) =>
  `SELECT r.${r.id}::text AS id FROM ${runs} r WHERE r.${r.id} = ANY ($1::text[]::${runType}[]) AND r.${r.status}::text = ANY ($2::text[])`;

/** Pauses or resumes: $1 run, $2 the status it gets, $3 those it may have. Answers its status afterwards. */
const setRunSql = ({ runs, r }, _type, runType) => `WITH done AS (
  UPDATE ${runs} r SET ${r.status} = $2 WHERE r.${r.id} = $1::text::${runType} AND r.${r.status}::text = ANY ($3::text[])
  RETURNING r.${r.status}::text AS status
)
SELECT coalesce((SELECT status FROM done), r.${r.status}::text) AS status FROM ${runs} r WHERE r.${r.id} = $1::text::${runType}`;

/** $1 age ms, $2 how many at most. */
const skipSql = (n) => `${oldSql(n, { cutoff: `now() - ${ms('$1')}`, most: '$2::int' })} RETURNING 1`;

/**
 * Puts messages in: $1 ids (null: the table's default), $2 runs, $3 leads, $4 scheduled at, $5 payload. Answers the ids of
 * those that are new, without an `n`, and `n`, id and status of each that was there before.
 */
const enqueueSql = ({ table, c }, type, runType, leadType) => `WITH input AS (
  SELECT * FROM unnest($1::text[]::${type}[], $2::text[]::${runType}[], $3::text[]::${leadType}[], $4::timestamptz[], $5::jsonb[])
    WITH ORDINALITY AS i(id, run_id, lead_id, scheduled_at, payload, n)
),
named AS (
  INSERT INTO ${table} (${c.id}, ${c.runId}, ${c.leadId}, ${c.scheduledAt}, ${c.payload}, ${c.status})
  SELECT i.id, i.run_id, i.lead_id, coalesce(i.scheduled_at, now()), i.payload, 'pending' FROM input i WHERE i.id IS NOT NULL
  ORDER BY i.id ON CONFLICT (${c.id}) DO NOTHING
  RETURNING ${c.id} AS id
),
unnamed AS (
  INSERT INTO ${table} (${c.runId}, ${c.leadId}, ${c.scheduledAt}, ${c.payload}, ${c.status})
  SELECT i.run_id, i.lead_id, coalesce(i.scheduled_at, now()), i.payload, 'pending' FROM input i WHERE i.id IS NULL ORDER BY i.n
  RETURNING ${c.id} AS id
)
SELECT i.n::int, i.id::text AS id, coalesce(m.${c.status}::text, 'pending') AS status
FROM input i LEFT JOIN ${table} m ON m.${c.id} = i.id
WHERE i.id IS NOT NULL AND NOT EXISTS (SELECT FROM named w WHERE w.id = i.id)
UNION ALL SELECT NULL, id::text, 'pending' FROM (SELECT id FROM named UNION ALL SELECT id FROM unnamed) added`;

const STATEMENTS = {
  claim: claimSql,
  nextDue: nextDueSql,
  parts: partsSql,
  delivered: deliveredSql,
  settle: settleSql,
  extend: extendSql,
  release: releaseSql,
  orphans: orphansSql,
  count: countSql,
  run: runSql,
  active: activeSql,
  setRun: setRunSql,
  skip: skipSql,
  enqueue: enqueueSql,
  ...DESK,
};

/** Every statement of a store, for its names and the types of its keys. */
const statements = (names, { id, run, lead }) =>
  Object.fromEntries(Object.entries(STATEMENTS).map(([name, make]) => [name, make(names, id, run, lead)]));

/** The types of the key columns, as SQL text: $1 messages, $2 the columns id, run, lead. */
const TYPES = `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attname = ANY ($2) AND NOT a.attisdropped`;

module.exports = { statements, TYPES };
