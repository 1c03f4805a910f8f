'use strict';

const { assign, isFree, sameKey } = require('./sql.js');

/**
 * Enqueues: $1-$5 bot_slug, sha256, kind, priority, job (JSON) of each; $6 channel and $7 payload of the hint, null for none;
 * bounded: $8, see roomSql().
 * Answers `n` (from 1) and a status per distinct key.
 *
 * A row that failed, or is ready without a file_id, starts anew. So does one that waits and was written by the app's own
 * SQL: it becomes this job, but keeps the tries and the wait it has. Rows are locked in the order of their keys, in every
 * statement: that cannot make a deadlock.
 */
function enqueueSql(n, { bounded = false } = {}) {
  const { table, c } = n;
  const again = `(c.${c.status} = 'error' OR (c.${c.status} = 'ready' AND c.${c.fileId} IS NULL))`;
  const anew = (column, value) => [column, `CASE WHEN c.${c.status} = 'warming' THEN c.${column} ELSE ${value} END`];
  const optional = (column, value) => (column === null ? [] : [anew(column, value)]);
  const set = assign([
    [c.status, "'warming'"],
    [c.priority, `excluded.${c.priority}`],
    [c.job, `excluded.${c.job}`],
    anew(c.runAt, `excluded.${c.runAt}`),
    anew(c.attempts, '0'),
    anew(c.lostLeases, '0'),
    anew(c.lastError, 'NULL'),
    ...optional(c.retryCount, '0'),
    ...optional(c.nextRetryAt, 'NULL'),
    // Whoever held the row before cannot take this job for its own.
    [c.fence, `c.${c.fence} + 1`],
    [c.leaseUntil, 'NULL'],
    [c.leaseOwner, 'NULL'],
    [c.updatedAt, 'now()'],
  ]);
  return `WITH given AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[])
    WITH ORDINALITY AS g(bot_slug, sha256, kind, priority, job, n)
),
input AS MATERIALIZED (
  SELECT DISTINCT ON (bot_slug, sha256, kind) * FROM given ORDER BY bot_slug, sha256, kind, n
),
${bounded ? roomSql(n, again) : ''}
marked AS (
  INSERT INTO ${table} AS c (${c.botSlug}, ${c.sha256}, ${c.kind}, ${c.status}, ${c.priority}, ${c.job}, ${c.runAt})
  SELECT bot_slug, sha256, kind, 'warming', priority, job::jsonb,
    now() - ((SELECT count(*) FROM given) - n) * interval '1 microsecond'
  FROM input ${bounded ? 'WHERE n NOT IN (SELECT n FROM surplus)' : ''} ORDER BY bot_slug, sha256, kind
  ON CONFLICT (${c.botSlug}, ${c.sha256}, ${c.kind}) DO UPDATE SET ${set}
  WHERE ${again}
    OR (c.${c.status} = 'warming' AND c.${c.job} IS NULL AND ${isFree(n)})
  RETURNING c.${c.botSlug}::text AS bot_slug, c.${c.sha256}::text AS sha256, c.${c.kind}::text AS kind
)
SELECT i.n::int, CASE
    WHEN m.bot_slug IS NOT NULL THEN 'queued'
    ${bounded ? "WHEN i.n IN (SELECT n FROM surplus) THEN 'full'" : ''}
    WHEN c.${c.status} = 'ready' THEN 'cached'
    WHEN c.${c.leaseUntil} > now() THEN 'processing'
    ELSE 'duplicate'
  END AS status,
  (SELECT CASE WHEN $6::text IS NOT NULL AND EXISTS (SELECT FROM marked) THEN pg_notify($6, $7::text) END) IS NULL AS quiet
  ${bounded ? ', (SELECT n FROM room) AS room' : ''}
FROM input i
LEFT JOIN marked m USING (bot_slug, sha256, kind)
LEFT JOIN ${table} c ON m.bot_slug IS NULL AND ${sameKey(n, 'i')}`;
}

/**
 * With $8, the most rows that may wait, wait for later or be worked on: which jobs are too many, the last of the call first. A row
 * that is counted already needs no room. No more rows are counted than there may be.
 */
function roomSql(n, again) {
  const { table, c } = n;
  return `room AS MATERIALIZED (
  SELECT $8::bigint - count(*) AS n FROM (SELECT FROM ${table} c WHERE c.${c.status} = 'warming' LIMIT $8::bigint) w
),
surplus AS MATERIALIZED (
  SELECT n FROM (
    SELECT i.n, row_number() OVER (ORDER BY i.n) AS place FROM input i LEFT JOIN ${table} c ON ${sameKey(n, 'i')}
    WHERE c.${c.botSlug} IS NULL OR ${again}
  ) f WHERE place > (SELECT n FROM room)
),`;
}

module.exports = { enqueueSql };
