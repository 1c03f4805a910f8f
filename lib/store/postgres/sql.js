'use strict';

// Pieces that several statements share. `n` is what namesOf() gives; `c` in SQL is always the table of the jobs.

/** A row nobody works on now. */
const isFree = ({ c }) => `(c.${c.leaseUntil} IS NULL OR c.${c.leaseUntil} <= now())`;

/** The key columns of two relations are equal; those of an input are always named bot_slug, sha256, kind. */
const sameKey = ({ c }, input) =>
  `c.${c.botSlug} = ${input}.bot_slug AND c.${c.sha256} = ${input}.sha256 AND c.${c.kind} = ${input}.kind`;

/** The key columns as text, whatever string type the table has them in. */
const keyColumns = ({ c }) =>
  `c.${c.botSlug}::text AS bot_slug, c.${c.sha256}::text AS sha256, c.${c.kind}::text AS kind`;

const ms = (param) => `${param}::float8 * interval '1 millisecond'`;

/** A SET list; columns that the table does without are left out. */
const assign = (pairs) =>
  pairs
    .filter(([column]) => column !== null)
    .map(([column, value]) => `${column} = ${value}`)
    .join(', ');

/**
 * `pair (lane, priority)`: every priority that waits in the lanes given by `lanes` (an SQL query of text). Walks the claim
 * index from one value to the next ("loose index scan"), so it costs one probe per bot and priority, not one per row.
 */
const pairs = ({ table, c }, lanes) => `pair (lane, priority) AS (
  SELECT m.lane, (SELECT c.${c.priority} FROM ${table} c WHERE c.${c.status} = 'warming' AND c.${c.botSlug} = m.lane
                  ORDER BY c.${c.priority} DESC LIMIT 1)
  FROM (${lanes}) m
  UNION ALL
  SELECT p.lane, (SELECT c.${c.priority} FROM ${table} c WHERE c.${c.status} = 'warming' AND c.${c.botSlug} = p.lane
                    AND c.${c.priority} < p.priority ORDER BY c.${c.priority} DESC LIMIT 1)
  FROM pair p WHERE p.priority IS NOT NULL
)`;

module.exports = { isFree, sameKey, keyColumns, ms, assign, pairs };
