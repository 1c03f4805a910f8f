'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');
const { MemoryStore, PrewarmWorker } = require('..');
const { BotPauses } = require('../lib/worker/bot-pauses.js');
const { until, events, TOKEN, CHAT } = require('./support/prewarm.js');
const { useWorkers, resolveBot, RETRY } = require('./support/workers.js');

const world = useWorkers();

const UNAUTHORIZED = 'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED';
const WRONG = '999:wrong-token-canary';
const MINUTE = 60_000;
const DAY = 86_400_000;

/** A worker whose store and whose patience go by one clock, which the test turns. */
function onClock(t, extra) {
  const clock = { now: 0 };
  const store = new MemoryStore({}, { now: () => clock.now, random: () => 0 });
  const parts = { store, pauses: new BotPauses(() => clock.now) };
  const worker = new PrewarmWorker(world.stage.options({ retry: RETRY, ...extra }), parts);
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const pass = (ms) => {
    clock.now += ms;
    worker.wake();
  };
  return { worker, store, pass };
}

/** A bot whose token can be changed, and how often it was looked up. */
function changing(token) {
  const bot = { token, chatIds: [CHAT], lookups: 0 };
  bot.resolveBot = async (slug) => {
    if (slug !== 'bad') return resolveBot();
    bot.lookups++;
    return { token: bot.token, chatIds: bot.chatIds };
  };
  return bot;
}

const jobsOf = (botSlug, n) => Promise.all(Array.from({ length: n }, () => world.stage.workerJob({ botSlug })));

test('a token that is refused holds the jobs of its bot, uncharged, until the lookup knows another one', async (t) => {
  const bot = changing(WRONG);
  const warned = [];
  const logger = { debug() {}, info() {}, warn: (...line) => warned.push(line), error() {} };
  const { worker, store, pass } = onClock(t, { resolveBot: bot.resolveBot, concurrency: 1, logger });
  const problems = [];
  worker.on('error', (err) => problems.push(err));
  const others = events(worker, 'succeeded', 3);
  const held = events(worker, 'retry', 5);
  await worker.enqueueMany([...(await jobsOf('bad', 5)), ...(await jobsOf('good', 3))]);
  await worker.start();
  const results = await held;
  for (const { job, error, charged, state } of results) {
    assert.deepEqual([job.botSlug, error.code, error.class], ['bad', UNAUTHORIZED, 'config']);
    assert.deepEqual([charged, state], [false, 'retry']);
    assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 5000, String(error.retryAfterMs));
  }
  // The other bot is none the worse for it.
  assert.deepEqual(new Set((await others).map(({ job }) => job.botSlug)), new Set(['good']));
  assert.deepEqual(
    problems.map(({ code, class: kind }) => [code, kind]),
    [[UNAUTHORIZED, 'config']],
  );
  assert.match(problems[0].message, /Telegram refuses the bot bad: /);
  assert.equal(worker.stats().failed, 0);
  assert.equal(store.stats().delayed, 5);

  // One of them asks again; the others are only put off.
  const { lookups } = bot;
  const again = events(worker, 'retry', 5);
  pass(5000);
  const seconds = await again;
  assert.deepEqual(
    seconds.map(({ timings }) => timings.total > 0).filter(Boolean).length,
    1,
    'one job was sent to find out',
  );
  assert.equal(bot.lookups, lookups + 1);
  const tried = [...results, ...seconds].filter(({ timings }) => timings.total > 0);
  assert.equal(warned.length, tried.length, 'one line for each that was sent, none for those that were put off');
  assert.deepEqual(problems.at(-1).retryAfterMs, 10_000);

  bot.token = TOKEN;
  const done = events(worker, 'succeeded', 5);
  pass(20_000);
  for (const { job, attempt } of await done) assert.deepEqual([job.botSlug, attempt], ['bad', 1]);
  assert.ok(!inspect([results, seconds, problems, worker], { depth: 9, showHidden: true }).includes('canary'));
});

test('a refusal that was a whim is over with the first job that is sent', async (t) => {
  const { worker, pass } = onClock(t, { resolveBot });
  const fault = world.stage.tg.faults.add({ kind: 'status', status: 401 });
  const held = events(worker, 'retry');
  await worker.enqueue(await world.stage.workerJob());
  await worker.start();
  await held;
  assert.equal(fault.bites, 1);
  const done = events(worker, 'succeeded', 4);
  await worker.enqueueMany(await jobsOf('bot', 3));
  pass(5000);
  // The one that asks succeeds; what was put off meanwhile comes after its time.
  await until(() => worker.stats().succeeded > 0);
  pass(6000);
  for (const { attempt } of await done) assert.equal(attempt, 1);
});

