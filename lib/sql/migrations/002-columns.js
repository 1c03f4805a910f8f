'use strict';

// Constant defaults (and now(), which is one for the statement) do not rewrite the table; the lock is short.

const ADDED = {
  retryCount: 'int NOT NULL DEFAULT 0',
  nextRetryAt: 'timestamptz',
  lastRetryAt: 'timestamptz',
  priority: 'int NOT NULL DEFAULT 0',
  runAt: 'timestamptz NOT NULL DEFAULT now()',
  attempts: 'int NOT NULL DEFAULT 0',
  lostLeases: 'int NOT NULL DEFAULT 0',
  fence: 'bigint NOT NULL DEFAULT 0',
  leaseUntil: 'timestamptz',
  leaseOwner: 'text',
  job: 'jsonb',
};

// They come from the app's own migrations, or may: dropping them is not ours to do.
const SHARED = ['retryCount', 'nextRetryAt', 'lastRetryAt'];

const MEANING = {
  priority: 'Higher first',
  runAt: 'Not to be claimed before; grows with every retry',
  attempts: 'Charged attempts, counted when the row is claimed',
  lostLeases: 'Claims that ended without a word: a crash, a kill, a lost connection',
  fence: 'Grows with every claim; only its holder may settle the row',
  leaseUntil: 'A warming row with a lease in the future is being worked on',
  leaseOwner: 'Who holds, or last held, the lease',
  job: 'What the job says beyond the key columns',
};

module.exports = {
  id: 2,
  name: 'columns',
  up({ names: { table, c } }) {
    const present = Object.entries(ADDED).filter(([name]) => c[name] !== null);
    const adds = present.map(([name, type]) => `ADD COLUMN IF NOT EXISTS ${c[name]} ${type}`);
    return [
      `ALTER TABLE ${table}\n  ${adds.join(',\n  ')}`,
      ...Object.entries(MEANING).map(([name, text]) => `COMMENT ON COLUMN ${table}.${c[name]} IS '${text}'`),
    ];
  },
  down({ names: { table, c } }) {
    const drops = Object.keys(ADDED)
      .filter((name) => !SHARED.includes(name))
      .map((name) => `DROP COLUMN IF EXISTS ${c[name]}`);
    return [`ALTER TABLE ${table}\n  ${drops.join(',\n  ')}`];
  },
};
