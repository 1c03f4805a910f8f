'use strict';

// The functions and the view that apps have, under their names and signatures, on top of the lease columns. They are for
// people's own SQL; the worker does not call them. Unfenced: whoever marks a row is believed while its lease lasts.

const BATCH = (table, media) => `CREATE OR REPLACE FUNCTION get_next_prewarm_batch(batch_size int DEFAULT 5)
RETURNS TABLE (bot_slug text, sha256 text, kind text, r2_key text, retry_count int) AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE bot (slug) AS (
    (SELECT c.bot_slug::text FROM ${table} c WHERE c.status = 'warming' ORDER BY c.bot_slug LIMIT 1)
    UNION ALL
    SELECT (SELECT c.bot_slug::text FROM ${table} c
            WHERE c.status = 'warming' AND c.bot_slug > b.slug ORDER BY c.bot_slug LIMIT 1)
    FROM bot b WHERE b.slug IS NOT NULL
  ),
  pick AS MATERIALIZED (
    SELECT r.id FROM bot b CROSS JOIN LATERAL (
      SELECT c.ctid AS id, c.priority, c.run_at FROM ${table} c
      WHERE c.status = 'warming' AND c.bot_slug = b.slug AND c.run_at <= now()
        AND (c.lease_until IS NULL OR c.lease_until <= now()) AND c.attempts <= 5
      ORDER BY c.priority DESC, c.run_at LIMIT least(greatest(coalesce(batch_size, 5), 0), 1000)
      FOR UPDATE SKIP LOCKED
    ) r
    ORDER BY r.priority DESC, r.run_at LIMIT least(greatest(coalesce(batch_size, 5), 0), 1000)
  ),
  leased AS (
    UPDATE ${table} c SET lease_until = now() + interval '5 minutes', lease_owner = 'get_next_prewarm_batch',
      fence = c.fence + 1, attempts = c.attempts + 1,
      lost_leases = c.lost_leases + (c.lease_until IS NOT NULL)::int, updated_at = now()
    WHERE c.ctid = ANY(ARRAY(SELECT id FROM pick))
    RETURNING c.*
  )
  SELECT l.bot_slug::text, l.sha256::text, l.kind::text, coalesce(l.job ->> 'r2Key', s.r2_key), l.retry_count::int
  FROM leased l LEFT JOIN LATERAL (
    SELECT m.r2_key::text AS r2_key FROM ${media} m WHERE m.bot_slug = l.bot_slug AND m.sha256 = l.sha256 LIMIT 1
  ) s ON true
  ORDER BY l.priority DESC, l.run_at;
END;
$$ LANGUAGE plpgsql`;

const MARK = (table) => `CREATE OR REPLACE FUNCTION mark_prewarm_retry(
  p_bot_slug text, p_sha256 text, p_kind text, p_error_message text
) RETURNS void AS $$
  UPDATE ${table} c SET
    status = CASE WHEN c.attempts > 5 THEN 'error' ELSE 'warming' END,
    retry_count = c.retry_count + 1,
    last_retry_at = now(),
    run_at = CASE WHEN c.attempts > 5 THEN c.run_at
      ELSE now() + power(2, greatest(c.attempts, 1) - 1) * (1 + random() * 0.1) * interval '1 minute' END,
    next_retry_at = CASE WHEN c.attempts > 5 THEN NULL
      ELSE now() + power(2, greatest(c.attempts, 1) - 1) * interval '1 minute' END,
    last_error = p_error_message,
    lease_until = NULL,
    lease_owner = NULL,
    updated_at = now()
  WHERE c.bot_slug = p_bot_slug AND c.sha256 = p_sha256 AND c.kind = p_kind
    AND c.status = 'warming' AND c.lease_owner = 'get_next_prewarm_batch' AND c.lease_until > now()
$$ LANGUAGE sql`;

const STATS = (table) => `CREATE OR REPLACE VIEW media_warming_stats AS
SELECT
  mc.status,
  mc.kind,
  count(*) as count,
  avg(extract(epoch from (now() - mc.created_at))) as avg_age_seconds,
  max(mc.retry_count) as max_retries,
  count(*) FILTER (WHERE mc.retry_count > 0) as with_retries
FROM ${table} mc
WHERE mc.status IN ('warming', 'error')
GROUP BY mc.status, mc.kind
ORDER BY mc.status, mc.kind`;

module.exports = {
  id: 6,
  name: 'seed-names',
  up({ names }) {
    if (!names.isDefault || names.media === null) return [];
    return [
      BATCH(names.table, names.media),
      MARK(names.table),
      STATS(names.table),
      `COMMENT ON FUNCTION get_next_prewarm_batch(int) IS 'Leases the next media to warm for 5 minutes; NULL means 5, at most 1000'`,
      `COMMENT ON FUNCTION mark_prewarm_retry(text, text, text, text) IS 'Ends a lease given by get_next_prewarm_batch: next try after 1, 2, 4, 8, 16 min, then error'`,
      `COMMENT ON VIEW media_warming_stats IS 'Media that are warming or failed, by status and kind'`,
    ];
  },
  down: ({ names }) =>
    names.isDefault
      ? [
          'DROP VIEW IF EXISTS media_warming_stats',
          'DROP FUNCTION IF EXISTS mark_prewarm_retry(text, text, text, text)',
          'DROP FUNCTION IF EXISTS get_next_prewarm_batch(int)',
        ]
      : [],
};
