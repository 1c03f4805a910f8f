'use strict';

// Constant defaults (and now(), which is one for the statement) do not rewrite the table; the lock is short.

const BATCH = 10_000;

const ADDED = {
  scheduledAt: 'timestamptz NOT NULL DEFAULT now()',
  nextRetryAt: 'timestamptz',
  retryCount: 'int NOT NULL DEFAULT 0',
  lastError: 'text',
  aiTokensUsed: 'int',
  aiGenerationTimeMs: 'int',
  splitTimeMs: 'int',
  cost: 'numeric',
  aiModel: 'text',
  sentAt: 'timestamptz',
  updatedAt: 'timestamptz NOT NULL DEFAULT now()',
  payload: 'jsonb',
  fence: 'bigint NOT NULL DEFAULT 0',
  leaseUntil: 'timestamptz',
  leaseOwner: 'text',
  lostLeases: 'int NOT NULL DEFAULT 0',
};

// The others come from the app's own migrations, or may: dropping them is not ours to do.
const OURS = ['payload', 'fence', 'leaseUntil', 'leaseOwner', 'lostLeases'];

const MEANING = {
  nextRetryAt: 'Not to be claimed before; else scheduled_at counts',
  retryCount: 'Retries that were charged: 0 to 3',
  aiTokensUsed: 'Of all generations and splits of this message',
  aiGenerationTimeMs: 'Of the generation that was accepted',
  splitTimeMs: 'Of the split that was accepted',
  cost: 'Of all generations and splits, in the unit of the service (US dollars at OpenRouter)',
  payload: 'What the message says beyond the other columns: prompt, recipient',
  fence: 'Grows with every claim; only its holder may settle the message',
  leaseUntil: 'A message that is processing with a lease in the future is being worked on',
  leaseOwner: 'Who holds, or last held, the lease',
  lostLeases: 'Claims that ended without a word: a crash, a kill, a lost connection',
};

module.exports = {
  id: 21,
  name: 'campaign-columns',
  up({ names: { table, c } }) {
    const adds = Object.entries(ADDED).map(([name, type]) => `ADD COLUMN IF NOT EXISTS ${c[name]} ${type}`);
    return [
      `ALTER TABLE ${table}\n  ${adds.join(',\n  ')}`,
      // A column of the app's own may allow what ours does not.
      `ALTER TABLE ${table} ALTER COLUMN ${c.retryCount} SET DEFAULT 0`,
      {
        repeat: true,
        sql: `UPDATE ${table} SET ${c.retryCount} = 0
WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE ${c.retryCount} IS NULL LIMIT ${BATCH}))`,
      },
      ...Object.entries(MEANING).map(([name, text]) => `COMMENT ON COLUMN ${table}.${c[name]} IS '${text}'`),
    ];
  },
  down({ names: { table, c } }) {
    return [`ALTER TABLE ${table}\n  ${OURS.map((name) => `DROP COLUMN IF EXISTS ${c[name]}`).join(',\n  ')}`];
  },
};
