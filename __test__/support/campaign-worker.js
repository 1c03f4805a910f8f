'use strict';

const { CampaignWorker } = require('../../lib/worker/campaign.js');
const { OpenRouterSandbox, WebhookSandbox } = require('../../lib/testing');
const { campaignWorld } = require('./campaign-store.js');

/** Database, LLM and webhook for tests of CampaignWorker. */
async function workerWorld(given, t, options = {}) {
  const world = await campaignWorld(given, t);
  const [llm, hook] = await Promise.all([OpenRouterSandbox.start(options.llm), WebhookSandbox.start(options.hook)]);
  t.after(() => Promise.all([llm.close(), hook.close()]));
  const contexts = (batch) =>
    new Map(
      batch.map(({ messageId }) => [
        messageId,
        { messages: [{ role: 'user', content: `Write to ${messageId}.` }], recipient: { leadId: messageId } },
      ]),
    );
  return {
    ...world,
    llm,
    hook,
    clear: async () => {
      await world.clear();
      llm.reset();
      hook.reset();
    },
    /** A worker that is stopped at the end of the test `tt`. */
    async start(tt, options = {}) {
      const worker = new CampaignWorker({
        pool: world.pool,
        llm: { apiKey: 'sk', baseUrl: llm.baseUrl, models: ['a/b'], circuit: false },
        webhook: { url: hook.url },
        contexts,
        pollMs: 50,
        retry: { quick: 1, baseMs: 1, maxMs: 2, delaysMs: [20, 40, 60] },
        split: { maxChars: 120, aboveChars: 0 },
        // Long: a machine that is busy with other files is no slow service. A test of slowness has its own.
        timeouts: { generateMs: 20_000, deliverMs: 20_000 },
        ...options,
      });
      worker.problems = [];
      worker.on('error', (err) => worker.problems.push(err));
      tt.after(() => worker.stop({ timeoutMs: 0 }));
      await worker.start();
      return worker;
    },
    /** Resolves when no message of the run is open any more. */
    async done(runId) {
      for (;;) {
        const { rows } = await world.pool.query(
          "SELECT count(*)::int AS n FROM campaign_messages WHERE run_id = $1 AND status IN ('pending', 'processing')",
          [runId],
        );
        if (rows[0].n === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    states: async (runId) => {
      const { rows } = await world.pool.query(
        'SELECT status, count(*)::int AS n FROM campaign_messages WHERE run_id = $1 GROUP BY 1 ORDER BY 1',
        [runId],
      );
      return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
    },
  };
}

module.exports = { workerWorld };
