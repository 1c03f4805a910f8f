'use strict';

// The app's own tables, for an app that has none yet. `IF NOT EXISTS`: what is there stays as it is, whatever its shape.

module.exports = {
  id: 1,
  name: 'tables',
  up({ names, bots, tokenColumn }) {
    // A table of the user's own is the user's to create.
    if (!names.isDefault) return [];
    return [
      `CREATE TABLE IF NOT EXISTS ${bots} (
  slug text PRIMARY KEY,
  ${tokenColumn} text,
  warmup_chat_id bigint,
  deleted_at timestamptz
)`,
      `CREATE TABLE IF NOT EXISTS ${names.media ?? 'media_store'} (
  bot_slug text NOT NULL,
  sha256 text NOT NULL,
  kind text,
  r2_key text NOT NULL,
  content_type text,
  file_name text,
  bytes bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bot_slug, sha256)
)`,
      `CREATE TABLE IF NOT EXISTS ${names.table} (
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
)`,
    ];
  },
  // Tables hold the app's data: the way down never drops one.
  down: () => [],
};
