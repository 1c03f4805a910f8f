'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { TelegramSandbox } = require('../lib/testing');
const { shapeChecker } = require('./support/schema');
const { FORM, TOKEN, call, multipart, sha256 } = require('./support/telegram');

const CHAT = 42;

describe('sendMediaGroup of TelegramSandbox', () => {
  let tg;
  before(async () => {
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false, keepFiles: true });
  });
  afterEach(() => tg.reset());
  after(() => tg.close());

  /** An album of these types, each item with bytes of its own. */
  const album = (types, more = {}) => {
    const files = Object.fromEntries(types.map((_, i) => [`file${i}`, randomBytes(100 + i)]));
    const media = types.map((type, i) => ({ type, media: `attach://file${i}`, ...(i === 0 && { caption: 'first' }) }));
    return { files, send: () => tg.call('sendMediaGroup', { chat_id: CHAT, media, ...files, ...more }) };
  };

  it('sends two to ten, each a message with one group id, in the published shape', async () => {
    const isMessage = shapeChecker('TelegramMessage');
    for (const types of [
      ['photo', 'video'],
      ['document', 'document', 'document'],
      Array.from({ length: 10 }, () => 'audio'),
    ]) {
      tg.reset();
      const { files, send } = album(types);
      const { ok, result } = await send();
      assert.ok(ok);
      assert.equal(result.length, types.length);
      for (const message of result) isMessage(message);
      assert.equal(new Set(result.map((one) => one.media_group_id)).size, 1);
      assert.deepEqual(
        result.map((one) => types.find((type) => one[type])),
        types,
      );
      assert.deepEqual(
        tg.received.map((one) => [one.kind, one.sha256, one.mediaGroupId, one.from]),
        types.map((type, i) => [type, sha256(files[`file${i}`]), result[0].media_group_id, 'upload']),
      );
      assert.equal(result[0].caption, 'first');
      assert.equal(tg.issued(tg.received[1].fileId).sha256, sha256(files.file1));
    }
  });

  it('takes multipart as clients write it, and file_ids of the right kind', async () => {
    const { result: sent } = await tg.call('sendPhoto', { chat_id: CHAT, photo: randomBytes(50) });
    const id = sent.photo[0].file_id;
    const media = [
      { type: 'photo', media: id },
      { type: 'photo', media: 'attach://other' },
    ];
    const body = multipart(
      ['content-disposition:form-data;name="chat_id"', String(CHAT)],
      ['content-disposition:form-data;name="media"', JSON.stringify(media)],
      ['content-disposition:form-data;name="other";filename=b.jpg\r\ncontent-type:image/jpeg', randomBytes(60)],
    );
    const answer = await call(`${tg.url}/bot${TOKEN}/sendMediaGroup`, { headers: FORM, chunks: [body] });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.result[0].photo.at(-1).file_id, sent.photo.at(-1).file_id);
    assert.deepEqual(
      tg.received.slice(-2).map(({ from, reused }) => [from, reused]),
      [
        ['file_id', true],
        ['upload', false],
      ],
    );
    const wrong = await tg.call('sendMediaGroup', {
      chat_id: CHAT,
      media: [
        { type: 'video', media: id },
        { type: 'photo', media: id },
      ],
    });
    assert.equal(wrong.description, 'Bad Request: wrong file identifier/HTTP URL specified');
  });

  it('refuses what Telegram refuses', async () => {
    const two = (item) => [item, item];
    const cases = [
      [undefined, 'parameter "media" is required'],
      ['{', "can't parse media JSON object"],
      ['{}', 'expected an Array of InputMedia'],
      [[{ type: 'photo', media: 'attach://a' }], 'too few messages to send as an album'],
      [Array.from({ length: 11 }, () => ({ type: 'photo', media: 'x' })), 'too many messages to send as an album'],
      [
        two({ type: 'animation', media: 'x' }),
        'can\'t parse InputMedia: type "animation" can\'t be used in sendMediaGroup',
      ],
      [two({ type: 'voice', media: 'x' }), 'can\'t parse InputMedia: type "voice" is unsupported'],
      [two({ type: 'photo' }), "can't parse InputMedia: media not found"],
      [two({ media: 'x' }), 'can\'t parse InputMedia: can\'t find field "type"'],
      [two({ type: 'photo', media: 'attach://none' }), 'there is no media in the request'],
      [
        [
          { type: 'photo', media: 'x' },
          { type: 'document', media: 'x' },
        ],
        "document can't be mixed with other media types",
      ],
      [
        [
          { type: 'audio', media: 'x' },
          { type: 'document', media: 'x' },
        ],
        "audio can't be mixed with other media types",
      ],
    ];
    for (const [media, text] of cases) {
      const { status, description } = await tg.call('sendMediaGroup', { chat_id: CHAT, media });
      assert.deepEqual([status, description], [400, `Bad Request: ${text}`]);
    }
    assert.equal(tg.received.length, 0);
  });

  it('flood-in-album: a 429 in the clothes of a 400, and a part of the album is there', async () => {
    const fault = tg.faults.add({ name: 'flood-in-album', delivered: 3, times: 2 });
    const { send } = album(Array.from({ length: 7 }, () => 'photo'));
    assert.deepEqual(await send(), {
      ok: false,
      error_code: 400,
      description: 'Bad Request: failed to send message #4 with the error message "Too Many Requests: retry after 8"',
      status: 400,
    });
    assert.equal(tg.received.length, 3);
    assert.equal((await album(['video', 'video']).send()).status, 400);
    assert.deepEqual([tg.received.length, fault.bites], [4, 2]);
    assert.equal((await send()).status, 200);
    // A message that is no album passes, and the count says so.
    const idle = tg.faults.add({ name: 'flood-in-album' });
    assert.equal((await tg.call('sendMessage', { chat_id: CHAT, text: 'x' })).status, 200);
    assert.equal(idle.bites, 0);
  });
});

