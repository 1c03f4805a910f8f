'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Bots, botsFromPool } = require('../lib/worker/bots.js');

const BOT = { token: '1:abc', chatIds: [-100, '@chan'] };

test('a bot is looked up once at a time, and kept for its time on the monotonic clock', async () => {
  let now = 0;
  let lookups = 0;
  const bots = new Bots(
    async () => {
      lookups++;
      return BOT;
    },
    { now: () => now },
  );
  const found = await Promise.all(Array.from({ length: 5 }, () => bots.get('a')));
  assert.equal(lookups, 1);
  assert.deepEqual(found[4], { token: '1:abc', chatIds: ['-100', '@chan'] });
  now = 299_999;
  await bots.get('a');
  assert.equal(lookups, 1);
  now = 300_000;
  await bots.get('a');
  assert.equal(lookups, 2);
  bots.invalidate('a');
  await bots.get('a');
  assert.equal(lookups, 3);
});

test('an absence is kept shortly, with the reason by name', async () => {
  let now = 0;
  let bot = null;
  const bots = new Bots(async () => bot, { now: () => now });
  const code = () =>
    bots.get('a').then(
      () => 'found',
      (err) => err.code,
    );
  const cases = [
    [null, 'ERR_WARMPATH_BOT_NOT_FOUND'],
    [{ token: null, chatIds: [1] }, 'ERR_WARMPATH_BOT_TOKEN_NOT_SET'],
    [{ token: '', chatIds: [1] }, 'ERR_WARMPATH_BOT_TOKEN_NOT_SET'],
    [{ token: 'nonsense', chatIds: [1] }, 'ERR_WARMPATH_BOT_TOKEN_NOT_SET'],
    [{ token: '1:a', chatIds: [] }, 'ERR_WARMPATH_WARMUP_CHAT_NOT_SET'],
    [{ token: '1:a', chatIds: [{}] }, 'ERR_WARMPATH_WARMUP_CHAT_NOT_SET'],
    [BOT, 'found'],
  ];
  for (const [value, expected] of cases) {
    bot = value;
    assert.equal(await code(), expected);
    bot = BOT;
    if (expected !== 'found') assert.equal(await code(), expected, 'kept');
    now += 10_000;
  }
});

test('a lookup that fails is no absence and is not kept', async () => {
  let fail = true;
  const bots = new Bots(async () => {
    if (fail) throw Object.assign(new Error('terminating connection'), { code: '57P01' });
    return BOT;
  });
  const failures = await Promise.all([1, 2].map(() => bots.get('a').catch((err) => err)));
  for (const err of failures) {
    assert.equal(err.code, 'ERR_WARMPATH_DATABASE');
    assert.equal(err.class, 'transient');
  }
  fail = false;
  assert.equal((await bots.get('a')).token, BOT.token);
});

test('an invalidation during a lookup is not undone by its result', async () => {
  const answers = [];
  const bots = new Bots(() => new Promise((resolve) => answers.push(resolve)));
  const first = bots.get('a');
  bots.invalidate('a');
  answers[0](BOT);
  await first;
  const second = bots.get('a');
  assert.equal(answers.length, 2);
  answers[1](BOT);
  await second;
});

test('no more bots are kept than allowed', async () => {
  let lookups = 0;
  const bots = new Bots(
    async () => {
      lookups++;
      return BOT;
    },
    { max: 2 },
  );
  for (const slug of ['a', 'b', 'c', 'b', 'c', 'a']) await bots.get(slug);
  assert.equal(lookups, 4);
});

test('the default lookup reads the table bots', async () => {
  const seen = [];
  const answer = (rows) =>
    botsFromPool({
      query: async (...call) => {
        seen.push(call);
        return { rows };
      },
    })('slug');
  assert.deepEqual(await answer([{ token: 't', warmup_chat_id: '-100' }]), { token: 't', chatIds: ['-100'] });
  assert.deepEqual(await answer([{ token: 't', warmup_chat_id: null }]), { token: 't', chatIds: [] });
  assert.equal(await answer([]), null);
  assert.match(seen[0][0], /slug = \$1 AND deleted_at IS NULL/);
  assert.deepEqual(seen[0][1], ['slug']);
});
