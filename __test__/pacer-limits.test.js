'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { native } = require('../lib/native.js');
const { executorOptions } = require('../lib/options/executor.js');
const { DEFAULT_LIMITS } = require('../lib/options/limits.js');
const { startStage, events, TOKEN } = require('./support/prewarm.js');

const GROUP = '-1001234';
const PERSON = '55';

let stage;
test.before(async () => {
  // A Telegram that enforces its limits: whoever is too fast gets a 429. The fifth of a second is for machines that pause.
  stage = await startStage({ limits: { chatPerSecond: 1.25 } });
});
test.after(() => stage.close());
test.beforeEach(() => stage.tg.reset());

const open = (t, extra) => {
  const executor = new PrewarmExecutor(stage.options({ limits: {}, ...extra }));
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
};

/** How often Telegram answered 429. */
const refusals = (outcomes) => outcomes.reduce((sum, { error }) => sum + (error?.class === 'throttled'), 0);

test('the engine begins with the same table', () => {
  const options = executorOptions(stage.options({ limits: {} }));
  assert.deepEqual(options.limits, DEFAULT_LIMITS);
  const bare = new (native().NativePrewarm)(JSON.stringify({ ...options, limits: {} }), () => {});
  assert.deepEqual(JSON.parse(bare.limits()), DEFAULT_LIMITS);
});

test('a table is read, changed in part, switched off and on again', (t) => {
  const executor = open(t, { limits: { group: { limit: 10 }, sameSize: false } });
  const changed = { ...DEFAULT_LIMITS, group: { ...DEFAULT_LIMITS.group, limit: 10 }, sameSize: false };
  assert.deepEqual(executor.limits(), changed);
  assert.deepEqual(executor.stats().limits, changed);
  executor.setLimits({ sameSize: { maxMs: 500 }, chat: false });
  const { sameSize, chat, group } = executor.limits();
  assert.deepEqual([sameSize, chat, group.limit], [{ ...DEFAULT_LIMITS.sameSize, maxMs: 500 }, false, 10]);
  executor.setLimits(false);
  assert.deepEqual([executor.limits(), executor.stats().limits], [false, null]);
  executor.setLimits({});
  assert.deepEqual(executor.limits(), DEFAULT_LIMITS);
  const off = open(t, { limits: false });
  assert.equal(off.limits(), false);
});

test('wrong limits are named and change nothing', (t) => {
  const executor = open(t);
  const wrong = {
    'limits.group.burst': { group: { burst: 21 } },
    'limits.sameSize.minMs': { sameSize: { minMs: 901 } },
    'limits.recoverMs': { recoverMs: false },
    'limits.uploadsPerToken': { uploadsPerToken: 0 },
    'limits.perSecond': { perSecond: 1 },
    'limits.chat.limit': { chat: { limit: '1' } },
    limits: null,
  };
  for (const [option, limits] of Object.entries(wrong)) {
    assert.throws(() => executor.setLimits(limits), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option });
    assert.throws(() => open(t, { limits }), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
  }
  assert.deepEqual(executor.limits(), DEFAULT_LIMITS);
});

test('an enforcing Telegram never has to refuse: one person, one group, beside each other', async (t) => {
  const executor = open(t, { concurrency: 20 });
  const settled = [];
  executor.on('settled', (outcomes) => settled.push(...outcomes));
  const chats = [PERSON, PERSON, PERSON, GROUP, GROUP, GROUP];
  const jobs = await Promise.all(chats.map((chat) => stage.job({ chatIds: [chat] })));
  assert.ok(executor.submitMany(jobs).every((status) => status === 'queued'));
  await executor.drain();
  assert.equal(settled.filter(({ status }) => status === 'succeeded').length, chats.length, JSON.stringify(settled));
  assert.equal(refusals(settled), 0);
  assert.deepEqual(executor.throttled(), [], 'no 429 was ever seen');
  assert.deepEqual(stage.tg.received.map(({ chatId }) => String(chatId)).sort(), [...chats].sort());
});

