-- The three tables this app works on. Every statement can be run again on a database that has them already.

CREATE TABLE IF NOT EXISTS bots (
  slug text PRIMARY KEY,
  token text,
  warmup_chat_id bigint,
  deleted_at timestamptz
);

-- What is in the bucket.
CREATE TABLE IF NOT EXISTS media_store (
  bot_slug text NOT NULL,
  sha256 text NOT NULL,
  kind text,
  r2_key text NOT NULL,
  content_type text,
  file_name text,
  bytes bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_slug, sha256)
);

-- What Telegram knows already. A row is `warming` from the request until its file_id is known, and that row is the durable copy of the
-- job: the worker takes such rows up again when it starts.
CREATE TABLE IF NOT EXISTS media_cache (
  bot_slug text NOT NULL,
  sha256 text NOT NULL,
  kind text NOT NULL,
  status text NOT NULL CHECK (status IN ('warming', 'ready', 'error')),
  file_id text,
  file_unique_id text,
  warmup_chat_id bigint,
  warmup_message_id bigint,
  warmup_at timestamptz,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_slug, sha256, kind)
);

-- Not IF NOT EXISTS, which locks the table before it looks: another process may be building an index there (CREATE INDEX CONCURRENTLY
-- of a migration), and that waits for this transaction.
DO $$
BEGIN
  IF to_regclass('ix_media_cache_status') IS NULL THEN
    CREATE INDEX ix_media_cache_status ON media_cache (status, created_at);
  END IF;
END
$$;
