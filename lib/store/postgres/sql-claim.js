'use strict';

const { isFree, sameKey, keyColumns, ms, pairs } = require('./sql.js');

/** A claim's statement is made for at most so many rows, and for eight times as many, and so on: see claimSql(). */
const SMALLEST = 32;
const GROWTH = 8;

/** The bound of the statement for a claim of `limit` rows. */
function boundOf(limit) {
  let most = SMALLEST;
  while (most < limit) most *= GROWTH;
  return most;
}

/**
 * Claims: $1 limit, $2 lease ms, $3 owner, $4 queue, $5 margin ms, $6 lane lease ms, $7 lanes to leave alone.
 *
 * Only lanes (bots) of this owner: so two processes never look at the same rows, and nobody has to skip over the locks of
 * others. Best priority first; within a priority the bots take turns; within a bot the longest due first. Every step is
 * bounded by the limit, none by the number of rows that wait or are finished:
 *
 * - `head`: the first free row of each bot and priority. Rows beyond the best `limit` heads cannot be among the best rows.
 * - `turn`: how many rows of one bot are looked at: twice its share of the limit among the bots of its priority. A claim may so
 *   bring less than there is; who asks again gets the rest. (OFFSET 0 keeps the bound where it can end the scan.)
 * - `pick`: the rows behind these heads, the best of all of them.
 * - `held`: locks them, and looks again. A row that somebody changed meanwhile drops out.
 *
 * `ctid = ANY (ARRAY (…))` is computed once, before the update: a join with a LIMIT inside may be computed again and again,
 * and then claims more than the limit.
 *
 * The attempt is counted here, and committed before the work begins.
 *
 * `most` is the largest limit this text is for. A planner that sees $1 makes a new plan for it with every claim, which takes several
 * times as long as the claim itself; one that sees no bound at all fears the whole table. So $1 is hidden from it, and the bound
 * is written out: one plan for every number up to there, and a cheap one.
 */
function claimSql(n, most) {
  const { table, lanes, media, c } = n;
  const limit = '(SELECT $1::int)';
  const due = `c.${c.status} = 'warming' AND c.${c.botSlug} = p.lane AND c.${c.priority} = p.priority
      AND c.${c.runAt} <= now() AND ${isFree(n)}`;
  const stored = media
    ? `LEFT JOIN LATERAL (
  SELECT to_jsonb(m) AS media FROM ${media} m
  WHERE d.job IS NULL AND m.bot_slug = d.bot_slug AND m.sha256 = d.sha256 LIMIT 1
) s ON true`
    : 'CROSS JOIN (SELECT NULL::jsonb AS media) s';
  return `WITH RECURSIVE mine AS MATERIALIZED (
  -- Unnested, it counts as ten rows for the planner, however many there are: the plan stays the one that is meant, and its
  -- estimate below that from which statements are compiled.
  SELECT unnest(ARRAY (SELECT l.lane FROM ${lanes} l WHERE l.queue = $4 AND l.owner = $3::uuid
    AND l.until > now() + ${ms('$5')} AND l.lane <> ALL ($7::text[]))) AS lane
),
${pairs(n, 'SELECT lane FROM mine')},
head AS MATERIALIZED (
  SELECT p.lane, p.priority, h.run_at FROM pair p CROSS JOIN LATERAL (
    SELECT c.${c.runAt} AS run_at FROM ${table} c WHERE ${due} ORDER BY c.${c.runAt} LIMIT 1
  ) h
  ORDER BY p.priority DESC, h.run_at LIMIT ${limit}
),
turn AS MATERIALIZED (
  SELECT h.*, ceil(2.0 * ${limit} / count(*) OVER (PARTITION BY h.priority))::bigint AS most FROM head h
),
pick AS MATERIALIZED (
  SELECT r.id, r.place, p.priority, r.run_at FROM turn p CROSS JOIN LATERAL (
    SELECT * FROM (
      SELECT f.id, f.run_at, row_number() OVER (ORDER BY f.run_at) AS place FROM (
        SELECT c.ctid AS id, c.${c.runAt} AS run_at FROM ${table} c WHERE ${due} ORDER BY c.${c.runAt} LIMIT ${most}
      ) f
    ) w WHERE w.place <= p.most OFFSET 0
  ) r
  ORDER BY p.priority DESC, r.place, r.run_at LIMIT ${limit}
),
held AS MATERIALIZED (
  SELECT c.ctid AS id, ${keyColumns(n)}, c.${c.leaseUntil} AS last_until, c.${c.leaseOwner} AS last_owner
  FROM ${table} c
  WHERE c.ctid = ANY (ARRAY (SELECT id FROM pick)) AND c.${c.status} = 'warming' AND ${isFree(n)}
  FOR UPDATE SKIP LOCKED
),
done AS (
  UPDATE ${table} c SET ${c.leaseUntil} = now() + ${ms('$2')}, ${c.leaseOwner} = $3, ${c.fence} = c.${c.fence} + 1,
    ${c.attempts} = c.${c.attempts} + 1, ${c.lostLeases} = c.${c.lostLeases} + (c.${c.leaseUntil} IS NOT NULL)::int
  WHERE c.ctid = ANY (ARRAY (SELECT id FROM held))
  RETURNING ${keyColumns(n)}, c.${c.fence} AS fence, c.${c.attempts} AS attempts, c.${c.lostLeases} AS lost_leases,
    c.${c.priority} AS priority, c.${c.runAt} AS run_at, c.${c.job} AS job
),
kept AS (
  -- A lane outlasts the leases of its jobs: so nobody else sends with its token while one of them may still run.
  UPDATE ${lanes} l SET until = now() + ${ms('$6')}
  WHERE l.queue = $4 AND l.owner = $3::uuid AND l.until < now() + ${ms('$2')} AND l.lane IN (SELECT bot_slug FROM done)
)
SELECT d.bot_slug, d.sha256, d.kind, d.fence, d.attempts, d.lost_leases, d.priority, d.job, s.media, h.last_owner, h.last_until,
  extract(epoch FROM now() - d.run_at)::float8 * 1000 AS waited
FROM done d
JOIN held h USING (bot_slug, sha256, kind)
JOIN pick k ON k.id = h.id
${stored}
ORDER BY d.priority DESC, k.place, d.run_at`;
}

