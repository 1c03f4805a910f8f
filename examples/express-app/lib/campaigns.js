'use strict';

const { CampaignWorker, migrateCampaigns } = require('warmpath');

/** What of a lead and of the run's prompt becomes a request to the LLM. */
function contextOf({ prompt, name, phone }) {
  if (phone === null) return { skip: 'the lead has no phone number' };
  return {
    messages: [
      { role: 'system', content: prompt },
      { role: 'user', content: `The recipient's name: ${name ?? 'unknown'}` },
    ],
    recipient: { phone },
  };
}

/** The contexts of many messages, in one query. */
function contextsFrom(pool) {
  return async (messages) => {
    const { rows } = await pool.query(
      `SELECT m.id, r.prompt, l.name, l.phone FROM campaign_messages m
       JOIN campaign_runs r ON r.id = m.run_id JOIN leads l ON l.id = m.lead_id WHERE m.id = ANY ($1::uuid[])`,
      [messages.map(({ messageId }) => messageId)],
    );
    const contexts = new Map(rows.map((row) => [row.id, contextOf(row)]));
    for (const { messageId } of messages) {
      if (!contexts.has(messageId)) contexts.set(messageId, { skip: 'the lead is gone' });
    }
    return contexts;
  };
}

/**
 * The worker of campaigns, with its tables made.
 *
 * @param {{ pool: import('pg').Pool, settings: object, logger: object }} parts settings: `campaigns` of readConfig()
 */
async function startCampaigns({ pool, settings, logger }) {
  await migrateCampaigns(pool);
  await pool.query("ALTER TABLE campaign_runs ADD COLUMN IF NOT EXISTS prompt text NOT NULL DEFAULT ''");
  const { apiKey, baseUrl, models, webhookUrl, webhookSecret, window } = settings;
  const worker = new CampaignWorker({
    pool,
    llm: { apiKey, baseUrl, models },
    webhook: { url: webhookUrl, secret: webhookSecret },
    window,
    contexts: contextsFrom(pool),
    skipAfterMs: 24 * 3_600_000,
    logger,
  });
  await worker.start();
  return worker;
}

module.exports = { startCampaigns };
