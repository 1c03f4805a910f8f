'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { ManualClock, TelegramSandbox } = require('../lib/testing');
const { NAMES } = require('../lib/testing/telegram/fault-names');
const { FORM, TOKEN, call, documentOf, multipart } = require('./support/telegram');

/** name → status, description, messages that took effect, parameters. */
const REFUSALS = {
  flood: [429, 'Too Many Requests: retry after 1', 0, { retry_after: 1 }],
  'flood-in-text-only': [429, 'Too Many Requests: retry after 1'],
  'flood-without-time': [429, 'Too Many Requests'],
  'chat-not-found': [400, 'Bad Request: chat not found'],
  'not-enough-rights': [400, 'Bad Request: not enough rights to send photos to the chat'],
  'photo-invalid-dimensions': [400, 'Bad Request: PHOTO_INVALID_DIMENSIONS'],
  'image-process-failed': [400, 'Bad Request: IMAGE_PROCESS_FAILED'],
  'wrong-file-id': [400, 'Bad Request: wrong file identifier/HTTP URL specified'],
  'wrong-remote-file-id': [400, 'Bad Request: wrong remote file identifier specified: Wrong padding in the string'],
  'file-unavailable': [400, 'Bad Request: wrong file_id or the file is temporarily unavailable'],
  'invalid-file-id': [400, 'Bad Request: invalid file_id'],
  'url-content-failed': [400, 'Bad Request: failed to get HTTP URL content'],
  'url-wrong-type': [400, 'Bad Request: wrong type of the web page content'],
  'webpage-curl-failed': [400, 'Bad Request: WEBPAGE_CURL_FAILED'],
  'webpage-media-empty': [400, 'Bad Request: WEBPAGE_MEDIA_EMPTY'],
  'file-too-big': [400, 'Bad Request: file is too big'],
  unauthorized: [401, 'Unauthorized'],
  blocked: [403, 'Forbidden: bot was blocked by the user'],
  kicked: [403, 'Forbidden: bot was kicked from the supergroup chat'],
  deactivated: [403, 'Forbidden: user is deactivated'],
  'not-a-member': [403, 'Forbidden: bot is not a member of the channel chat'],
  'group-deleted': [403, 'Forbidden: the group chat was deleted'],
  'not-found': [404, 'Not Found'],
  'method-not-found': [404, 'Not Found: method not found'],
  conflict: [409, 'Conflict: terminated by other getUpdates request'],
  'too-large': [413, 'Request Entity Too Large'],
  misdirected: [421, 'Misdirected Request: unallowed token specified'],
  internal: [500, 'Internal Server Error'],
  restart: [500, 'Internal Server Error: restart'],
};

/** name → messages that took effect, and what must hold of the answer. */
const ODD = {
  'internal-html': [0, ({ status, text }) => status === 500 && text.startsWith('<html>')],
  'bad-gateway': [0, ({ status, text }) => status === 502 && text.startsWith('<html>')],
  'bad-gateway-after-effect': [1, ({ status, text }) => status === 502 && text.startsWith('<html>')],
  'gateway-timeout': [1, ({ status, text }) => status === 504 && text.startsWith('<html>')],
  'reset-before-body': [0, ({ status, error }) => status === null && error],
  'reset-mid-body': [0, ({ status, error }) => status === null && error],
  'reset-after-body': [0, ({ status, error }) => status === null && error],
  'reset-after-effect': [1, ({ status, error }) => status === null && error],
  slow: [1, ({ status }) => status === 200],
  trickle: [1, ({ status, json }) => status === 200 && json.ok],
  truncated: [1, ({ complete, text }) => !complete && text.length > 0],
  empty: [1, ({ status, text }) => status === 200 && text === ''],
  'malformed-json': [1, ({ status, json, complete }) => status === 200 && json === undefined && complete],
  'deep-json': [1, ({ text }) => text.includes('[[[[')],
  'ok-missing': [1, ({ json }) => json.ok === undefined && json.result],
  'wrong-types': [1, ({ json }) => json.ok === 'yes'],
  redirect: [0, ({ status, headers, text }) => status === 302 && headers.location === '/redirected' && text === ''],
  'as-animation': [1, ({ json }) => json.result.animation && json.result.document],
  'as-document': [1, ({ json }) => json.result.document && !json.result.video],
  'as-video': [1, ({ json }) => json.result.video],
  'missing-unique-id': [1, ({ json }) => !('file_unique_id' in mediaOf(json))],
  'weak-unique-id': [1, ({ json }) => mediaOf(json).file_unique_id.length === 8],
};

