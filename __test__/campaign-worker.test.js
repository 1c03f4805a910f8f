'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { randomOf } = require('../lib/testing/faults/mix.js');
const { onServers } = require('./support/pg-servers.js');
const { workerWorld } = require('./support/campaign-worker.js');

const soon = async (condition) => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
};

onServers(
  'CampaignWorker',
  async (given, t) => {
    const world = await workerWorld(given, t);
    const { llm, hook, addRun, addMessages, start, done, states, row, parts, pool } = world;
    t.beforeEach(() => world.clear());

    await t.test('sends every message once, and records what it was and what it cost', async (tt) => {
      const runId = await addRun();
      const ids = await addMessages(runId, 23);
      const windows = [];
      const lines = [];
      const log = (tag, fields) => lines.push([tag, fields]);
      const worker = await start(tt, { logger: { debug: log, info: log, warn: log, error: log } });
      worker.on('window', (progress) => windows.push(progress));
      await done(runId);
      await soon(() => worker.stats().succeeded === 23);
      assert.deepEqual(await states(runId), { sent: 23 });
      assert.deepEqual(hook.violations, []);
      assert.equal(llm.completions.length, 23);
      const one = await row(ids[0]);
      const made = llm.completions.find(({ messages }) => messages[0].content.includes(ids[0]));
      assert.equal(one.ai_tokens_used, made.promptTokens + made.completionTokens);
      assert.ok(Math.abs(Number(one.cost) - made.cost) < 1e-12);
      assert.ok(one.sent_at instanceof Date && one.last_error === null);
      const sent = hook.deliveries.filter(({ body }) => body.messageId === ids[0]).map(({ text }) => text);
      const stored = await parts(ids[0]);
      assert.deepEqual(
        stored.map(({ text }) => text),
        sent,
      );
      assert.ok(stored.every(({ delivered_at: at }) => at !== null));
      assert.deepEqual(hook.deliveries[0].body.recipient, { leadId: hook.deliveries[0].body.messageId });
      assert.equal(windows.length, 4);
      assert.ok(windows.every(({ messages, processed }) => messages === 5 && processed === 5));
      assert.equal(lines.filter(([tag]) => tag === '[CAMPAIGN][WINDOW]').length, 4);
      assert.ok(lines.some(([tag, { ai_tokens_used: n }]) => tag === '[CAMPAIGN][SENT]' && n > 0));
      assert.deepEqual(worker.stats().messages, { processed: 23, failed: 0, retried: 0, paused: 0 });
      assert.deepEqual(worker.problems, []);
    });

    await t.test('works in a sliding window: one that is slow holds up no other', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 20);
      const stuck = llm.faults.add({ kind: 'stallBeforeHead', nth: 1 });
      await start(tt, { timeouts: { generateMs: 60_000, deliverMs: 500 } });
      await stuck.bitten();
      await soon(async () => (await states(runId)).sent === 19);
      assert.deepEqual(await states(runId), { processing: 1, sent: 19 });
    });

    await t.test('asks for contexts in batches, and singly where one is missing', async (tt) => {
      const runId = await addRun();
      const ids = await addMessages(runId, 30);
      const batches = [];
      const singles = [];
      const context = ({ messageId }) => ({ messages: [{ role: 'user', content: messageId }] });
      await start(tt, {
        contexts: async (batch) => {
          batches.push(batch.length);
          return new Map(
            batch.filter(({ messageId }) => messageId !== ids[3]).map((one) => [one.messageId, context(one)]),
          );
        },
        context: async (message) => {
          singles.push(message.messageId);
          return context(message);
        },
      });
      await done(runId);
      assert.deepEqual(singles, [ids[3]]);
      assert.ok(
        batches.slice(0, -1).every((n) => n >= 5),
        String(batches),
      );
      assert.equal(
        batches.reduce((sum, n) => sum + n),
        30,
      );
    });

    await t.test('a batch of contexts that fails is no storm of single ones', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 15);
      let open = 0;
      let most = 0;
      const worker = await start(tt, {
        contexts: () => Promise.reject(new Error('postgres://user:secret@host')),
        context: async ({ messageId }) => {
          open += 1;
          most = Math.max(most, open);
          await new Promise((resolve) => setTimeout(resolve, 2));
          open -= 1;
          return { messages: [{ role: 'user', content: messageId }] };
        },
      });
      await done(runId);
      assert.equal(most, 5);
      assert.ok(worker.problems.length > 0);
      assert.ok(!JSON.stringify(worker.problems).includes('secret'));
    });

    await t.test('without contexts nothing is charged; without any context the message has failed', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 5);
      const worker = await start(tt, { contexts: () => Promise.reject(new Error('away')) });
      await soon(() => worker.stats().retries === 5);
      await worker.stop({ timeoutMs: 0 });
      const { rows } = await pool.query('SELECT DISTINCT status, retry_count FROM campaign_messages');
      assert.deepEqual(rows, [{ status: 'pending', retry_count: 0 }]);
      await world.clear();
      const second = await addRun();
      await addMessages(second, 1);
      await start(tt, { contexts: () => new Map() });
      await done(second);
      assert.deepEqual(await states(second), { failed: 1 });
    });

    await t.test('takes prompt and recipient from the row, and leaves out who is to be left out', async (tt) => {
      const runId = await addRun();
      const worker = await start(tt, { contexts: undefined });
      const payload = { messages: [{ role: 'user', content: 'x' }], recipient: { phone: '1' } };
      assert.deepEqual(
        await worker.enqueueMany([
          { runId, payload },
          { runId, payload: { skip: 'has left' } },
        ]),
        ['queued', 'queued'],
      );
      await done(runId);
      assert.deepEqual(await states(runId), { sent: 1, skipped: 1 });
      assert.deepEqual(hook.deliveries[0].body.recipient, { phone: '1' });
    });

    await t.test('a retry goes on with the next part of the same text', async (tt) => {
      const runId = await addRun();
      const [id] = await addMessages(runId, 1);
      llm.faults.add({ name: 'bad-gateway' });
      const fault = hook.faults.add({ name: 'error-after-accept', nth: 2 });
      await start(tt);
      await done(runId);
      const made = llm.completions.length;
      assert.equal(made, 1, 'generated once');
      if (hook.deliveries.length > 1) assert.equal(fault.bites, 1);
      assert.deepEqual(hook.violations, []);
      assert.ok(hook.deliveries.every(({ times }, i) => times.length === (i === 1 ? 2 : 1)));
      assert.equal((await row(id)).status, 'sent');
    });

    await t.test('one that fails for good fails alone', async (tt) => {
      const runId = await addRun();
      const ids = await addMessages(runId, 12);
      const bad = ids[4];
      const contexts = (batch) =>
        new Map(
          batch.map(({ messageId }) => [
            messageId,
            { messages: messageId === bad ? 'no list' : [{ role: 'user', content: 'x' }] },
          ]),
        );
      await start(tt, { contexts });
      await done(runId);
      assert.deepEqual(await states(runId), { failed: 1, sent: 11 });
    });

    await t.test('failures come back, and are failed after three retries', async (tt) => {
      const runId = await addRun();
      const [id] = await addMessages(runId, 1);
      llm.faults.add({ name: 'internal', times: Infinity });
      const worker = await start(tt);
      const retries = [];
      worker.on('retry', ({ attempt }) => retries.push(attempt));
      const [result] = await once(worker, 'failed');
      assert.equal(result.state, 'dead');
      assert.deepEqual(retries, [1, 2, 3]);
      assert.deepEqual([(await row(id)).status, (await row(id)).retry_count], ['failed', 3]);
    });

    await t.test('a key that is refused stops the claiming, and costs no message a try', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 30);
      llm.faults.add({ name: 'insufficient-credits', times: Infinity });
      const worker = await start(tt, { retry: { quick: 0, delaysMs: [60_000] } });
      await once(worker, 'error');
      await soon(() => worker.stats().running === 0 && worker.stats().retries > 0);
      assert.ok(worker.stats().holding);
      const { rows } = await pool.query(
        'SELECT max(retry_count) AS most, count(*) FILTER (WHERE fence > 0)::int AS tried FROM campaign_messages',
      );
      assert.equal(rows[0].most, 0);
      assert.ok(rows[0].tried <= 20, String(rows[0].tried));
    });

    await t.test('a run is paused between messages and between parts, and goes on where it was', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 40);
      const worker = await start(tt);
      await soon(() => hook.deliveries.length > 10);
      assert.equal(await worker.pauseRun(runId), 'paused');
      await soon(async () => !(await states(runId)).processing);
      const before = hook.deliveries.length;
      const { sent = 0 } = await states(runId);
      assert.ok(sent < 40);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(hook.deliveries.length, before, 'nothing is sent while it is paused');
      const made = llm.completions.length;
      const { rows } = await pool.query('SELECT count(DISTINCT message_id)::int AS n FROM campaign_message_parts');
      assert.equal(rows[0].n, made, 'what was generated is kept');
      assert.equal(await worker.resumeRun(runId), 'running');
      await done(runId);
      assert.deepEqual(await states(runId), { sent: 40 });
      assert.equal(llm.completions.length, 40, 'and not generated again');
      assert.deepEqual(hook.violations, []);
      assert.ok(hook.deliveries.every(({ times }) => times.length === 1));
      assert.deepEqual((await worker.run(runId)).messages, { sent: 40 });
    });

    await t.test('a run that is paused sends no further part of a message', async (tt) => {
      const runId = await addRun();
      const [id] = await addMessages(runId, 1);
      hook.faults.add({ kind: 'delay', ms: 20, times: Infinity });
      const worker = await start(tt, { split: { maxChars: 40, aboveChars: 0 } });
      await soon(() => hook.deliveries.some(({ acceptedAt }) => acceptedAt !== null));
      await worker.pauseRun(runId);
      await soon(async () => (await row(id)).status !== 'processing');
      assert.equal((await row(id)).status, 'pending');
      const stored = await parts(id);
      const { length } = stored.filter(({ delivered_at: at }) => at !== null);
      assert.ok(length >= 1 && length < stored.length, `${length} of ${stored.length}`);
      assert.equal(hook.deliveries.length, length, 'all that was sent is recorded');
      await worker.resumeRun(runId);
      await done(runId);
      assert.deepEqual(
        hook.deliveries.map(({ text, times }) => [text, times.length]),
        stored.map(({ text }) => [text, 1]),
      );
    });

    await t.test('is operated: paused, looked at, cancelled, retried', async (tt) => {
      const runId = await addRun();
      const ids = await addMessages(runId, 12);
      llm.faults.add({ kind: 'stallBeforeHead', times: 5 });
      const worker = await start(tt, { timeouts: { generateMs: 60_000, deliverMs: 500 } });
      await soon(() => worker.stats().running === 5);
      worker.pause();
      assert.equal(worker.mode, 'paused');
      const first = await worker.jobs({ limit: 7 });
      const second = await worker.jobs({ limit: 7, cursor: first.nextCursor });
      const items = [...first.items, ...second.items];
      assert.equal(second.nextCursor, null);
      assert.deepEqual(items.map(({ key }) => key).toSorted(), ids.toSorted());
      assert.equal(items.filter(({ state }) => state === 'running').length, 5);
      assert.ok(items.every(({ runId: run }) => run === runId));
      const [running, waiting] = ['running', 'claimed'].map((state) => items.find((item) => item.state === state).key);
      assert.equal((await worker.explain(waiting)).state, 'queued');
      assert.equal(await worker.cancel(running), true);
      assert.equal(await worker.cancel(waiting), true);
      await soon(async () => (await states(runId)).failed === 2);
      const failed = await worker.jobs({ state: 'failed', search: running });
      assert.deepEqual(
        failed.items.map(({ key, error }) => [key, error.code]),
        [[running, 'ERR_WARMPATH_CANCELLED']],
      );
      assert.equal(await worker.retry(running), 'queued');
      assert.equal(await worker.retryFailed(), 1);
      assert.deepEqual(await worker.health(), {
        live: true,
        ready: false,
        reasons: [{ code: 'PAUSED', message: 'an operator has paused the worker' }],
      });
      worker.setConcurrency(10);
      worker.resume();
      // Four of them wait for an answer that does not come.
      await soon(async () => (await states(runId)).sent === 8);
      await worker.stop({ timeoutMs: 0 });
      assert.equal(await worker.purge({ state: 'queued' }), 4);
      assert.deepEqual(await states(runId), { sent: 8, skipped: 4 });
    });

    await t.test('a stop hands back what it has, at once, and another worker goes on', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 30);
      llm.faults.add({ kind: 'stallBeforeHead', times: 5 });
      const worker = await start(tt, { timeouts: { generateMs: 60_000, deliverMs: 500 } });
      await soon(() => worker.stats().running === 5);
      await worker.stop({ timeoutMs: 20 });
      const { rows } = await pool.query(
        'SELECT count(*) FILTER (WHERE lease_until IS NOT NULL)::int AS leased, max(retry_count) AS most FROM campaign_messages',
      );
      assert.deepEqual(rows, [{ leased: 0, most: 0 }]);
      await assert.rejects(worker.enqueue({ runId }), { code: 'ERR_WARMPATH_CLOSED' });
      await start(tt);
      await done(runId);
      assert.deepEqual(await states(runId), { sent: 30 });
    });

    await t.test('a database that loses questions and answers changes nothing', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 60);
      const random = randomOf(Date.now() % 1e9, 0);
      let lost = 0;
      // Every sixth statement breaks off: half of these before it is carried out, half after.
      const flaky = {
        async query(...args) {
          const fate = random();
          const broken = () => Object.assign(new Error('Connection terminated unexpectedly'), { lost: ++lost });
          if (fate < 1 / 12) throw broken();
          const answer = await pool.query(...args);
          if (fate > 11 / 12) throw broken();
          return answer;
        },
      };
      await start(tt, {
        pool: flaky,
        retry: { quick: 1, baseMs: 1, maxMs: 2, delaysMs: [20, 40, 60] },
        leaseMs: 60_000,
      });
      await done(runId);
      assert.ok(lost > 5, `${lost} lost`);
      assert.deepEqual(await states(runId), { sent: 60 });
      assert.deepEqual(hook.violations, []);
      assert.equal(llm.completions.length, 60, 'nothing is generated twice');
      assert.ok(
        hook.deliveries.every(({ times }) => times.length === 1),
        'nor sent',
      );
      const { rows } = await pool.query(
        'SELECT sum(cost)::float8 AS cost, count(*) FILTER (WHERE retry_count > 0)::int AS n FROM campaign_messages',
      );
      assert.ok(Math.abs(rows[0].cost - llm.usage().cost) < 1e-9, 'nor billed');
      assert.equal(rows[0].n, 0, 'nor charged');
    });

    await t.test('old messages are skipped where that is wanted', async (tt) => {
      const runId = await addRun();
      await addMessages(runId, 3, '2 hours');
      await addMessages(runId, 2);
      await start(tt, { skipAfterMs: 3_600_000 });
      await done(runId);
      assert.deepEqual(await states(runId), { sent: 2, skipped: 3 });
    });
  },
  { only: 'first' },
);
