'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { PrewarmWorker } = require('..');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm.js');

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());

const open = (t, extra) => {
  const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
  const worker = new PrewarmWorker(stage.options({ resolveBot, ...extra }));
  t.after(() => worker.stop({ timeoutMs: 0 }));
  return worker;
};

test('jobs that would wait too long go back to the store, each with its own turn, uncharged', async (t) => {
  const worker = open(t, { concurrency: 10, limits: { chat: { limit: 1, periodMs: 10_000 }, group: false } });
  const results = [];
  worker.on('settled', (settled) => results.push(...settled));
  await worker.start();
  const jobs = await Promise.all(Array.from({ length: 6 }, () => stage.workerJob()));
  await worker.enqueueMany(jobs);
  await until(() => results.length === 6);
  const back = results.filter(({ state }) => state === 'retry');
  assert.equal(back.length, 5, 'one is sent at once, the next would wait for ten seconds');
  for (const { error, charged } of back) {
    assert.deepEqual([error.code, error.class, charged], ['ERR_WARMPATH_TELEGRAM_THROTTLED', 'throttled', false]);
  }
  const waits = back.map(({ error }) => error.retryAfterMs).sort((a, b) => a - b);
  waits.forEach((wait, turn) => {
    // Its turn, and 2.5 s of it for the way back.
    const due = 10_000 * (turn + 1) - 2500;
    assert.ok(wait > due - 5000 && wait <= due + 1000, `${wait} for turn ${turn}`);
  });
  assert.equal(worker.stats().waiting, 5);
});

test('a worker hands the limits of its executor on, and keeps them over a restart', async (t) => {
  const worker = open(t);
  assert.equal(worker.limits(), false);
  worker.setLimits({ group: { limit: 7 } });
  await worker.start();
  assert.equal(worker.limits().group.limit, 7);
  assert.equal(worker.report({ token: TOKEN, chatId: CHAT, retryAfterMs: 1000 }), true);
  assert.equal(worker.throttled()[0].chatId, CHAT);
  assert.equal(worker.plan({ count: 8, kind: 'group' }).bottleneck, 'chat-rate');
  await worker.stop();
  await worker.start();
  assert.equal(worker.limits().group.limit, 7);
});
