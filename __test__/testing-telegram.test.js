'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const ffmpeg = require('@ffmpeg-installer/ffmpeg').path;
const { Bot, GrammyError, InputFile } = require('grammy');
const { TelegramSandbox } = require('../lib/testing');
const { shapeChecker } = require('./support/schema');

const TOKEN = '123456:AAHtestTokenOfTheFirstBot';
const OTHER = '654321:AAHtestTokenOfTheSecondBot';
const CHAT = 42;

const test = (size, seconds = 1) => ['-f', 'lavfi', '-i', `testsrc=duration=${seconds}:size=${size}:rate=10`];
const sine = (seconds) => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
const H264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'ultrafast'];

/** What ffmpeg is asked for: file name → arguments; `@name` is a file made before. */
const RECIPES = {
  'photo.jpg': [...test('1600x900'), '-frames:v', '1'],
  'small.png': [...test('40x30'), '-frames:v', '1'],
  'wide.png': [...test('630x30'), '-frames:v', '1'],
  'huge.png': ['-f', 'lavfi', '-i', 'color=c=red:size=9000x1010:duration=1', '-frames:v', '1'],
  'video.mp4': [...test('320x240', 2), ...sine(2), ...H264, '-c:a', 'aac', '-shortest'],
  'silent.mp4': [...test('160x120', 3), ...H264],
  'square.mp4': [...test('240x240', 2), ...H264],
  'turned.mp4': ['-i', '@silent.mp4', '-c', 'copy', '-metadata:s:v', 'rotate=90'],
  'moving.gif': [...test('100x80', 2)],
  'audio.mp3': [...sine(3), '-metadata', 'title=Beep', '-metadata', 'artist=Sine'],
  'voice.ogg': [...sine(2), '-c:a', 'libopus'],
  'sound.wav': [...sine(1)],
  'sticker.webp': [...test('512x512'), '-frames:v', '1', '-c:v', 'libwebp'],
  'sticker.webm': [...test('512x512', 1), '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'],
};

