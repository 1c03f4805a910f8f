'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs/promises');
const path = require('node:path');
const { after, before, beforeEach, describe, it } = require('node:test');
const { Client } = require('pg');
const { verify } = require('../lib/cli/demo/verify');
const { TelegramSandbox } = require('../lib/testing');
const { randomToken } = require('./support/example');
const { realMedia } = require('./support/media');
const { startPostgres } = require('./support/postgres');

const SCHEMA = path.join(__dirname, '..', 'examples', 'express-app', 'schema.sql');
const BOTS = [
  { slug: 'alpha', token: randomToken(1001), chatId: '11' },
  { slug: 'beta', token: randomToken(1002), chatId: '12' },
];

/** Sends a photo as any client would, and answers the row that a right prewarm of it would have left. */
async function sendPhoto(sandbox, bot, file) {
  const form = new FormData();
  form.set('chat_id', bot.chatId);
  form.set('photo', new Blob([file.data]), file.name);
  const response = await fetch(`${sandbox.url}/bot${bot.token}/sendPhoto`, { method: 'POST', body: form });
  const { result } = await response.json();
  const photo = result.photo.at(-1);
  return {
    ...{ bot_slug: bot.slug, sha256: file.sha256, kind: 'photo', status: 'ready', last_error: null },
    ...{ file_id: photo.file_id, file_unique_id: photo.file_unique_id },
    ...{ warmup_chat_id: bot.chatId, warmup_message_id: result.message_id },
  };
}

describe("the demo's proof", () => {
  let postgres;
  let client;
  let sandbox;
  let files;
  let rows;

  before(async () => {
    [postgres, files] = await Promise.all([startPostgres(), realMedia(18)]);
    files = files.filter((file) => file.kind === 'photo').slice(0, 2);
    client = new Client({ connectionString: postgres.url });
    await client.connect();
    await client.query(await fs.readFile(SCHEMA, 'utf8'));
    sandbox = await TelegramSandbox.start({
      bots: BOTS.map(({ token, chatId }) => ({ token, chats: [chatId] })),
      limits: false,
    });
    rows = [];
    for (const bot of BOTS) for (const file of files) rows.push(await sendPhoto(sandbox, bot, file));
  });
  after(async () => {
    await client?.end();
    await sandbox?.close();
    await postgres?.stop();
  });
  beforeEach(() => client.query('TRUNCATE media_cache'));

  const check = async (changed, telegram = { sandbox }) => {
    for (const row of changed) {
      const names = Object.keys(row);
      const places = names.map((_, index) => `$${index + 1}`);
      await client.query(`INSERT INTO media_cache (${names}) VALUES (${places})`, Object.values(row));
    }
    return verify({ url: postgres.url, bots: BOTS, files, telegram });
  };
  /** The first row is of the first bot and the first file. */
  const withFirst = (change) => [{ ...rows[0], ...change }, ...rows.slice(1)];

  it('accepts rows that are right', async () => {
    const { verified, problems } = await check(rows);
    assert.deepEqual([verified, problems], [4, []]);
  });

  it('finds each way in which a row can be wrong', async () => {
    const [first, otherBytes, otherBot] = rows;
    const ids = ({ file_id, file_unique_id }) => ({ file_id, file_unique_id });
    const cases = [
      [rows.slice(1), /there is no row for it/],
      [withFirst({ status: 'warming', ...ids({ file_id: null, file_unique_id: null }) }), /its row is warming/],
      [withFirst({ status: 'error', last_error: 'ERR_X: why' }), /its row is error: ERR_X: why/],
      [withFirst({ file_id: null }), /its row has no file_id/],
      [withFirst({ file_id: `${first.file_id}x` }), /never issued/],
      [
        [{ ...first, ...ids(otherBytes) }, { ...otherBytes, ...ids(first) }, ...rows.slice(2)],
        /issued with another sha256/,
      ],
      [
        [{ ...first, ...ids(otherBot) }, otherBytes, { ...otherBot, ...ids(first) }, rows[3]],
        /issued with another botId/,
      ],
      [[first, { ...otherBytes, ...ids(first) }, ...rows.slice(2)], /it has the file_id of/],
      [withFirst({ warmup_chat_id: '99' }), /names another chat/],
      [withFirst({ warmup_message_id: 999_999 }), /issued with another messageId/],
      [withFirst({ file_unique_id: 'AQADsomethingelse' }), /issued with another fileUniqueId/],
    ];
    for (const [changed, expected] of cases) {
      await client.query('TRUNCATE media_cache');
      const { verified, problems } = await check(changed);
      assert.ok(problems.length >= 1 && verified + problems.length === 4, String(expected));
      assert.match(problems[0], expected);
    }
  });

  it('asks the Bot API where there is no sandbox to look into', async () => {
    const telegram = { url: sandbox.url };
    assert.deepEqual((await check(rows, telegram)).problems, []);
    await client.query('TRUNCATE media_cache');
    const unknown = await check(withFirst({ file_id: `${rows[0].file_id}x` }), telegram);
    assert.match(unknown.problems.join(), /Telegram does not know its file_id/);
    await client.query('TRUNCATE media_cache');
    const other = await check(withFirst({ file_unique_id: 'AQADsomethingelse' }), telegram);
    assert.match(other.problems.join(), /knows its file_id as another file/);
  });
});
