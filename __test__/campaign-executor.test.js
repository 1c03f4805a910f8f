'use strict';

// CampaignExecutor through the door: jobs in, part events and outcomes out. What becomes of faults is tested in Rust
// (engine/tests/campaign).

const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const { once } = require('node:events');
const test = require('node:test');
const { inspect } = require('node:util');
const { CampaignExecutor, campaignPartKey } = require('..');
const { startCampaign, says } = require('./support/campaign.js');

const ids = { campaignId: 'c:1', messageId: 'm%1' };
const generate = { step: 'generate', ...ids, messages: [{ role: 'user', content: 'canary-prompt' }] };
const deliver = { step: 'deliver', ...ids, parts: ['Oi, Ana!', 'Tudo bem? 👋'], recipient: { leadId: 'l1' } };

async function open(t, extra, servers) {
  const stage = await startCampaign(servers);
  const executor = new CampaignExecutor(stage.options(extra));
  t.after(async () => {
    await executor.close({ timeoutMs: 0 });
    await stage.close();
  });
  return { stage, executor };
}

test('a message: generated, stored by the caller, delivered', async (t) => {
  const { stage, executor } = await open(t, { split: { maxChars: 20 } });
  const order = [];
  executor.on('part', (events) => order.push(...events.map((event) => event.part)));
  executor.on('settled', (outcomes) => order.push(...outcomes.map((outcome) => outcome.value.step)));

  const generated = await executor.run(generate);
  assert.deepEqual(generated.parts, ['Oi, Ana!', 'Tudo bem com você?']);
  assert.equal(generated.text, 'Oi, Ana! Tudo bem com você?');
  assert.deepEqual([generated.splitBy, generated.model, generated.generationId], ['local', 'a/one', 'gen-1']);
  assert.deepEqual(generated.usage, {
    requests: 1,
    promptTokens: 10,
    completionTokens: 5,
    totalTokens: 15,
    cachedTokens: 0,
    reasoningTokens: 0,
    cost: 0.25,
  });
  assert.equal(stage.llm.requests[0].headers.authorization, 'Bearer canary-key');

  const delivered = await executor.run({ ...deliver, parts: generated.parts });
  assert.deepEqual({ ...delivered }, { step: 'deliver', parts: 2, delivered: 2, repeated: 0 });
  assert.deepEqual(order, ['generate', 0, 1, 'deliver'], 'parts come before the outcome of their job');
  assert.deepEqual(
    stage.webhook.requests.map(({ body }) => [body.part, body.text, body.recipient.leadId]),
    [
      [0, 'Oi, Ana!', 'l1'],
      [1, 'Tudo bem com você?', 'l1'],
    ],
  );
});

test('a request is signed, and its key is campaignPartKey', async (t) => {
  const { stage, executor } = await open(t);
  const [[part]] = await Promise.all([once(executor, 'part'), executor.run({ ...deliver, from: 1 })]);
  const [{ headers, raw }] = stage.webhook.requests;
  const id = campaignPartKey('c:1', 'm%1', 1);
  assert.deepEqual([headers['idempotency-key'], headers['webhook-id'], part[0].idempotencyKey], [id, id, id]);
  const signed = `${id}.${headers['webhook-timestamp']}.${raw}`;
  const expected = createHmac('sha256', 'canary-secret').update(signed).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
  assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 60);
});

test('an idempotency key is sha256 of a JSON text that anybody can make', () => {
  // printf '["c","m",0]' | sha256sum
  assert.equal(campaignPartKey('c', 'm', 0), 'cdc7ba756b9bc12319fcefe921c8758d309940446bca2f726ef5942f71d5cb27');
});

test('keys of odd ids are the same on both sides', async (t) => {
  const { stage, executor } = await open(t);
  const odd = ['"', '\\', '\n\u0001\u001f\u007f', 'é\u2028\u2029', '👋', '<>&/'];
  for (const messageId of odd) await executor.run({ ...deliver, messageId, parts: ['x'] });
  assert.deepEqual(
    stage.webhook.requests.map(({ headers }) => headers['idempotency-key']),
    odd.map((messageId) => campaignPartKey('c:1', messageId, 0)),
  );
});

test('a part is recorded before the next one is sent', async (t) => {
  const { stage, executor } = await open(t, { confirmParts: true });
  const recorded = [];
  executor.on('part', async ([event]) => {
    assert.equal(stage.webhook.requests.length, event.part + 1);
    recorded.push(event.part);
    assert.equal(executor.confirm(event.key, event.part + 1), false);
    assert.equal(executor.confirm(event.key, event.part), event.part === 0, 'the last part waits for nothing');
  });
  await executor.run(deliver);
  assert.deepEqual(recorded, [0, 1]);
  assert.throws(() => executor.confirm('k', -1), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'part' });
  assert.throws(() => executor.confirm('', 0), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'key' });
});

