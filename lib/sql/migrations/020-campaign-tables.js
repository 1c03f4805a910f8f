'use strict';

// The app's own tables, for an app that has none yet. `IF NOT EXISTS`: what is there stays as it is, whatever its shape.

module.exports = {
  id: 20,
  name: 'campaign-tables',
  up({ names }) {
    // A table of the user's own is the user's to create.
    if (!names.isDefault) return [];
    return [
      `CREATE TABLE IF NOT EXISTS ${names.runs} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text,
  status text NOT NULL DEFAULT 'running',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
)`,
      `CREATE TABLE IF NOT EXISTS ${names.leads} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text,
  phone text,
  data jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
)`,
      `CREATE TABLE IF NOT EXISTS ${names.table} (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  run_id uuid NOT NULL REFERENCES ${names.runs} ON DELETE CASCADE,
  lead_id uuid,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'processing', 'sent', 'failed', 'skipped')),
  scheduled_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
)`,
    ];
  },
  // Tables hold the app's data: the way down never drops one.
  down: () => [],
};
