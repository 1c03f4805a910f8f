'use strict';

const { assign, isFree, keyColumns } = require('./sql.js');

/** What a row loses when it begins anew, whoever held it before. */
const anew = ({ c }) => [
  [c.attempts, '0'],
  [c.lostLeases, '0'],
  [c.retryCount, '0'],
  [c.nextRetryAt, 'NULL'],
  [c.leaseUntil, 'NULL'],
  [c.leaseOwner, 'NULL'],
  [c.fence, `c.${c.fence} + 1`],
  [c.lastError, 'NULL'],
  [c.updatedAt, 'now()'],
];

/**
 * Takes a file_id ($1) out of its rows, which wait again, before everything else ($2: priority). Answers what their jobs are
 * made of. A row that waits or is worked on is left alone: it is on its way to another file_id already.
 *
 * The row's own job is taken out too, so that enqueueing it is news; whoever claims the row before finds media_store.
 */
function invalidateSql(n) {
  const { table, media, c } = n;
  const set = assign([
    [c.status, "'warming'"],
    [c.fileId, 'NULL'],
    [c.fileUniqueId, 'NULL'],
    [c.job, `CASE WHEN s.media IS NULL THEN c.${c.job} END`],
    [c.priority, '$2::int'],
    [c.runAt, 'now()'],
    ...anew(n),
  ]);
  const stored = media
    ? `LEFT JOIN LATERAL (
    SELECT to_jsonb(m) AS media FROM ${media} m WHERE m.bot_slug = c.${c.botSlug} AND m.sha256 = c.${c.sha256} LIMIT 1
  ) s ON true`
    : 'CROSS JOIN (SELECT NULL::jsonb AS media) s';
  return `WITH stale AS MATERIALIZED (
  SELECT c.ctid AS id, c.${c.job} AS job, s.media FROM ${table} c ${stored}
  WHERE c.${c.fileId} = $1 AND c.${c.status} <> 'warming' FOR UPDATE OF c
)
UPDATE ${table} c SET ${set} FROM stale s WHERE c.ctid = s.id
RETURNING ${keyColumns(n)}, $2::int AS priority, s.job, s.media`;
}

/**
 * Records file_ids that have another kind than their job: $1-$3 key with the kind they have, $4-$7 file_id, file_unique_id,
 * chat, message. A row somebody works on is left to its holder.
 */
function recordSql(n) {
  const { table, c } = n;
  const values = [
    [c.fileId, 'i.file_id'],
    [c.fileUniqueId, 'i.file_unique_id'],
    [c.chatId, 'i.chat'],
    [c.messageId, 'i.message'],
    [c.warmedAt, 'now()'],
  ].filter(([column]) => column !== null);
  const set = assign([[c.status, "'ready'"], ...values.map(([column]) => [column, `excluded.${column}`]), ...anew(n)]);
  return `INSERT INTO ${table} AS c (${c.botSlug}, ${c.sha256}, ${c.kind}, ${c.status}, ${values.map(([column]) => column).join(', ')})
SELECT bot_slug, sha256, kind, 'ready', ${values.map(([, value]) => value).join(', ')}
FROM (
  SELECT DISTINCT ON (bot_slug, sha256, kind) * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
    AS g(bot_slug, sha256, kind, file_id, file_unique_id, chat, message) ORDER BY bot_slug, sha256, kind
) i
ON CONFLICT (${c.botSlug}, ${c.sha256}, ${c.kind}) DO UPDATE SET ${set} WHERE ${isFree(n)}`;
}

module.exports = { invalidateSql, recordSql };
