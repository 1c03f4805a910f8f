'use strict';

const { assign, sameKey, keyColumns, ms } = require('./sql.js');

/** What identifies claims: $1-$4 bot_slug, sha256, kind, fence. */
const CLAIMS = 'unnest($1::text[], $2::text[], $3::text[], $4::bigint[])';

/** The rows behind the input that are still held under their fence, locked in the order of their keys. */
const owned = (n) => {
  const { c } = n;
  return `${sameKey(n, 'i')} AND c.${c.fence} = i.fence AND c.${c.status} = 'warming' AND c.${c.leaseUntil} IS NOT NULL`;
};
const inOrder = ({ c }) => `ORDER BY c.${c.botSlug}, c.${c.sha256}, c.${c.kind} FOR UPDATE OF c`;
const isHeld = (n) => `${sameKey(n, 'h')}`;

/**
 * Settles: $5 succeeded, $6 class, $7 charged, $8 retry after ms, $9 error text, $10-$13 file_id, file_unique_id, chat,
 * message; $14 the delays between retries, ms. Answers per `n` that was applied: status, and the wait of a retry in ms.
 *
 * Only the holder of the fence changes a row. A row that has this very fence and no lease was settled by the same holder
 * before, and the answer got lost on its way: that is an applied settlement too, and is not done again. It is only looked for
 * where there was nothing to settle.
 *
 * The rule of retry-policy.js, on the server's clock: permanent is final, and config without a time; uncharged ones wait as asked
 * (or a moment), charged ones take the next delay, never less than asked, with up to 10 % of jitter.
 *
 * One look at each row, in the order of the keys: with a lock first and the update after it there would be two.
 */
function settleSql(n) {
  const { table, c } = n;
  const delays = '$14::float8[]';
  const isDead = `(NOT i.ok AND (i.final OR (i.charged AND c.${c.attempts} > cardinality(${delays}))))`;
  const isRetry = `(NOT i.ok AND NOT ${isDead})`;
  const next = `now() + ${ms(`(i.jitter * CASE
      WHEN i.charged THEN greatest((${delays})[c.${c.attempts}], i.after)
      ELSE coalesce(nullif(i.after, 0), CASE WHEN i.class = 'throttled' THEN (${delays})[1] END, 1000) END)`)}`;
  const given = (column, value) => [column, `CASE WHEN i.ok THEN ${value} ELSE c.${column} END`];
  const set = assign([
    [c.status, `CASE WHEN i.ok THEN 'ready' WHEN ${isDead} THEN 'error' ELSE 'warming' END`],
    [c.runAt, `CASE WHEN ${isRetry} THEN ${next} ELSE c.${c.runAt} END`],
    // An app that sets a failed row back to warming with SQL of its own means to start anew: its tries are told by retry_count.
    [c.attempts, `CASE WHEN ${isDead} THEN 0 WHEN i.ok OR i.charged THEN c.${c.attempts} ELSE c.${c.attempts} - 1 END`],
    // Who comes back with a result, even a bad one, is alive: the evidence of crashes begins anew.
    [c.lostLeases, `CASE WHEN i.charged OR i.ok OR ${isDead} THEN 0 ELSE c.${c.lostLeases} END`],
    [c.leaseUntil, 'NULL'],
    [c.leaseOwner, 'NULL'],
    [c.lastError, `CASE WHEN i.ok THEN NULL ELSE coalesce(i.error, c.${c.lastError}) END`],
    given(c.fileId, `coalesce(i.file_id, c.${c.fileId})`),
    given(c.fileUniqueId, 'i.file_unique_id'),
    given(c.chatId, 'i.chat'),
    given(c.messageId, 'i.message'),
    given(c.warmedAt, 'now()'),
    [c.retryCount, `c.${c.retryCount} + (CASE WHEN NOT i.ok AND i.charged THEN 1 ELSE 0 END)`],
    [c.lastRetryAt, `CASE WHEN NOT i.ok AND i.charged THEN now() ELSE c.${c.lastRetryAt} END`],
    [c.nextRetryAt, `CASE WHEN ${isRetry} THEN ${next} END`],
    [c.updatedAt, 'now()'],
  ]);
  // What was sent is sent: also where the claim was given back meanwhile, as long as nobody has claimed the row since.
  const settleable = `${sameKey(n, 'i')} AND c.${c.fence} = i.fence AND c.${c.status} = 'warming'
    AND (i.ok OR c.${c.leaseUntil} IS NOT NULL)`;
  const answer = `i.n::int, c.${c.status}::text AS status,
    CASE WHEN c.${c.status} = 'warming' THEN extract(epoch FROM c.${c.runAt} - now())::float8 * 1000 END AS delay`;
  return `WITH input AS MATERIALIZED (
  SELECT i.*, coalesce(i.class = 'permanent' OR i.class = 'config' AND (i.charged OR i.after = 0), false) AS final, 1 + random() * 0.1 AS jitter
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::text[], $7::boolean[],
    $8::float8[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[]) WITH ORDINALITY
  AS i(bot_slug, sha256, kind, fence, ok, class, charged, after, error, file_id, file_unique_id, chat, message, n)
  ORDER BY i.bot_slug, i.sha256, i.kind
),
done AS (
  UPDATE ${table} c SET ${set} FROM input i WHERE ${settleable}
  RETURNING ${answer}
)
SELECT n, status, delay FROM done
UNION ALL
SELECT ${answer} FROM input i JOIN ${table} c ON ${sameKey(n, 'i')} AND c.${c.fence} = i.fence AND c.${c.leaseUntil} IS NULL
WHERE i.n NOT IN (SELECT n FROM done)`;
}

