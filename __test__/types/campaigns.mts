// The types of campaigns, as an app would use them.

import OpenAI from 'openai';
import { Pool } from 'pg';
import { type CampaignContext, type CampaignResult, CampaignWorker, createFetch, migrateCampaigns } from 'warmpath';
import { createFetch as same } from 'warmpath/fetch';

const pool = new Pool();
await migrateCampaigns(pool, { dryRun: true, columns: { runId: 'campaign_run_id' } });
const worker = new CampaignWorker({
  pool,
  llm: { apiKey: 'k', models: ['a/b'] },
  webhook: { url: 'https://x.example/hook', secret: 'whsec_x' },
  window: 10,
  contexts: async (messages) => {
    const map = new Map<string, CampaignContext>();
    for (const { messageId, leadId, row } of messages) {
      map.set(messageId, { messages: [{ role: 'user', content: `${leadId} ${row.name}` }] });
    }
    return map;
  },
  context: ({ payload }) => payload,
  skipAfterMs: 86_400_000,
  retry: { delaysMs: [300_000] },
});
worker.on('window', ({ processed, paused, cost }) => console.log(processed + paused, cost.toFixed(4)));
worker.on('settled', (results: CampaignResult[]) => {
  for (const one of results) if (one.state === 'retry') console.log(one.runAtMs, one.error.code);
});
await worker.enqueueMany([{ runId: 1n, leadId: 5, payload: { skip: 'no' } }]);
export const status: string | null = await worker.pauseRun('r');
export const sent: number | undefined = (await worker.run(1))?.messages.sent;
export const counts: number = worker.stats().messages.paused;
// @ts-expect-error the worker decides that
new CampaignWorker({ pool, llm: { apiKey: 'k', models: ['a/b'] }, webhook: { url: 'x' }, confirmParts: false });

export const client = new OpenAI({ apiKey: 'k', fetch: createFetch({ retry: { methods: ['POST'] } }) });
export const retries: number = same({ retry: false, limits: { key: (url) => url } }).stats().retries;
// @ts-expect-error no such option
createFetch({ timeout: 5 });
