'use strict';

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { mixLlm, mixWebhook } = require('../lib/testing');
const { onServers } = require('./support/pg-servers.js');
const { workerWorld } = require('./support/campaign-worker.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const MESSAGES = LONG ? 5000 : 200;
const KILLS = LONG ? 5 : 2;
const WINDOW = LONG ? 50 : 20;
const SEED = Number(process.env.WARMPATH_TEST_SEED ?? Date.now() % 1e9);

const squeeze = (text) => text.replace(/\s/gu, '');

onServers(
  `campaigns: ${MESSAGES} messages under faults, ${KILLS} kills, seed ${SEED}`,
  async (given, t) => {
    const world = await workerWorld(given, t, {
      llm: { journalLimit: 50 * MESSAGES, seed: SEED },
      hook: { journalLimit: 50 * MESSAGES },
    });
    const { llm, hook, pool, addRun, addMessages, states } = world;
    const runId = await addRun();
    const ids = await addMessages(runId, MESSAGES);
    // A 429 holds up all requests to its service for a second or two, as it should: of these a few will do.
    const mixes = [
      llm.faults.mix({ seed: SEED, percent: { ...mixLlm(SEED).percent, throttled: LONG ? 1 : 3 } }),
      hook.faults.mix({ seed: SEED + 1, percent: { ...mixWebhook(SEED).percent, throttled: LONG ? 0.2 : 0.5 } }),
    ];

    const env = {
      url: world.url,
      // Faults are no outage: five in a row do happen among so many at once, and a circuit would then be open for 30 s.
      llm: { apiKey: 'sk', baseUrl: llm.baseUrl, models: ['a/b'], circuit: { failures: 50 } },
      webhook: { url: hook.url, circuit: { failures: 50 } },
      window: WINDOW,
      leaseMs: 20_000,
      pollMs: 50,
      maxLostLeases: 100,
      // Several parts a message.
      split: { maxChars: 120, aboveChars: 0 },
      timeouts: { generateMs: 2000, deliverMs: 2000 },
      retry: { quick: 2, baseMs: 10, maxMs: 20, delaysMs: Array.from({ length: 30 }, () => 50) },
    };
    // The last words of the process, for when it should not have had any.
    let said = '';
    const begin = () => {
      const child = fork(path.join(__dirname, 'support', 'campaign-process.js'), {
        env: { ...process.env, WARMPATH_TEST_CAMPAIGN: JSON.stringify(env) },
        stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      });
      child.stderr.setEncoding('utf8').on('data', (text) => {
        said = `${said}${text}`.slice(-2000);
      });
      return child;
    };
    const sent = async () => (await states(runId)).sent ?? 0;

    let child = begin();
    t.after(() => child.kill('SIGKILL'));
    for (let kill = 1; kill <= KILLS; kill++) {
      const mark = Math.floor((MESSAGES * kill) / (KILLS + 1));
      while ((await sent()) < mark) {
        assert.equal(child.exitCode, null, `the worker ended by itself: ${said}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      // The time until its leases are over.
      await pool.query('UPDATE campaign_messages SET lease_until = now() WHERE lease_until IS NOT NULL');
      child = begin();
    }
    await world.done(runId);
    child.send('stop');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);

    // Nothing lost, and Postgres says what the receiver says.
    assert.deepEqual(await states(runId), { sent: MESSAGES });
    const { rows: parts } = await pool.query(
      'SELECT message_id, part, text, idempotency_key AS key, delivered_at FROM campaign_message_parts ORDER BY message_id, part',
    );
    assert.equal(parts.length, hook.deliveries.length);
    for (const { key, text, part, message_id: id, delivered_at: at } of parts) {
      const delivery = hook.delivery(key);
      assert.notEqual(at, null);
      assert.notEqual(delivery?.acceptedAt ?? null, null, 'what is recorded was accepted');
      assert.deepEqual([delivery.text, delivery.body.part, delivery.body.messageId], [text, part, id]);
    }
    // No part with two texts, no text that was not written for that message, each part of it once and in order.
    assert.deepEqual(hook.violations, []);
    const texts = new Map(ids.map((id) => [id, []]));
    for (const { message_id: id, text } of parts) texts.get(id).push(text);
    const written = new Map();
    for (const { text, messages } of llm.completions) {
      const id = /Write to (.*)\.$/.exec(messages.at(-1).content)?.[1];
      written.set(id, [...(written.get(id) ?? []), squeeze(text)]);
    }
    for (const [id, list] of texts) assert.ok(written.get(id).includes(squeeze(list.join(''))), id);
    const accepted = new Map();
    for (const { key, acceptedAt, body } of hook.deliveries) {
      accepted.set(body.messageId, [...(accepted.get(body.messageId) ?? []), { part: body.part, acceptedAt, key }]);
    }
    for (const list of accepted.values()) {
      const inOrder = list.toSorted((one, other) => one.part - other.part);
      for (let i = 1; i < inOrder.length; i++) assert.ok(inOrder[i].acceptedAt >= inOrder[i - 1].acceptedAt);
    }

    // Repetitions have their reasons: an answer that was spoilt after it took effect, or a kill.
    const arrived = hook.requests.filter(({ accepted: took, duplicate }) => took || duplicate);
    const ambiguous = arrived.filter(({ faults }) => faults.length > 0).length;
    const repeated = arrived.filter(({ duplicate }) => duplicate).length;
    assert.ok(repeated <= ambiguous + KILLS * WINDOW, `${repeated} for ${ambiguous} and ${KILLS} kills`);
    const paid = llm.usage();
    const { rows } = await pool.query(
      'SELECT sum(ai_tokens_used)::int AS tokens, sum(cost)::float8 AS cost FROM campaign_messages',
    );
    assert.ok(rows[0].tokens > 0 && rows[0].tokens <= paid.promptTokens + paid.completionTokens);
    assert.ok(rows[0].cost > 0 && rows[0].cost <= paid.cost + 1e-9);

    // A mix that did no harm has proved nothing.
    const harm = Object.assign({}, ...mixes.map(({ counts }) => counts));
    if (LONG) for (const [name, { bites }] of Object.entries(harm)) assert.ok(bites > 0, name);
    assert.ok(mixes.every(({ counts }) => Object.values(counts).reduce((sum, { bites }) => sum + bites, 0) > 10));
    t.diagnostic(
      `${hook.requests.length} requests for ${parts.length} parts, ${repeated} repeated for ${ambiguous} spoilt answers and ${KILLS} kills; ${llm.completions.length} completions for ${MESSAGES} texts`,
    );
  },
  { only: 'first' },
);