test('without limits the same Telegram refuses', async (t) => {
  const executor = open(t, { concurrency: 20, limits: false });
  const jobs = await Promise.all([1, 2, 3].map(() => stage.job({ chatIds: [PERSON] })));
  executor.submitMany(jobs);
  await executor.drain();
  assert.ok(executor.throttled().length === 0 || executor.throttled()[0].chatId === PERSON);
  assert.ok(
    stage.tg.requests.some(({ status }) => status === 429),
    'the limits of the sandbox must bite',
  );
});

test('several warm-up chats are lanes: what one cannot take yet, another does', async (t) => {
  const executor = open(t, { concurrency: 20 });
  const chatIds = ['61', '62', '63'];
  const jobs = await Promise.all(chatIds.map(() => stage.job({ chatIds })));
  const values = await Promise.all(jobs.map((job) => executor.run(job)));
  assert.deepEqual(values.map(({ chatId }) => chatId).sort(), chatIds);
});

test('explain names every wait of a job, in order', async (t) => {
  const executor = open(t);
  executor.pause();
  const jobs = await Promise.all([1, 2, 3].map(() => stage.job({ chatIds: [PERSON] })));
  executor.submitMany(jobs);
  const keys = executor.list().map(({ key }) => key);
  assert.deepEqual(
    keys.map((key) => executor.explain(key).ahead),
    [0, 1, 2],
  );
  const { state, waits } = executor.explain(keys[2]);
  assert.equal(state, 'queued');
  assert.deepEqual(waits[0], { reason: 'paused', waitMs: null });
  assert.deepEqual({ ...waits[1], waitMs: 0 }, { reason: 'chat-rate', waitMs: 0, chatId: PERSON });
  assert.ok(waits[1].waitMs > 1000 && waits[1].waitMs <= 2000, String(waits[1].waitMs));
  assert.equal(executor.explain('nothing'), null);
  assert.throws(() => executor.explain(5), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
});

test('live traffic can be named by slug, once a job of that bot was here', async (t) => {
  const executor = open(t);
  assert.equal(executor.report({ botSlug: 'bot', chatId: PERSON }), false);
  const settled = events(executor, 'settled');
  executor.submit(await stage.job({ chatIds: ['99'] }));
  await settled;
  assert.equal(executor.report({ botSlug: 'bot', chatId: PERSON, retryAfterMs: 9000 }), true);
  assert.equal(executor.report({ token: TOKEN, chatId: 7, chatType: 'private' }), true);
  const [{ botId, chatId, blockedMs }] = executor.throttled();
  assert.deepEqual([botId, chatId], [TOKEN.split(':')[0], PERSON]);
  assert.ok(blockedMs > 8000 && blockedMs <= 9900, String(blockedMs));
  for (const wrong of [
    {},
    { token: TOKEN, botSlug: 'bot' },
    { token: 'x' },
    { token: TOKEN, retryAfterMs: -1 },
    null,
  ]) {
    assert.throws(() => executor.report(wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  assert.ok(!JSON.stringify(executor.throttled()).includes(TOKEN));
});

test('a plan is arithmetic: 150 a minute take eight groups', (t) => {
  const executor = open(t);
  const plan = executor.plan({ count: 1000, kind: 'group' }, { perMinute: 150 });
  assert.deepEqual(plan, { doneInMs: 2_991_000, perMinute: 20, bottleneck: 'chat-rate', chatsNeeded: 8 });
  const eight = executor.plan({ count: 1000, kind: 'group', chats: 8 });
  assert.equal(eight.perMinute, 160);
  const jobs = ['a', 'b'].flatMap((botSlug) => Array.from({ length: 30 }, () => ({ botSlug, chatIds: [1] })));
  assert.equal(executor.plan(jobs).doneInMs, 29_000);
  assert.equal(executor.plan(jobs, { uploadMs: 10_000 }).bottleneck, 'slot');
  assert.equal(executor.plan([]).doneInMs, 0);
  for (const wrong of [null, {}, { count: -1 }, { count: 1, chats: 0 }, [{ chatIds: [] }], [5]]) {
    assert.throws(() => executor.plan(wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
});
