'use strict';

const { ms } = require('./sql.js');

/**
 * Says that this instance is alive, keeps its lanes, and takes free ones up to its share: $1 queue, $2 owner, $3 lane lease ms,
 * $4 host, $5 pid, $6 version, $7 lanes in which it has claims. `theirs`: ms until the first busy lane of another ends. `inherited`: of
 * the lanes taken, what their former owners have left there, or that they ended without a word.
 *
 * A lane does not run out while the database is away: after its start every owner has half the time of a lane to come back with
 * the results it could not record. Else the first one to come back would send again what the others have sent.
 *
 * A lane is busy when rows of its bot wait; idle ones are not renewed and end by themselves, later than the last job. The
 * share is busy lanes by live instances, rounded up, so it does not swing. Which of the free ones are taken is mixed by
 * the owner's id, so that instances that look at the same time do not all reach for the same.
 */
function balanceSql(n) {
  const { table, lanes, instances, c } = n;
  const until = (row) => `greatest(${row}.until, pg_postmaster_start_time() + ${ms('$3')} / 2)`;
  return `WITH RECURSIVE me AS (
  INSERT INTO ${instances} (id, queue, host, pid, version, until)
  VALUES ($2::uuid, $1, $4, $5::int, $6, now() + ${ms('$3')})
  ON CONFLICT (id) DO UPDATE SET seen_at = now(), until = excluded.until
),
busy (lane) AS (
  (SELECT c.${c.botSlug}::text FROM ${table} c WHERE c.${c.status} = 'warming' ORDER BY c.${c.botSlug} LIMIT 1)
  UNION ALL
  SELECT (SELECT c.${c.botSlug}::text FROM ${table} c WHERE c.${c.status} = 'warming' AND c.${c.botSlug} > b.lane
          ORDER BY c.${c.botSlug} LIMIT 1)
  FROM busy b WHERE b.lane IS NOT NULL
),
seen AS MATERIALIZED (
  SELECT b.lane, coalesce(l.owner = $2::uuid, false) AS mine, coalesce(${until('l')} > now() AND l.owner IS NOT NULL, false) AS live,
    ${until('l')} AS until, l.owner IS NOT NULL AS lost, l.paced, extract(epoch FROM now() - l.until)::float8 * 1000 AS ago
  FROM busy b LEFT JOIN ${lanes} l ON l.queue = $1 AND l.lane = b.lane WHERE b.lane IS NOT NULL
),
share AS MATERIALIZED (
  SELECT count(*) FILTER (WHERE mine)::int AS mine, ceil(count(*)::float8 / (1 + (
      SELECT count(*) FROM ${instances} o WHERE o.queue = $1 AND o.id <> $2::uuid AND ${until('o')} > now())))::int AS fair
  FROM seen
),
kept AS (
  UPDATE ${lanes} l SET until = now() + ${ms('$3')}
  WHERE l.queue = $1 AND l.owner = $2::uuid
    AND (l.lane = ANY ($7::text[]) OR l.lane IN (SELECT lane FROM seen WHERE mine))
  RETURNING l.lane
),
free AS MATERIALIZED (
  SELECT lane FROM seen WHERE NOT mine AND NOT live ORDER BY md5(lane || $2)
  LIMIT (SELECT greatest(0, fair - mine) FROM share)
),
taken AS (
  INSERT INTO ${lanes} AS l (queue, lane, owner, until)
  SELECT $1, lane, $2::uuid, now() + ${ms('$3')} FROM free ORDER BY lane
  ON CONFLICT (queue, lane) DO UPDATE SET owner = excluded.owner, until = excluded.until, paced = NULL
  WHERE l.until <= now() OR l.owner IS NULL
  RETURNING l.lane
)
SELECT share.fair, ARRAY (SELECT lane FROM kept) AS kept, ARRAY (SELECT lane FROM taken) AS taken,
  ARRAY (SELECT lane FROM seen WHERE mine) AS busy,
  (SELECT jsonb_agg(jsonb_build_object('lane', s.lane, 'lost', s.lost, 'left', s.paced, 'agoMs', s.ago))
   FROM seen s JOIN taken t USING (lane) WHERE s.lost OR s.paced IS NOT NULL) AS inherited,
  (SELECT ceil(extract(epoch FROM min(until) - now())::float8 * 1000) FROM seen WHERE live AND NOT mine) AS theirs
FROM share`;
}

/**
 * Lets lanes go, for others to take at once: $1 queue, $2 owner, $3 lanes, or null for all but $4; $5 channel, $6 payload; $7 what
 * the next owner has to know, JSON by lane.
 */
const giveUpSql = ({ lanes }) => `WITH gone AS (
  UPDATE ${lanes} SET owner = NULL, until = now(), paced = $7::jsonb -> lane
  WHERE queue = $1 AND owner = $2::uuid AND ($3::text[] IS NULL OR lane = ANY ($3)) AND lane <> ALL ($4::text[])
  RETURNING lane
)
SELECT count(*)::int AS gone, CASE WHEN count(*) > 0 AND $5::text IS NOT NULL THEN pg_notify($5, $6::text) END FROM gone`;

/** Signs an instance off: $1 owner. */
const leaveSql = ({ instances }) => `DELETE FROM ${instances} WHERE id = $1::uuid`;

/** Removes what nobody has signed off: instances that ended without a word, lanes of bots long without work. */
const sweepSql = ({ instances, lanes }) => `WITH dead AS (
  DELETE FROM ${instances} WHERE id IN (
    SELECT id FROM ${instances} WHERE until < now() - interval '1 hour' FOR UPDATE SKIP LOCKED)
)
DELETE FROM ${lanes} WHERE (queue, lane) IN (
  SELECT queue, lane FROM ${lanes} WHERE until < now() - interval '1 day' FOR UPDATE SKIP LOCKED)`;

const instancesSql = ({
  instances,
  lanes,
}) => `SELECT i.id, i.host, i.pid, i.version, i.started_at, i.seen_at, i.until > now() AS live,
  ARRAY (SELECT l.lane FROM ${lanes} l WHERE l.queue = i.queue AND l.owner = i.id AND l.until > now() ORDER BY l.lane) AS lanes
FROM ${instances} i WHERE i.queue = $1 ORDER BY i.started_at, i.id`;

module.exports = { balanceSql, giveUpSql, leaveSql, sweepSql, instancesSql };