/** When the next row of this owner's lanes can be claimed, in ms: $1 queue, $2 owner. Null when none waits. */
function nextDueSql(n) {
  const { table, lanes, c } = n;
  const mine = `SELECT unnest(ARRAY (SELECT lane FROM ${lanes} WHERE queue = $1 AND owner = $2::uuid AND until > now())) AS lane`;
  const waiting = `c.${c.status} = 'warming' AND c.${c.botSlug} = p.lane AND c.${c.priority} = p.priority`;
  return `WITH RECURSIVE ${pairs(n, mine)}
SELECT ceil(extract(epoch FROM min(greatest(r.run_at, r.lease_until)) - now())::float8 * 1000) AS due
FROM pair p CROSS JOIN LATERAL (
  -- Due already, so somebody holds it: the first of them are the oldest leases.
  (SELECT c.${c.runAt} AS run_at, c.${c.leaseUntil} AS lease_until FROM ${table} c
   WHERE ${waiting} AND c.${c.runAt} <= now() ORDER BY c.${c.runAt} LIMIT 8)
  UNION ALL
  (SELECT c.${c.runAt}, c.${c.leaseUntil} FROM ${table} c
   WHERE ${waiting} AND c.${c.runAt} > now() ORDER BY c.${c.runAt} LIMIT 1)
) r`;
}

/** Gives back what a lost answer left claimed for nobody: $1 owner, $2 queue; $3-$6 key and fence of what is held. */
function orphansSql(n) {
  const { table, lanes, c } = n;
  return `WITH held AS (
  SELECT * FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) AS i(bot_slug, sha256, kind, fence)
)
UPDATE ${table} c SET ${c.leaseUntil} = NULL, ${c.leaseOwner} = NULL, ${c.attempts} = greatest(c.${c.attempts} - 1, 0)
WHERE c.${c.status} = 'warming' AND c.${c.leaseOwner} = $1 AND c.${c.leaseUntil} > now()
  AND c.${c.botSlug} IN (SELECT lane FROM ${lanes} WHERE queue = $2 AND owner = $1::uuid)
  AND NOT EXISTS (SELECT 1 FROM held i WHERE ${sameKey(n, 'i')} AND i.fence = c.${c.fence})`;
}

module.exports = { claimSql, boundOf, nextDueSql, orphansSql };
