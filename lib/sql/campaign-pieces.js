'use strict';

// Pieces that the functions of the database and the statements of the store share. `n` is what campaignNamesOf() gives;
// in SQL, `m` is always the table of the messages and `r` that of the runs.

/** When a message may be sent. The same text as in the index, or the index would not be used. */
const dueOf = (c, m = 'm.') => `coalesce(${m}${c.nextRetryAt}, ${m}${c.scheduledAt})`;

/** Messages that are not at their end; the predicate of the index. */
const OPEN = "('pending', 'processing')";

/** A message that nobody works on now: waiting, or claimed by somebody whose lease has run out. */
const isFree = (c) => `((m.${c.status} = 'pending' AND m.${c.leaseUntil} IS NULL) OR m.${c.leaseUntil} <= now())`;

/**
 * `pick (id, place, due)`: up to `limit` messages that are due, of runs with one of the statuses in `active`, locked. Runs take
 * turns, within a run the longest due goes first. Each run is probed by itself, so that one that is paused costs nothing,
 * however many of its messages are due.
 */
const pickSql = ({ table, runs, c, r }, { limit, active, only = 'true' }) => `pick AS MATERIALIZED (
  SELECT x.id, x.place, x.due FROM ${runs} r CROSS JOIN LATERAL (
    SELECT s.id, s.due, row_number() OVER (ORDER BY s.due) AS place FROM (
      SELECT m.${c.id} AS id, ${dueOf(c)} AS due FROM ${table} m
      WHERE m.${c.runId} = r.${r.id} AND m.${c.status} IN ${OPEN} AND ${dueOf(c)} <= now() AND ${isFree(c)}
      ORDER BY ${dueOf(c)} LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) s
  ) x
  WHERE r.${r.status}::text = ANY (${active}) AND ${only}
  ORDER BY x.place, x.due LIMIT ${limit}
)`;

/** What a claim sets. A message that still has a lease was lost by whoever had it. */
const lockSql = (
  { c },
  { until, owner },
) => `${c.status} = 'processing', ${c.leaseUntil} = ${until}, ${c.leaseOwner} = ${owner},
    ${c.fence} = m.${c.fence} + 1, ${c.lostLeases} = m.${c.lostLeases} + (m.${c.leaseUntil} IS NOT NULL)::int,
    ${c.updatedAt} = now()`;

/** Messages too old to be sent still, unless a part of one was delivered: that one is finished. */
const oldSql = (
  { table, parts, c },
  { cutoff, most },
) => `UPDATE ${table} m SET ${c.status} = 'skipped', ${c.updatedAt} = now()
WHERE m.${c.id} = ANY (ARRAY (
  SELECT m.${c.id} FROM ${table} m
  WHERE m.${c.status} = 'pending' AND m.${c.leaseUntil} IS NULL AND m.${c.scheduledAt} < ${cutoff}
    AND NOT EXISTS (SELECT FROM ${parts} t WHERE t.message_id = m.${c.id} AND t.delivered_at IS NOT NULL)
  ORDER BY m.${c.scheduledAt} LIMIT ${most} FOR UPDATE SKIP LOCKED
))`;

const ms = (param) => `${param}::float8 * interval '1 millisecond'`;

module.exports = { dueOf, OPEN, pickSql, lockSql, oldSql, ms };
