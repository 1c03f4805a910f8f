'use strict';

// The parts of a message, stored before the first of them is sent: a retry goes on with the next one, and never sends
// another text. The key has the type of the messages' own, whatever that is.

const text = (sql) => sql.replaceAll("'", "''");

module.exports = {
  id: 22,
  name: 'campaign-parts',
  up: ({ names: { table, parts, raw } }) => [
    `DO $$ DECLARE type text; BEGIN
  SELECT format_type(a.atttypid, a.atttypmod) INTO type FROM pg_attribute a
  WHERE a.attrelid = '${text(table)}'::regclass AND a.attname = '${text(raw.id)}';
  EXECUTE format('CREATE TABLE IF NOT EXISTS ${text(parts)} (
    message_id %s NOT NULL REFERENCES ${text(table)} ON DELETE CASCADE,
    part int NOT NULL,
    text text NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    attempts int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    PRIMARY KEY (message_id, part)
  )', type);
END $$`,
    `COMMENT ON TABLE ${parts} IS 'Parts of messages as they are, or were, delivered; each under its idempotency key'`,
  ],
  // What was sent to whom is the app's data.
  down: () => [],
};