const mediaOf = ({ result }) => result.document ?? result.video;

/** These have tests of their own. */
const ELSEWHERE = [
  'flood-of-chat',
  'flood-of-bot',
  'stall',
  'stall-after-effect',
  'gzip-bomb',
  'migrate',
  'flood-in-album',
];

describe('the faults of TelegramSandbox by name', () => {
  let tg;
  const bytes = randomBytes(20_000);
  const url = (method) => `${tg.url}/bot${TOKEN}/${method}`;
  const upload = (method = 'sendDocument', body = documentOf(bytes), more = {}) =>
    call(url(method), { headers: { ...FORM, 'content-length': body.length }, chunks: [body], ...more });

  before(async () => {
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false });
  });
  afterEach(() => tg.reset());
  after(() => tg.close());

  it('every name is looked at here', () => {
    assert.deepEqual([...Object.keys(REFUSALS), ...Object.keys(ODD), ...ELSEWHERE].sort(), Object.keys(NAMES).sort());
  });

  for (const [name, [status, description, sent = 0, parameters]] of Object.entries(REFUSALS)) {
    it(`${name}: ${status} ${description}`, async () => {
      const fault = tg.faults.add({ name });
      const answer = await upload();
      assert.deepEqual(answer.json, { ok: false, error_code: status, description, ...(parameters && { parameters }) });
      assert.equal(answer.status, status);
      assert.equal(answer.headers['retry-after'], parameters ? String(parameters.retry_after) : undefined);
      assert.deepEqual([fault.bites, tg.received.length, tg.requests[0].faults], [1, sent, [name]]);
      assert.equal((await upload()).status, 200, 'harm is over');
    });
  }

  for (const [name, [sent, holds]] of Object.entries(ODD)) {
    it(`${name}: ${sent === 1 ? 'after' : 'before'} it took effect`, async () => {
      const video = multipart(
        ['Content-Disposition: form-data; name="chat_id"', '42'],
        ['Content-Disposition: form-data; name="video"; filename="a.mp4"', bytes],
      );
      const fault = tg.faults.add({ name, ...(name === 'slow' && { ms: 5 }) });
      const [method, body] = name === 'as-document' ? ['sendVideo', video] : ['sendDocument', documentOf(bytes)];
      const answer = await upload(method, body);
      assert.ok(holds(answer), answer.text);
      assert.deepEqual([fault.bites, tg.received.length], [1, sent]);
    });
  }

  it('gzip-bomb: a small answer that is large when unpacked', async () => {
    const fault = tg.faults.add({ name: 'gzip-bomb', size: 8 * 1024 * 1024 });
    // Raw bytes are wanted here, not text.
    const answer = await fetch(url('getMe'), { headers: { 'accept-encoding': 'identity' } });
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    assert.ok(Number(answer.headers.get('content-length')) < 20_000);
    const text = await answer.text();
    assert.equal(text.length, 8 * 1024 * 1024);
    assert.equal(JSON.parse(text).ok, true);
    assert.equal(fault.bites, 1);
  });

  for (const [name, sent] of Object.entries({ stall: 0, 'stall-after-effect': 1 })) {
    it(`${name}: hangs until the client gives up`, async () => {
      const fault = tg.faults.add({ name });
      let req;
      const pending = upload('sendDocument', documentOf(bytes), {
        onRequest: (one) => {
          req = one;
        },
      });
      await fault.bitten();
      req.destroy();
      assert.equal((await pending).status, null);
      assert.equal(tg.received.length, sent);
    });
  }

  it('migrate: the old id is refused from then on, the new one works; a private chat cannot move', async () => {
    const fault = tg.faults.add({ name: 'migrate', times: Infinity });
    const send = (chat) => tg.call('sendMessage', { chat_id: chat, text: 'x' });
    assert.equal((await send(5)).status, 200);
    assert.equal(fault.bites, 0);
    const moved = await send(-5);
    assert.deepEqual(moved, {
      ok: false,
      error_code: 400,
      description: 'Bad Request: group chat was upgraded to a supergroup chat',
      parameters: { migrate_to_chat_id: -1_000_000_000_005 },
      status: 400,
    });
    tg.faults.clear();
    assert.equal((await send(-5)).status, 400);
    assert.equal((await send(-1_000_000_000_005)).result.chat.type, 'supergroup');
    assert.equal(tg.migrateChat(-6, -100_123), -100_123);
    assert.equal((await send(-6)).parameters.migrate_to_chat_id, -100_123);
    const closed = await TelegramSandbox.start({ bots: [{ token: TOKEN, chats: [-7] }], limits: false, probe: false });
    closed.migrateChat(-7);
    assert.equal((await closed.call('sendMessage', { chat_id: -1_000_000_000_007, text: 'x' })).status, 200);
    await closed.close();
  });

  for (const [name, otherChat] of Object.entries({ 'flood-of-chat': 200, 'flood-of-bot': 429 })) {
    for (const limits of [false, {}]) {
      it(`${name} blocks until its time is over, limits ${limits ? 'on' : 'off'}`, async () => {
        const clock = new ManualClock();
        const bots = [{ token: TOKEN }, { token: '654321:other' }];
        const own = await TelegramSandbox.start({ bots, clock, limits, probe: false });
        const send = async (chat_id, botId = 123456) =>
          (await own.call('sendMessage', { chat_id, text: 'x' }, { botId })).status;
        const fault = own.faults.add({ name, retryAfter: 35 });
        const hit = await own.call('sendMessage', { chat_id: 1, text: 'x' }, { botId: 123456 });
        assert.deepEqual(hit.parameters, { retry_after: 35 });
        assert.deepEqual([await send(1), await send(2), await send(1, 654321)], [429, otherChat, 200]);
        clock.advance(34_999);
        assert.equal(await send(1), 429);
        clock.advance(1);
        assert.equal(await send(1), 200);
        const { refused, early } = own.limitStats();
        assert.deepEqual([refused.injected, early, fault.bites], [1, otherChat === 429 ? 3 : 2, 1]);
        await own.close();
      });
    }
  }

  it('a weak file_unique_id is in the answer only, and in that of one file only', async () => {
    tg.faults.add({ name: 'weak-unique-id', times: 2 });
    const { result } = await tg.call('sendDocument', { chat_id: 1, document: { size: 10 } });
    const { file_id: id, file_unique_id: weak } = result.document;
    const { fileUniqueId } = tg.issued(id);
    assert.ok(fileUniqueId.startsWith(weak) && fileUniqueId.length > 10);
    const media = [id, id].map((one) => ({ type: 'document', media: one }));
    const { result: album } = await tg.call('sendMediaGroup', { chat_id: 1, media });
    assert.deepEqual(
      album.map(({ document }) => document.file_unique_id),
      [weak, fileUniqueId],
    );
  });

  it('a direct call passes by what needs a connection, and leaves it for the next request', async () => {
    const reset = tg.faults.add({ name: 'reset-after-body' });
    const empty = tg.faults.add({ name: 'empty' });
    assert.equal((await tg.call('sendMessage', { chat_id: 1, text: 'x' })).status, 200);
    assert.deepEqual([reset.seen, empty.seen], [0, 0]);
    assert.equal((await upload()).status, null);
    assert.equal((await upload()).text, '');
    assert.deepEqual([reset.bites, empty.bites], [1, 1]);
  });

  it('the 3rd sendPhoto, and the 2nd and 4th message', async () => {
    const photo = tg.faults.add({ name: 'image-process-failed', nth: 3, match: { apiMethod: 'sendPhoto' } });
    const text = tg.faults.add({ name: 'flood', retryAfter: 35, nth: [2, 4], match: { apiMethod: 'sendMessage' } });
    const statuses = [];
    for (let i = 0; i < 5; i += 1) {
      statuses.push((await tg.call('sendPhoto', { chat_id: 1, photo: { size: 10 } })).status);
      const { status, parameters } = await tg.call('sendMessage', { chat_id: 1, text: 'x' });
      statuses.push(status);
      if (status === 429) assert.deepEqual(parameters, { retry_after: 35 });
    }
    assert.deepEqual(statuses, [200, 200, 200, 429, 400, 200, 200, 429, 200, 200]);
    assert.deepEqual([photo.bites, text.bites], [1, 2]);
  });

  it('refuses a fault that says nothing sensible', () => {
    for (const spec of [
      { name: 'no-such-name' },
      { name: 'flood', kind: 'status' },
      { kind: 'status' },
      { name: 'flood', nth: 0 },
      { name: 'flood', nth: 1, times: 2 },
      { kind: 'truncate' },
      { kind: 'truncate', bytes: 1, fraction: 0.5 },
      { kind: 'truncate', fraction: 1 },
      { kind: 'changeKind' },
      { kind: 'changeEtag' },
      { kind: 'flood' },
      { name: 'migrate', to: 5 },
    ]) {
      assert.throws(() => tg.faults.add(spec), { code: 'ERR_WARMPATH_INVALID_OPTION' }, JSON.stringify(spec));
    }
  });
});
