'use strict';

const { campaignOptionsOf } = require('../../lib/options/campaign-worker.js');
const { CampaignStore } = require('../../lib/store/campaign.js');
const { migrateCampaigns } = require('../../lib/sql/campaign.js');

const transient = { code: 'ERR_WARMPATH_LLM_UNAVAILABLE', class: 'transient', message: 'why' };
const generated = (text = 'one two', parts = ['one', 'two']) => ({
  step: 'generate',
  text,
  parts,
  model: 'a/b',
  usage: { totalTokens: 10, cost: 0.25 },
  generationMs: 1200.4,
  splitMs: 3.2,
});

/** A migrated, empty database for tests of campaigns, and what they do all the time. */
async function campaignWorld(world, t, options = {}) {
  await migrateCampaigns(world.pool);
  const { pool } = world;
  const open = (more = {}) => {
    const store = new CampaignStore(campaignOptionsOf({ pool, ...options, ...more }));
    t.after(() => store.close());
    return store;
  };
  return {
    ...world,
    open,
    clear: () => pool.query('DELETE FROM campaign_runs'),
    addRun: async (status = 'running') =>
      (await pool.query('INSERT INTO campaign_runs (status) VALUES ($1) RETURNING id', [status])).rows[0].id,
    addMessages: async (runId, count, age = '0') =>
      (
        await pool.query(
          `INSERT INTO campaign_messages (run_id, scheduled_at)
           SELECT $1, now() - $3::interval + n * interval '1 microsecond' FROM generate_series(1, $2) n RETURNING id`,
          [runId, count, age],
        )
      ).rows.map(({ id }) => id),
    claim: (store, limit = 100, leaseMs = 60_000) => store.claim({ limit, leaseMs, owner: 'test' }),
    settle: (store, claims, outcome = { status: 'succeeded', value: {} }) =>
      store.settle(claims.map(({ key, fence }) => ({ key, fence, charged: true, ...outcome }))),
    /** Puts the server's view of the rows into the past, as waiting would. */
    pass: (ms) =>
      pool.query(
        `UPDATE campaign_messages SET next_retry_at = next_retry_at - $1::float8 * interval '1 ms',
           lease_until = lease_until - $1::float8 * interval '1 ms'`,
        [ms],
      ),
    row: async (id) => (await pool.query('SELECT * FROM campaign_messages WHERE id = $1', [id])).rows[0],
    parts: async (id) =>
      (await pool.query('SELECT * FROM campaign_message_parts WHERE message_id = $1 ORDER BY part', [id])).rows,
  };
}

module.exports = { campaignWorld, transient, generated };
