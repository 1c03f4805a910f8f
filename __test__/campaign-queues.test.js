'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { CampaignExecutor } = require('..');
const { processor } = require('../lib/adapters/bullmq');
const { task } = require('../lib/adapters/pg-boss');
const { OpenRouterSandbox, WebhookSandbox } = require('../lib/testing');
const { startPostgres } = require('./support/postgres');
const { until } = require('./support/prewarm');
const { startRedis, redisMissing } = require('./support/redis');
const { BULLMQ, openOn } = require('./support/redis-queues');

// Campaigns by a queue that the app runs already, as docs/campaign-worker.md shows it.

let llm;
let hook;
test.before(async () => {
  [llm, hook] = await Promise.all([OpenRouterSandbox.start(), WebhookSandbox.start()]);
});
test.afterEach(() => {
  llm.reset();
  hook.reset();
});
test.after(() => Promise.all([llm.close(), hook.close()]));

/** What the app has: where parts are kept, and a campaign message as one job of its queue. */
function campaign(t) {
  const executor = new CampaignExecutor({
    llm: { apiKey: 'k', baseUrl: llm.baseUrl, models: ['a/b'], circuit: false },
    webhook: { url: hook.url },
    split: { maxChars: 120, aboveChars: 0 },
    retry: { quick: 0, baseMs: 1, maxMs: 1 },
  });
  t.after(() => executor.close({ timeoutMs: 0 }));
  const stored = new Map();
  return {
    stored,
    extend: (keys, leaseMs) => executor.extend(keys, leaseMs),
    async run({ key, campaignId, messageId, leaseMs }, options) {
      const ids = { key, campaignId, messageId, leaseMs };
      if (!stored.has(messageId)) {
        const messages = [{ role: 'user', content: `Write to ${messageId}.` }];
        const { parts } = await executor.run({ step: 'generate', ...ids, messages }, options);
        stored.set(messageId, parts);
      }
      return executor.run({ step: 'deliver', ...ids, parts: stored.get(messageId) }, options);
    },
  };
}

const dataOf = (n) => ({ key: `c:m${n}`, campaignId: 'c', messageId: `m${n}` });

/** Each message arrived as it was stored, from one generation, although the first deliveries failed. */
function judge({ stored }, count) {
  assert.equal(stored.size, count);
  assert.equal(llm.completions.length, count);
  assert.deepEqual(hook.violations, []);
  for (const [id, parts] of stored) {
    const sent = hook.deliveries.filter(({ body }) => body.messageId === id);
    assert.deepEqual(
      sent.map(({ text }) => text),
      parts,
    );
    assert.ok(sent.every(({ acceptedAt }) => acceptedAt !== null));
  }
}

test('pg-boss', async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  const PgBoss = require('pg-boss');
  const boss = new PgBoss({ connectionString: server.url, supervise: false, schedule: false });
  boss.on('error', () => {});
  await boss.start();
  t.after(() => boss.stop({ graceful: false }));
  await boss.createQueue('campaign', { name: 'campaign', retryLimit: 3, retryDelay: 0 });
  const own = campaign(t);
  const fault = hook.faults.add({ name: 'error-after-accept', nth: [1, 3] });
  const ids = [];
  for (const n of [1, 2, 3]) ids.push(await boss.send('campaign', dataOf(n)));
  const worker = await boss.work('campaign', { pollingIntervalSeconds: 0.5, batchSize: 3 }, task(boss, own));
  await until(async () => {
    boss.notifyWorker(worker);
    const jobs = await Promise.all(ids.map((id) => boss.getJobById('campaign', id)));
    return jobs.every(({ state }) => state === 'completed');
  });
  assert.equal(fault.bites, 2);
  judge(own, 3);
});

const skip = redisMissing() ?? false;
const [[name, bullmq]] = BULLMQ;

test(name, { skip }, async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { queue, worker } = openOn(bullmq, redis);
  const jobs = queue(t, { defaultJobOptions: { attempts: 4, backoff: { type: 'fixed', delay: 10 } } });
  const own = campaign(t);
  const fault = hook.faults.add({ name: 'error-after-accept', nth: [1, 3] });
  worker(t, jobs, processor(own, { bullmq }), { concurrency: 3 });
  const added = await Promise.all([1, 2, 3].map((n) => jobs.add('campaign', dataOf(n))));
  await until(async () => (await Promise.all(added.map((job) => job.isCompleted()))).every(Boolean));
  assert.equal(fault.bites, 2);
  judge(own, 3);
});