describe('other methods of TelegramSandbox', () => {
  let tg;
  before(async () => {
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
  });
  afterEach(() => tg.reset());
  after(() => tg.close());

  it('copyMessage copies media and text under a new id', async () => {
    const { result: photo } = await tg.call('sendPhoto', { chat_id: 1, photo: { size: 10 }, caption: 'old' });
    const { result: text } = await tg.call('sendMessage', { chat_id: 1, text: 'words' });
    const copy = (message_id, more) => tg.call('copyMessage', { chat_id: -5, from_chat_id: 1, message_id, ...more });
    assert.deepEqual(await copy(photo.message_id), { ok: true, result: { message_id: 1 }, status: 200 });
    assert.deepEqual((await copy(photo.message_id, { caption: 'new' })).result, { message_id: 2 });
    assert.deepEqual((await copy(text.message_id)).result, { message_id: 3 });
    const copies = tg.received.slice(-3);
    assert.deepEqual(
      copies.map(({ chatId, from, fileId, caption, text: words }) => [chatId, from, fileId, caption, words]),
      [
        ['-5', 'copy', photo.photo.at(-1).file_id, 'old', undefined],
        ['-5', 'copy', photo.photo.at(-1).file_id, 'new', undefined],
        ['-5', undefined, undefined, undefined, 'words'],
      ],
    );
    assert.equal((await copy(999)).description, 'Bad Request: message to copy not found');
  });

  it('deleteMessages takes up to a hundred and passes over what is not there', async () => {
    for (let i = 0; i < 3; i += 1) await tg.call('sendMessage', { chat_id: 1, text: 'x' });
    const remove = (message_ids) => tg.call('deleteMessages', { chat_id: 1, message_ids });
    assert.equal((await remove([1, 3, 77])).result, true);
    assert.equal((await remove('[1]')).result, true);
    assert.deepEqual(
      tg.received.map((one) => one.deletedAt !== undefined),
      [true, false, true],
    );
    assert.equal((await remove([])).description, 'Bad Request: message identifiers are not specified');
    const many = await remove(Array.from({ length: 101 }, (_, i) => i + 1));
    assert.equal(many.description, 'Bad Request: too many message identifiers specified');
    assert.equal((await tg.call('deleteMessage', { chat_id: 1, message_id: 1 })).status, 400);
  });

  it('remembers the newest messages only, so that a long run does not fill memory', async () => {
    const small = await TelegramSandbox.start({
      bots: [{ token: TOKEN }],
      limits: false,
      probe: false,
      journalLimit: 5,
    });
    for (let i = 0; i < 1001; i += 1) await small.call('sendMessage', { chat_id: 1, text: 'x' });
    const remove = (message_id) => small.call('deleteMessage', { chat_id: 1, message_id });
    const answers = [await remove(1), await remove(2), await remove(1001)];
    await small.close();
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 200, 200],
    );
    assert.ok(small.received.length <= 6);
  });

  it('getChat has the published shape', async () => {
    const isChat = shapeChecker('TelegramChatFullInfo');
    for (const [chat_id, type] of [
      [42, 'private'],
      [-7, 'group'],
      [-1_001_234_567_890, 'supergroup'],
      ['@somechannel', 'channel'],
    ]) {
      const { result } = await tg.call('getChat', { chat_id });
      isChat(result);
      assert.equal(result.type, type);
    }
  });

  it('tells why a chat is out of reach', async () => {
    const chats = [
      { id: 1, blocked: 'deactivated' },
      { id: -2, blocked: 'deleted' },
      { id: -3, blocked: 'left' },
      { id: -1003, blocked: true },
    ];
    const closed = await TelegramSandbox.start({ bots: [{ token: TOKEN, chats }], limits: false, probe: false });
    const texts = [];
    for (const { id } of chats) {
      texts.push((await closed.call('sendMessage', { chat_id: id, text: 'x' })).description);
    }
    await closed.close();
    assert.deepEqual(texts, [
      'Forbidden: user is deactivated',
      'Forbidden: the group chat was deleted',
      'Forbidden: bot is not a member of the group chat',
      'Forbidden: bot was kicked from the supergroup chat',
    ]);
  });
});
