'use strict';

// A worker in a process of its own, to be killed: its options come as JSON in WARMPATH_TEST_CAMPAIGN.

const { Pool } = require('pg');
const { CampaignWorker } = require('../..');

const { url, ...options } = JSON.parse(process.env.WARMPATH_TEST_CAMPAIGN);

const pool = new Pool({ connectionString: url });
pool.on('error', () => {});
const worker = new CampaignWorker({
  pool,
  ...options,
  contexts: (batch) =>
    new Map(
      batch.map(({ messageId }) => [
        messageId,
        { messages: [{ role: 'user', content: `Write to ${messageId}.` }], recipient: { leadId: messageId } },
      ]),
    ),
});
worker.on('error', (err) => process.stderr.write(`${err.code} ${err.message}\n`));
worker.start();
process.on('message', async () => {
  await worker.stop({ timeoutMs: 5000 });
  await pool.end();
  process.disconnect();
});