/**
 * Extends: $5 lease ms, $6 queue, $7 owner, $8 lane lease ms. Answers the `n` whose lease now lasts that long. Every lane of
 * the owner is kept with its jobs.
 */
function extendSql(n) {
  const { table, lanes, c } = n;
  return `WITH input AS (
  SELECT * FROM ${CLAIMS} WITH ORDINALITY AS i(bot_slug, sha256, kind, fence, n)
),
held AS MATERIALIZED (
  SELECT i.n, ${keyColumns(n)} FROM input i JOIN ${table} c ON ${owned(n)} ${inOrder(n)}
),
kept AS (
  UPDATE ${lanes} l SET until = now() + ${ms('$8')}
  WHERE l.queue = $6 AND l.owner = $7::uuid AND l.until < now() + ${ms('$5')}
)
UPDATE ${table} c SET ${c.leaseUntil} = now() + ${ms('$5')} FROM held h WHERE ${isHeld(n)} RETURNING h.n::int AS n`;
}

/** Gives claims back, uncharged, at their old place; claims that are not held any more stay as they are. */
function releaseSql(n) {
  const { table, c } = n;
  const set = assign([
    [c.leaseUntil, 'NULL'],
    [c.leaseOwner, 'NULL'],
    [c.attempts, `greatest(c.${c.attempts} - 1, 0)`],
    [c.updatedAt, 'now()'],
  ]);
  return `WITH input AS (
  SELECT * FROM ${CLAIMS} AS i(bot_slug, sha256, kind, fence)
),
held AS MATERIALIZED (
  SELECT ${keyColumns(n)} FROM input i JOIN ${table} c ON ${owned(n)} ${inOrder(n)}
)
UPDATE ${table} c SET ${set} FROM held h WHERE ${isHeld(n)}`;
}

/** How many rows wait, wait for later, and are being worked on. */
function countSql(n) {
  const { table, c } = n;
  return `SELECT count(*) FILTER (WHERE NOT leased AND due)::int AS queued, count(*) FILTER (WHERE NOT leased AND NOT due)::int AS delayed,
  count(*) FILTER (WHERE leased)::int AS running
FROM (SELECT coalesce(c.${c.leaseUntil} > now(), false) AS leased, c.${c.runAt} <= now() AS due
  FROM ${table} c WHERE c.${c.status} = 'warming') w`;
}

module.exports = { settleSql, extendSql, releaseSql, countSql };