describe('TelegramSandbox with grammY and real media', () => {
  let folder;
  let tg;
  let bot;
  let other;
  const isMessage = shapeChecker('TelegramMessage');
  const file = (name) => path.join(folder, name);
  const bytesOf = (name) => fs.readFileSync(file(name));
  const refusal = (promise) =>
    promise.then(
      () => assert.fail('it should have been refused'),
      (error) => {
        assert.ok(error instanceof GrammyError, error.stack);
        return { code: error.error_code, description: error.description, parameters: error.parameters };
      },
    );

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-telegram-test-'));
    for (const [name, args] of Object.entries(RECIPES)) {
      const input = args.map((arg) => (arg.startsWith('@') ? file(arg.slice(1)) : arg));
      execFileSync(ffmpeg, ['-v', 'error', '-y', ...input, '-threads', '1', file(name)]);
    }
    fs.writeFileSync(file('text.pdf'), '%PDF-1.4\n%%EOF\n');
    fs.writeFileSync(file('noise.bin'), Buffer.alloc(5000, 'no media at all '));
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }, { token: OTHER }], limits: false });
    bot = new Bot(TOKEN, { client: { apiRoot: tg.url } });
    other = new Bot(OTHER, { client: { apiRoot: tg.url } });
  });
  after(async () => {
    await tg.close();
    fs.rmSync(folder, { recursive: true });
  });

  it('getMe has the published shape and satisfies grammY', async () => {
    await bot.init();
    shapeChecker('TelegramUser')(await bot.api.getMe());
    assert.equal(bot.botInfo.id, 123456);
  });

  /** Sends a file and checks all that must hold whatever the kind. */
  async function send(method, name, more = {}) {
    const message = await bot.api[method](CHAT, new InputFile(file(name)), more);
    isMessage(message);
    const record = tg.received.at(-1);
    const bytes = bytesOf(name);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    assert.deepEqual(
      [record.method, record.chatId, record.messageId, record.bytes, record.sha256, record.fileName],
      [method, String(CHAT), message.message_id, bytes.length, sha256, name],
    );
    const issued = tg.issued(record.fileId);
    assert.deepEqual([issued.sha256, issued.botId, issued.kind], [sha256, 123456, record.kind]);
    return { message, record };
  }

  const CASES = [
    ['sendVideo', 'video.mp4', 'video', { width: 320, height: 240, duration: 2, mime_type: 'video/mp4' }],
    ['sendVideo', 'turned.mp4', 'video', { width: 120, height: 160, duration: 3 }],
    ['sendVideo', 'noise.bin', 'document', { mime_type: 'application/octet-stream' }],
    ['sendAudio', 'audio.mp3', 'audio', { duration: 3, title: 'Beep', performer: 'Sine', mime_type: 'audio/mpeg' }],
    ['sendAudio', 'text.pdf', 'document', {}],
    ['sendVoice', 'voice.ogg', 'voice', { duration: 2, mime_type: 'audio/ogg' }],
    ['sendVoice', 'sound.wav', 'audio', { duration: 1 }],
    ['sendAnimation', 'moving.gif', 'animation', { width: 100, height: 80, duration: 2 }],
    ['sendAnimation', 'silent.mp4', 'animation', { width: 160, height: 120, duration: 3 }],
    ['sendAnimation', 'video.mp4', 'video', { width: 320, height: 240 }],
    ['sendDocument', 'text.pdf', 'document', { file_name: 'text.pdf', file_size: 15 }],
    ['sendDocument', 'audio.mp3', 'document', { mime_type: 'audio/mpeg' }],
    ['sendDocument', 'video.mp4', 'document', {}],
    ['sendDocument', 'moving.gif', 'animation', { width: 100, height: 80 }],
    ['sendSticker', 'sticker.webp', 'sticker', { width: 512, height: 512, is_video: false, is_animated: false }],
    ['sendSticker', 'sticker.webm', 'sticker', { width: 512, height: 512, is_video: true }],
    ['sendSticker', 'small.png', 'document', {}],
    ['sendVideoNote', 'square.mp4', 'video_note', { length: 240, duration: 2 }],
    ['sendVideoNote', 'video.mp4', 'video', { width: 320 }],
  ];
  for (const [method, name, kind, expected] of CASES) {
    it(`${method} of ${name} answers ${kind}`, async () => {
      const { message, record } = await send(method, name);
      assert.equal(record.kind, kind);
      const media = message[kind];
      for (const [field, value] of Object.entries(expected)) assert.equal(media[field], value, field);
      assert.equal(media.file_id, record.fileId);
      assert.equal(media.file_size, record.bytes);
      assert.deepEqual(message.animation !== undefined, kind === 'animation');
      // An animation is a document too, for clients that know no animations.
      assert.deepEqual(message.document !== undefined, kind === 'document' || kind === 'animation');
      if (kind === 'animation') assert.equal(message.document.file_id, message.animation.file_id);
    });
  }

  it('sendDocument leaves the type alone when told so', async () => {
    const { record } = await send('sendDocument', 'moving.gif', { disable_content_type_detection: true });
    assert.equal(record.kind, 'document');
  });

  it('sendPhoto answers sizes, largest last', async () => {
    const { message, record } = await send('sendPhoto', 'photo.jpg', { caption: 'a test picture', has_spoiler: true });
    assert.deepEqual([message.caption, message.has_media_spoiler], ['a test picture', true]);
    const sides = message.photo.map(({ width, height }) => [width, height]);
    assert.deepEqual(sides, [
      [90, 51],
      [320, 180],
      [800, 450],
      [1280, 720],
      [1600, 900],
    ]);
    assert.equal(message.photo.at(-1).file_id, record.fileId);
    assert.equal(new Set(message.photo.map((size) => size.file_unique_id)).size, 5);
    assert.deepEqual(
      message.photo.map(({ file_id }) => tg.issued(file_id).width),
      [90, 320, 800, 1280, 1600],
    );
    const small = await send('sendPhoto', 'small.png');
    assert.equal(small.message.photo.length, 2);
    // A GIF is a photo to sendPhoto.
    assert.equal((await send('sendPhoto', 'moving.gif')).message.photo.at(-1).width, 100);
  });

  it('refuses what cannot be a photo', async () => {
    const photo = (name) => refusal(bot.api.sendPhoto(CHAT, new InputFile(file(name))));
    for (const name of ['noise.bin', 'video.mp4', 'audio.mp3']) {
      assert.deepEqual(await photo(name), {
        code: 400,
        description: 'Bad Request: IMAGE_PROCESS_FAILED',
        parameters: {},
      });
    }
    for (const name of ['wide.png', 'huge.png']) {
      assert.equal((await photo(name)).description, 'Bad Request: PHOTO_INVALID_DIMENSIONS', name);
    }
    const large = Buffer.concat([bytesOf('photo.jpg'), Buffer.alloc(10 * 1024 * 1024)]);
    const tooLarge = await refusal(bot.api.sendPhoto(CHAT, new InputFile(large, 'large.jpg')));
    assert.deepEqual([tooLarge.code, tooLarge.description], [413, 'Request Entity Too Large']);
  });

  it('refuses long captions, empty files and missing ones', async () => {
    const input = () => new InputFile(file('text.pdf'));
    const long = await refusal(bot.api.sendDocument(CHAT, input(), { caption: 'x'.repeat(1025) }));
    assert.equal(long.description, 'Bad Request: message caption is too long');
    const empty = await refusal(bot.api.sendDocument(CHAT, new InputFile(Buffer.alloc(0), 'empty')));
    assert.equal(empty.description, 'Bad Request: file must be non-empty');
    const none = await refusal(bot.api.sendDocument(CHAT, ''));
    assert.equal(none.description, 'Bad Request: there is no document in the request');
  });

  it('takes a thumbnail', async () => {
    const thumbnail = new InputFile(file('small.png'));
    const { message } = await send('sendVideo', 'video.mp4', { thumbnail });
    assert.deepEqual([message.video.thumbnail.width, message.video.thumbnail.height], [40, 30]);
  });

  it('keeps file names with spaces, quotes and accents', async () => {
    const name = 'my "naïve" file; v2 (日本).pdf';
    const message = await bot.api.sendDocument(CHAT, new InputFile(file('text.pdf'), name));
    assert.equal(message.document.file_name, name);
  });

  it('sends by file_id: same bot and kind only', async () => {
    const { message } = await send('sendVideo', 'video.mp4');
    const id = message.video.file_id;
    const again = await bot.api.sendVideo(-77, id, { caption: 'again' });
    isMessage(again);
    assert.deepEqual(again.video, message.video);
    assert.deepEqual([again.caption, again.chat.type, tg.received.at(-1).reused], ['again', 'group', true]);
    const wrong = 'Bad Request: wrong file identifier/HTTP URL specified';
    for (const attempt of [
      bot.api.sendPhoto(CHAT, id),
      bot.api.sendDocument(CHAT, id),
      bot.api.sendVideo(CHAT, `${id}x`),
      bot.api.sendVideo(CHAT, 'nonsense'),
      other.api.sendVideo(CHAT, id),
    ]) {
      assert.deepEqual(await refusal(attempt), { code: 400, description: wrong, parameters: {} });
    }
    // Any size of a photo stands for the whole photo.
    const { message: picture } = await send('sendPhoto', 'photo.jpg');
    const byThumbnail = await bot.api.sendPhoto(CHAT, picture.photo[0].file_id);
    assert.deepEqual(byThumbnail.photo, picture.photo);
  });

  it('gives every upload its own file_id, and equal bytes one file_unique_id across bots', async () => {
    const input = () => new InputFile(file('video.mp4'));
    const mine = (await bot.api.sendVideo(CHAT, input())).video;
    const mineAgain = (await bot.api.sendVideo(CHAT, input())).video;
    const theirs = (await other.api.sendVideo(CHAT, input())).video;
    assert.equal(new Set([mine.file_id, mineAgain.file_id, theirs.file_id]).size, 3);
    assert.equal(new Set([mine, mineAgain, theirs].map((one) => one.file_unique_id)).size, 1);
    assert.notEqual(
      (await bot.api.sendVideo(CHAT, new InputFile(file('turned.mp4')))).video.file_unique_id,
      mine.file_unique_id,
    );
  });

  it('getFile and the download give the bytes back, to the right bot only', async () => {
    const isFile = shapeChecker('TelegramFile');
    const large = Buffer.concat([bytesOf('video.mp4'), Buffer.alloc(3_000_000, 7)]);
    for (const bytes of [bytesOf('text.pdf'), large]) {
      const { document } = await bot.api.sendDocument(CHAT, new InputFile(bytes, 'back.bin'));
      const found = await bot.api.getFile(document.file_id);
      isFile(found);
      assert.equal((await bot.api.getFile(document.file_id)).file_path, found.file_path);
      const download = (token) => fetch(`${tg.url}/file/bot${token}/${found.file_path}`);
      assert.ok(Buffer.from(await (await download(TOKEN)).arrayBuffer()).equals(bytes));
      assert.equal((await download(OTHER)).status, 404);
      assert.equal((await refusal(other.api.getFile(document.file_id))).description, 'Bad Request: invalid file_id');
    }
    const { document } = await bot.api.sendDocument(CHAT, new InputFile(randomBytes(20 * 1024 * 1024 + 1), 'big.bin'));
    assert.equal((await refusal(bot.api.getFile(document.file_id))).description, 'Bad Request: file is too big');
  });

  it('sendMessage and deleteMessage', async () => {
    const message = await bot.api.sendMessage(CHAT, 'hello', { protect_content: true });
    isMessage(message);
    assert.deepEqual([message.text, message.has_protected_content], ['hello', true]);
    assert.equal(await bot.api.deleteMessage(CHAT, message.message_id), true);
    assert.ok(tg.received.at(-1).deletedAt);
    const gone = await refusal(bot.api.deleteMessage(CHAT, message.message_id));
    assert.equal(gone.description, 'Bad Request: message to delete not found');
    assert.equal((await refusal(bot.api.sendMessage(CHAT, ' '))).description, 'Bad Request: message text is empty');
  });

  it('a 429 reaches grammY with its retry_after', async () => {
    const fault = tg.faults.add({ kind: 'status', status: 429, retryAfter: 7, match: { apiMethod: 'sendPhoto' } });
    const error = await refusal(bot.api.sendPhoto(CHAT, new InputFile(file('small.png'))));
    assert.deepEqual([error.code, error.parameters.retry_after, fault.bites], [429, 7, 1]);
    assert.equal(error.description, 'Too Many Requests: retry after 7');
    isMessage(await bot.api.sendPhoto(CHAT, new InputFile(file('small.png'))));
  });

  it('looks into bytes it does not keep, also when equal ones arrive at once', async () => {
    const light = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, keepFiles: false });
    const { api } = new Bot(TOKEN, { client: { apiRoot: light.url } });
    // Above 1 MiB, so that they pass through a temporary file.
    const bytes = Buffer.concat([bytesOf('video.mp4'), Buffer.alloc(2_000_000)]);
    const send = () => api.sendVideo(CHAT, new InputFile(bytes, 'video.mp4'));
    for (const { video } of await Promise.all([send(), send(), send(), send()])) {
      assert.deepEqual([video.width, video.duration], [320, 2]);
      assert.equal((await api.getFile(video.file_id)).file_path, undefined);
    }
    await light.close();
  });

  it('keeps its answers in shape for every kind of chat', async () => {
    for (const chat of [1, -5, -1_001_234_567_890, '@somechannel']) {
      const message = await bot.api.sendDocument(chat, new InputFile(file('text.pdf')));
      isMessage(message);
    }
    const types = tg.received.slice(-4).map((one) => one.chatId.slice(0, 4));
    assert.deepEqual(types, ['1', '-5', '-100', '-100']);
  });
});
