'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { bearerAuth } = require('..');
const { CampaignWorker } = require('../lib/worker/campaign.js');
const { IngestWorker } = require('../lib/worker/ingest.js');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');
const { campaignWorld } = require('./support/campaign-store.js');
const { folder, startOrigin } = require('./support/ingest-media.js');
const { startPostgres } = require('./support/postgres.js');
const { Pool } = require('pg');
const { OpenRouterSandbox, WebhookSandbox } = require('../lib/testing');
const { until } = require('./support/prewarm.js');

// One router serves every pipeline: what an operator does to PrewarmWorker (admin-router.test.js) holds for the others.

async function operate(t, worker, { enqueue, count, kind, secrets }) {
  const { get, post, call } = await serve(t, worker.router({ auth: bearerAuth(ADMIN_TOKEN) }));
  const shown = [];
  const state = async () => {
    const { status, body, text } = await get('/state');
    assert.equal(status, 200, text);
    shown.push(text);
    return body.state;
  };
  assert.deepEqual([(await state()).worker.name, (await state()).worker.mode], [kind, 'idle']);
  await worker.start();
  assert.deepEqual((await post('/pause', {})).body, { ok: true, mode: 'paused' });
  await enqueue();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(worker.stats().succeeded, 0);
  assert.equal((await get('/health')).status, 503);
  const put = await call('PUT', '/concurrency', { body: { concurrency: 3 } });
  assert.deepEqual([put.status, put.body.concurrency, worker.slots], [200, 3, 3]);
  // A campaign's executor has slots for the text that is written and for the one that is delivered.
  const slots = worker.executor.stats().concurrency;
  shown.push((await get('/jobs')).text, (await get('/metrics')).text);
  assert.deepEqual((await post('/resume', {})).body, { ok: true, mode: 'running' });
  await until(() => worker.stats().succeeded === count, 'all of them');
  const after = await state();
  assert.deepEqual([after.totals.succeeded, after.slots.total, after.worker.mode], [count, slots, 'running']);
  assert.ok(after.results.length > 0 && after.phases.total.p50 > 0);
  const scrape = (await get('/metrics/prometheus')).text;
  assert.match(
    scrape,
    new RegExp(`warmpath_jobs_settled_total\\{worker="${kind}",kind="\\w+",outcome="succeeded"\\} \\d`),
  );
  assert.match(scrape, new RegExp(`warmpath_slots\\{worker="${kind}"\\} ${slots}\n`));
  assert.equal((await get('/jobs/explain?key=none')).status, 404);
  assert.equal((await post('/drain', {})).body.mode, 'draining');
  await worker.drain();
  await worker.stop();
  await worker.start();
  assert.deepEqual(
    [worker.mode, worker.executor.stats().concurrency],
    ['draining', slots],
    'a restart forgot what an operator had set',
  );
  shown.push(scrape, (await get('/jobs?state=failed')).text);
  for (const secret of secrets) assert.ok(!shown.join('\n').includes(secret), 'a secret is shown');
}

test('the router over an IngestWorker', async (t) => {
  const { dir } = folder(t);
  const origin = await startOrigin();
  t.after(() => origin.close());
  const worker = new IngestWorker({ dir, http: origin.http, fsync: false, pollMs: 20 });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const media = Array.from({ length: 8 }, () => {
    const { job, ...one } = origin.medium({ meta: { text: 'canary-of-the-app' } });
    return { ...one, job: { ...job, source: { url: `${job.source.url}#canary-of-the-address` } } };
  });
  const enqueue = () => worker.enqueueMany(media.map(({ job }) => job));
  await operate(t, worker, {
    enqueue,
    count: 8,
    kind: 'ingest',
    secrets: ['canary-of-the-app', 'canary-of-the-address'],
  });
});

test('the router over a CampaignWorker', async (t) => {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url, max: 4 });
  pool.on('error', () => {});
  t.after(async () => {
    await pool.end();
    await server.stop();
  });
  const world = await campaignWorld({ pool, url: server.url }, t);
  const [llm, hook] = await Promise.all([OpenRouterSandbox.start(), WebhookSandbox.start()]);
  t.after(() => Promise.all([llm.close(), hook.close()]));
  const messages = [{ role: 'user', content: 'canary-of-the-prompt' }];
  const worker = new CampaignWorker({
    pool,
    llm: { apiKey: 'sk-canary-of-the-llm', baseUrl: llm.baseUrl, models: ['a/b'] },
    webhook: { url: hook.url },
    contexts: (batch) =>
      new Map(batch.map(({ messageId }) => [messageId, { messages, recipient: { leadId: messageId } }])),
    pollMs: 20,
  });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const enqueue = async () => {
    const runId = await world.addRun();
    await world.addMessages(runId, 8);
  };
  const secrets = ['canary-of-the-prompt', 'sk-canary-of-the-llm', hook.url];
  await operate(t, worker, { enqueue, count: 8, kind: 'campaign', secrets });
});