test('equal jobs are one, and the steps of a message are two', async (t) => {
  const { stage, executor } = await open(t, { concurrency: 1 });
  executor.pause();
  assert.deepEqual(executor.submitMany([generate, generate, deliver]), ['queued', 'duplicate', 'queued']);
  const listed = executor.list().map(({ key, step, state }) => [key, step, state]);
  assert.deepEqual(listed.sort(), [
    ['deliver:m%251:c:1', 'deliver', 'queued'],
    ['generate:m%251:c:1', 'generate', 'queued'],
  ]);
  executor.resume();
  await executor.drain();
  assert.deepEqual([stage.llm.requests.length, stage.webhook.requests.length], [1, 2]);
});

test('stats tell what was spent and delivered', async (t) => {
  const { executor } = await open(t);
  await executor.run(generate);
  await executor.run(deliver);
  const stats = executor.stats();
  assert.deepEqual([stats.succeeded, stats.parts, stats.repeatedParts], [2, 2, 0]);
  assert.deepEqual([stats.usage.requests, stats.usage.cost], [1, 0.25]);
  assert.deepEqual(stats.models, { 'a/one': { requests: 1, failures: 0, circuit: 'closed', openForMs: 0 } });
  assert.deepEqual([stats.queued, stats.running, stats.concurrency], [0, 0, 5]);
});

test('nothing secret and nothing private is in an error, a list or statistics', async (t) => {
  const refusal = { error: { code: 400, message: 'canary-prompt', metadata: { raw: 'canary-key' } } };
  const { executor } = await open(
    t,
    {},
    { llm: () => ({ status: 400, body: refusal }), webhook: () => ({ status: 400 }) },
  );
  const texts = [];
  executor.on('settled', (outcomes) => texts.push(JSON.stringify(outcomes)));
  for (const job of [generate, { ...deliver, parts: ['canary-text'], recipient: { phone: 'canary-phone' } }]) {
    const run = executor.run(job);
    texts.push(JSON.stringify(executor.list()));
    await assert.rejects(run, (err) => {
      texts.push(inspect(err), JSON.stringify(err));
      return err.code.endsWith('_REJECTED');
    });
  }
  texts.push(JSON.stringify(executor.stats()), inspect(executor, { depth: 10, showHidden: true }));
  for (const text of texts) assert.ok(!text.includes('canary'), text);
});

test('close hands back what is left, uncharged', async (t) => {
  const { executor } = await open(t, {}, { llm: () => undefined });
  const outcomes = [];
  executor.on('settled', (settled) => outcomes.push(...settled));
  executor.submit(generate);
  await executor.close({ timeoutMs: 0 });
  assert.deepEqual(
    outcomes.map(({ error, charged }) => [error.code, charged]),
    [['ERR_WARMPATH_CANCELLED', false]],
  );
  assert.throws(() => executor.submit(generate), { code: 'ERR_WARMPATH_CLOSED' });
});

test('a listener that throws loses no event and no outcome', async (t) => {
  const { executor } = await open(t);
  const thrown = [];
  const uncaught = (err) => thrown.push(err.message);
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', uncaught);
  t.after(() => {
    process.off('uncaughtException', uncaught);
    for (const listener of before) process.on('uncaughtException', listener);
  });
  executor.on('part', () => {
    throw new Error('faulty');
  });
  const value = await executor.run(deliver);
  assert.equal(value.delivered, 2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(thrown.length >= 1 && thrown.every((message) => message === 'faulty'));
});

test('many messages at once: each is generated once and delivered once', async (t) => {
  const { stage, executor } = await open(
    t,
    { concurrency: 16, capacity: 1000 },
    { llm: (body) => says(`Olá, ${body.messages[0].content}!`) },
  );
  const parts = new Map();
  executor.on('part', (events) => {
    for (const { messageId, part } of events)
      parts.set(`${messageId}:${part}`, (parts.get(`${messageId}:${part}`) ?? 0) + 1);
  });
  await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const message = { campaignId: 'c', messageId: `m${n}` };
      const { text } = await executor.run({
        step: 'generate',
        ...message,
        messages: [{ role: 'user', content: `pessoa ${n}` }],
      });
      assert.equal(text, `Olá, pessoa ${n}!`);
      await executor.run({ step: 'deliver', ...message, parts: [text, 'Tchau!'] });
    }),
  );
  assert.equal(parts.size, 400);
  assert.ok([...parts.values()].every((times) => times === 1));
  assert.equal(new Set(stage.webhook.requests.map(({ headers }) => headers['idempotency-key'])).size, 400);
});
