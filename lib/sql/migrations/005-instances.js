'use strict';

// Who works on this database, and which bots each of them paces. Both tables stay small: some rows per process and bot.

module.exports = {
  id: 5,
  name: 'instances',
  up: ({ names: { instances, lanes } }) => [
    `CREATE TABLE IF NOT EXISTS ${instances} (
  id uuid PRIMARY KEY,
  queue text NOT NULL,
  host text NOT NULL,
  pid int NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  until timestamptz NOT NULL
)`,
    `CREATE TABLE IF NOT EXISTS ${lanes} (
  queue text NOT NULL,
  lane text NOT NULL,
  owner uuid,
  until timestamptz NOT NULL,
  paced jsonb,
  PRIMARY KEY (queue, lane)
) WITH (fillfactor = 50)`,
  ],
  // Another table of the same schema may use them: they go with the last one.
  down: ({ names: { instances, lanes, journal, queue } }) => [
    `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM ${journal} WHERE id = 5 AND queue <> '${queue.replaceAll("'", "''")}') THEN
    DROP TABLE IF EXISTS ${lanes};
    DROP TABLE IF EXISTS ${instances};
  END IF;
END $$`,
  ],
};
