'use strict';

// The schema of an app from before: its tables, and its migration 013 with the one change that lets it run at all
// (CREATE INDEX CONCURRENTLY cannot be inside BEGIN).

const TABLES = [
  'CREATE TABLE bots (slug text PRIMARY KEY, token text, warmup_chat_id bigint, deleted_at timestamptz)',
  `CREATE TABLE media_store (bot_slug text NOT NULL, sha256 varchar(64) NOT NULL, kind text, r2_key text NOT NULL,
     created_at timestamptz DEFAULT now(), PRIMARY KEY (bot_slug, sha256))`,
  `CREATE TABLE media_cache (bot_slug text NOT NULL, sha256 varchar(64) NOT NULL, kind text NOT NULL, status text NOT NULL,
     file_id text, file_unique_id text, warmup_chat_id bigint, warmup_message_id bigint, warmup_at timestamptz, last_error text,
     created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (bot_slug, sha256, kind))`,
];

const MIGRATION_013 = [
  `CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_media_cache_lookup
     ON media_cache(bot_slug, sha256, kind, status) WHERE status = 'ready'`,
  `CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_media_cache_warming ON media_cache(status, created_at) WHERE status = 'warming'`,
  `ALTER TABLE media_cache
     ADD COLUMN IF NOT EXISTS retry_count int DEFAULT 0,
     ADD COLUMN IF NOT EXISTS next_retry_at timestamptz,
     ADD COLUMN IF NOT EXISTS last_retry_at timestamptz`,
  `CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_media_cache_retry
     ON media_cache(status, next_retry_at, retry_count) WHERE status = 'warming' AND retry_count < 5`,
  `CREATE OR REPLACE FUNCTION get_next_prewarm_batch(batch_size int DEFAULT 5)
   RETURNS TABLE (bot_slug text, sha256 text, kind text, r2_key text, retry_count int) AS $$
   BEGIN
     RETURN QUERY
     SELECT mc.bot_slug, mc.sha256, mc.kind, ms.r2_key, mc.retry_count
     FROM media_cache mc
     INNER JOIN media_store ms ON (ms.bot_slug = mc.bot_slug AND ms.sha256 = mc.sha256)
     WHERE mc.status = 'warming' AND (mc.next_retry_at IS NULL OR mc.next_retry_at <= now()) AND mc.retry_count < 5
     ORDER BY mc.created_at ASC LIMIT batch_size FOR UPDATE OF mc SKIP LOCKED;
   END;
   $$ LANGUAGE plpgsql`,
  `CREATE OR REPLACE FUNCTION mark_prewarm_retry(p_bot_slug text, p_sha256 text, p_kind text, p_error_message text)
   RETURNS void AS $$
   DECLARE v_retry_count int; v_next_retry_at timestamptz;
   BEGIN
     SELECT retry_count INTO v_retry_count FROM media_cache
     WHERE bot_slug = p_bot_slug AND sha256 = p_sha256 AND kind = p_kind;
     v_next_retry_at := now() + (power(2, v_retry_count) * interval '1 minute');
     UPDATE media_cache SET retry_count = retry_count + 1, last_retry_at = now(),
       next_retry_at = CASE WHEN retry_count + 1 >= 5 THEN NULL ELSE v_next_retry_at END,
       status = CASE WHEN retry_count + 1 >= 5 THEN 'error' ELSE 'warming' END,
       last_error = p_error_message, updated_at = now()
     WHERE bot_slug = p_bot_slug AND sha256 = p_sha256 AND kind = p_kind;
   END;
   $$ LANGUAGE plpgsql`,
  `CREATE OR REPLACE VIEW media_warming_stats AS
   SELECT mc.status, mc.kind, count(*) as count,
     avg(extract(epoch from (now() - mc.created_at))) as avg_age_seconds,
     max(mc.retry_count) as max_retries, count(*) FILTER (WHERE mc.retry_count > 0) as with_retries
   FROM media_cache mc WHERE mc.status IN ('warming', 'error')
   GROUP BY mc.status, mc.kind ORDER BY mc.status, mc.kind`,
];

module.exports = { TABLES, MIGRATION_013 };
