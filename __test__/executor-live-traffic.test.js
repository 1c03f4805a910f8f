'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const grammy = require('grammy');
const ntba = require('node-telegram-bot-api');
const telegraf = require('telegraf');
const { PrewarmExecutor } = require('..');
const { startStage, TOKEN } = require('./support/prewarm.js');

const CHAT = '77';

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());
test.beforeEach(() => stage.tg.reset());

/** How each client's users send a text, once directly and, where there is such a thing, once from a handler. */
const CLIENTS = {
  grammY(executor) {
    const { shareLimits } = require('warmpath/grammy');
    const bot = new grammy.Bot(TOKEN, { client: { apiRoot: stage.tg.url } });
    bot.api.config.use(shareLimits(executor, bot.token));
    return {
      send: (text) => bot.api.sendMessage(CHAT, text),
      album: (media) => bot.api.sendMediaGroup(CHAT, media),
      read: () => bot.api.getMe(),
    };
  },
  telegraf(executor) {
    const { shareLimits } = require('warmpath/telegraf');
    const bot = new telegraf.Telegraf(TOKEN, { telegram: { apiRoot: stage.tg.url } });
    shareLimits(executor, bot);
    bot.on('message', (ctx) => ctx.reply('from a handler'));
    const message = { message_id: 1, date: 1, text: 'x', chat: { id: Number(CHAT), type: 'private' } };
    return {
      send: (text) => bot.telegram.sendMessage(CHAT, text),
      reply: () => bot.handleUpdate({ update_id: 1, message }),
      read: () => bot.telegram.getMe(),
    };
  },
  'node-telegram-bot-api'(executor) {
    const { shareLimits } = require('warmpath/node-telegram-bot-api');
    const api = new ntba.Api(TOKEN, { apiRoot: stage.tg.url, maxRetries: 0 });
    shareLimits(executor, api, TOKEN);
    return { send: (text) => api.sendMessage({ chat_id: CHAT, text }), read: () => api.getMe() };
  },
};

const paced = (t) => {
  const executor = new PrewarmExecutor(stage.options({ limits: { chat: { limit: 1, periodMs: 60_000 } } }));
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
};

/** What a job to that chat would have to wait for. */
async function waits(executor) {
  executor.pause();
  const job = await stage.job({ chatIds: [CHAT] });
  executor.submit(job);
  const { waits } = executor.explain(`document:${job.sha256}:bot`);
  return waits.filter(({ reason }) => reason !== 'paused');
}

for (const [name, make] of Object.entries(CLIENTS)) {
  test(`${name}: what the live bot sends is booked at once, and warm-up yields`, async (t) => {
    const executor = paced(t);
    const client = make(executor);
    await client.read();
    assert.deepEqual(await waits(executor), [], 'a call that sends nothing books nothing');
    const sent = client.send('hello');
    const [{ reason, chatId, waitMs }] = await waits(executor);
    assert.deepEqual({ reason, chatId }, { reason: 'chat-rate', chatId: CHAT });
    assert.ok(waitMs > 30_000 && waitMs <= 120_000, String(waitMs));
    assert.equal((await sent).text, 'hello');
  });

  test(`${name}: a 429 of the live bot holds warm-up back, and reaches the bot as it is`, async (t) => {
    const executor = paced(t);
    const client = make(executor);
    stage.tg.faults.add({ kind: 'status', status: 429, retryAfter: 40 });
    await assert.rejects(client.send('too much'), /429|Too Many Requests/);
    const [chat, token] = executor.throttled().sort((a, b) => (a.chatId ? -1 : b.chatId ? 1 : 0));
    assert.deepEqual([chat.chatId, chat.botId, token.chatId, token.botId], [CHAT, '123456', undefined, '123456']);
    for (const { pace, blockedMs } of [chat, token]) {
      assert.ok(pace >= 0.5 && pace < 0.6, String(pace));
      assert.ok(blockedMs > 20_000 && blockedMs <= 44_000, String(blockedMs));
    }
    const reasons = (await waits(executor)).map(({ reason }) => reason);
    assert.ok(reasons.includes('retry-after'), reasons.join());
  });
}

test('telegraf: what a handler replies is counted too', async (t) => {
  const executor = paced(t);
  await CLIENTS.telegraf(executor).reply();
  assert.equal((await waits(executor))[0].reason, 'chat-rate');
});

test('a 429 that hides in the 400 of an album is one all the same', async (t) => {
  const executor = paced(t);
  const { shareLimits } = require('warmpath/grammy');
  const description =
    'Bad Request: failed to send message #1 with the error message "Too Many Requests: retry after 8"';
  const answer = { ok: false, error_code: 400, description };
  const payload = { chat_id: CHAT, media: [{}, {}] };
  assert.equal(await shareLimits(executor, TOKEN)(async () => answer, 'sendMediaGroup', payload), answer);
  const [{ blockedMs }] = executor.throttled();
  assert.ok(blockedMs > 5000 && blockedMs <= 8800, String(blockedMs));
});

test('a bot goes on whatever becomes of the report', async () => {
  const { shareLimits } = require('warmpath/grammy');
  const broken = {
    report() {
      throw new Error('closed');
    },
  };
  const answer = { ok: true, result: {} };
  assert.equal(await shareLimits(broken, TOKEN)(async () => answer, 'sendMessage', { chat_id: CHAT }), answer);
  for (const wrong of [[null, TOKEN], [{}, TOKEN], [broken, 'no token'], [broken]]) {
    assert.throws(() => shareLimits(...wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
});