test('a chat that is refused holds the kind that it was refused to', async (t) => {
  const { worker, pass } = onClock(t, { resolveBot });
  const text = 'Bad Request: not enough rights to send voice messages to the chat';
  const body = { ok: false, error_code: 400, description: text };
  const faults = world.stage.tg.faults;
  const fault = faults.add({ kind: 'status', status: 400, body, match: { apiMethod: 'sendVoice' }, times: 2 });
  const held = events(worker, 'retry');
  await worker.start();
  await worker.enqueue(await world.stage.workerJob({ kind: 'voice' }));
  const [{ error, charged }] = await held;
  assert.deepEqual([error.code, charged], ['ERR_WARMPATH_TELEGRAM_CHAT', false]);
  const sent = events(worker, 'succeeded');
  await worker.enqueue(await world.stage.workerJob({ kind: 'document' }));
  await sent;
  const again = events(worker, 'retry');
  pass(5000);
  assert.equal((await again)[0].error.retryAfterMs, 10_000);
  assert.equal(fault.bites, 2);
  const done = events(worker, 'succeeded');
  pass(11_000);
  assert.equal((await done)[0].attempt, 1);
});

test('of several chats one that is refused is left out until it is asked again', async (t) => {
  const [good, bad] = [CHAT, '-100777'];
  const twoChats = async () => ({ token: TOKEN, chatIds: [bad, good] });
  const { worker, pass } = onClock(t, { resolveBot: twoChats, limits: false });
  const problems = [];
  worker.on('error', ({ message }) => problems.push(message));
  const status = { kind: 'status', status: 403, match: { chatId: Number(bad) }, times: Number.POSITIVE_INFINITY };
  const fault = world.stage.tg.faults.add(status);
  const refused = events(worker, 'retry');
  await worker.enqueue(await world.stage.workerJob());
  await worker.start();
  const [{ error, charged }] = await refused;
  assert.deepEqual([error.code, error.chatId, charged], ['ERR_WARMPATH_TELEGRAM_CHAT', bad, false]);
  assert.ok(error.retryAfterMs < 1000, 'there is another chat');
  const done = events(worker, 'succeeded', 10);
  await worker.enqueueMany(await jobsOf('bot', 9));
  pass(1000);
  for (const { value, attempt } of await done) assert.deepEqual([value.chatId, attempt], [good, 1]);
  assert.equal(fault.bites, 1);
  assert.equal(problems.length, 1);
  assert.ok(problems[0].includes(`in the chat ${bad}`), problems[0]);

  // One job finds out, and goes to the other one where it is still refused.
  const [again, last] = [events(worker, 'retry'), events(worker, 'succeeded', 3)];
  pass(5000);
  await worker.enqueueMany(await jobsOf('bot', 3));
  await again;
  assert.equal(fault.bites, 2);
  pass(1000);
  for (const { value, attempt } of await last) assert.deepEqual([value.chatId, attempt], [good, 1]);

  world.stage.tg.faults.remove(fault.id);
  const back = events(worker, 'succeeded', 2);
  pass(10_000);
  await worker.enqueueMany(await jobsOf('bot', 2));
  const chats = (await back).map(({ value }) => value.chatId);
  assert.ok(chats.includes(bad), 'it is accepted again');
});

test('a day after the first refusal the jobs fail, without being sent', async (t) => {
  const bot = changing(WRONG);
  const { worker, pass } = onClock(t, { resolveBot: bot.resolveBot });
  const [first, second] = await jobsOf('bad', 2);
  const failed = events(worker, 'failed', 2);
  await worker.enqueue(first);
  await worker.start();
  await until(() => worker.stats().retries === 1);
  for (let passed = 0, seen = 1; passed < DAY; passed += 6 * MINUTE) {
    pass(6 * MINUTE);
    seen++;
    await until(() => worker.stats().retries + worker.stats().failed >= seen);
    if (worker.stats().failed === 1) break;
  }
  await worker.enqueue(second);
  const [asked, unasked] = await failed;
  assert.deepEqual([asked.error.code, asked.state], [UNAUTHORIZED, 'dead']);
  assert.deepEqual([unasked.error.code, unasked.timings.total], [UNAUTHORIZED, 0]);
  // Who repairs it after that is noticed all the same.
  bot.token = TOKEN;
  const done = events(worker, 'succeeded');
  pass(6 * MINUTE);
  await worker.enqueue((await jobsOf('bad', 1))[0]);
  await done;
});

test('in a table: the row waits with its reason, and no token is in it', async (t) => {
  await world.db.addBot('bad', WRONG, CHAT);
  const worker = world.pooled(t);
  await worker.start();
  const job = await world.stage.workerJob({ botSlug: 'bad' });
  const held = events(worker, 'retry');
  await worker.enqueue(job);
  const [{ error, attempt }] = await held;
  assert.deepEqual([error.code, attempt], [UNAUTHORIZED, 1]);
  const row = await world.db.row(job);
  assert.equal(row.status, 'warming');
  assert.match(row.last_error, /^ERR_WARMPATH_TELEGRAM_UNAUTHORIZED: /);
  assert.ok(row.run_at > new Date());
  const rows = JSON.stringify(await world.db.rows());
  assert.ok(!(inspect(error, { depth: 9 }) + rows).includes('canary'));
});
