'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const http = require('node:http');
const { after, afterEach, before, describe, it } = require('node:test');
const { TelegramSandbox } = require('../lib/testing');
const { shapeChecker } = require('./support/schema');
const { TOKEN, sha256 } = require('./support/telegram');
const { CLIENTS } = require('./support/telegram-clients');

const CHAT = 42;
const PICTURE = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(5000)]);

describe('real clients of the Bot API', () => {
  // Made once: it takes seconds.
  const isMessage = shapeChecker('TelegramMessage');
  let site;
  let tg;
  before(async () => {
    site = http.createServer((_req, res) => res.writeHead(200, { 'content-type': 'image/jpeg' }).end(PICTURE));
    await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
    tg = await TelegramSandbox.start({ bots: [{ token: TOKEN }], limits: false, probe: false, keepFiles: true });
  });
  afterEach(() => tg.reset());
  after(async () => {
    site.close();
    await tg.close();
  });

  for (const [name, make] of Object.entries(CLIENTS)) {
    if (name === 'grammY with auto-retry') continue;
    describe(name, () => {
      let client;
      before(() => {
        client = make(TOKEN, tg.url);
      });
      const refusal = (promise) =>
        promise.then(
          () => assert.fail('it should have been refused'),
          (error) => client.refusal(error) || assert.fail(error),
        );

      it('sends by upload, by file_id and by URL', async () => {
        for (const kind of ['photo', 'video', 'audio', 'document', 'voice', 'animation']) {
          const bytes = randomBytes(30_000);
          const message = await client.send(CHAT, kind, { bytes, name: 'my file.bin' }, { caption: 'words' });
          isMessage(message);
          const { sha256: hash, kind: got, caption, from, fileId, fileName } = tg.received.at(-1);
          assert.deepEqual([hash, got, caption, from], [sha256(bytes), kind, 'words', 'upload']);
          assert.match(fileName, /my.file\.bin/);
          assert.equal(tg.issued(fileId).sha256, sha256(bytes));
          const again = await client.send(CHAT, kind, fileId);
          isMessage(again);
          assert.deepEqual([tg.received.at(-1).fileId, tg.received.at(-1).from], [fileId, 'file_id']);
        }
        isMessage(await client.send(CHAT, 'photo', `http://127.0.0.1:${site.address().port}/cat.jpg`));
        const { sha256: hash, from } = tg.received.at(-1);
        assert.deepEqual([hash, from], [sha256(PICTURE), 'url']);
      });

      it('sends an album of an upload, a file_id and a URL', async () => {
        await client.send(CHAT, 'photo', { bytes: randomBytes(100), name: 'a.jpg' });
        const { fileId } = tg.received[0];
        const bytes = randomBytes(40_000);
        const messages = await client.album(CHAT, [
          { type: 'photo', media: { bytes, name: 'b.jpg' }, caption: 'words' },
          { type: 'photo', media: fileId },
          { type: 'photo', media: `http://127.0.0.1:${site.address().port}/c.jpg` },
        ]);
        for (const message of messages) isMessage(message);
        assert.deepEqual(
          tg.received.slice(1).map((one) => one.from),
          ['upload', 'file_id', 'url'],
        );
        assert.equal(tg.received[1].sha256, sha256(bytes));
        const copied = await client.copy(7, CHAT, messages[0].message_id);
        assert.deepEqual([copied.message_id, tg.received.at(-1).from], [1, 'copy']);
        assert.equal(
          await client.deleteMany(
            CHAT,
            messages.map((one) => one.message_id),
          ),
          true,
        );
        assert.equal(tg.received.filter((one) => one.deletedAt).length, 3);
      });

      it('downloads what it sent', async () => {
        const bytes = randomBytes(2000);
        await client.send(CHAT, 'document', { bytes, name: 'a.bin' });
        const { file_path: filePath } = await client.getFile(tg.received[0].fileId);
        const answer = await fetch(`${tg.url}/file/bot${TOKEN}/${filePath}`);
        assert.ok(Buffer.from(await answer.arrayBuffer()).equals(bytes));
      });

      it('understands a migration, a 429 that is too long to wait out, and one in disguise', async () => {
        tg.migrateChat(-5, -1_001_234);
        const moved = await refusal(client.text(-5, 'x'));
        assert.deepEqual([moved.code, moved.parameters], [400, { migrate_to_chat_id: -1_001_234 }]);
        assert.equal((await client.text(moved.parameters.migrate_to_chat_id, 'x')).chat.id, -1_001_234);
        tg.faults.add({ name: 'flood', retryAfter: 3600 });
        const flood = await refusal(client.text(1, 'x'));
        assert.deepEqual([flood.code, flood.parameters], [429, { retry_after: 3600 }]);
        tg.faults.add({ name: 'flood-in-album', delivered: 1 });
        const items = [1, 2].map((n) => ({ type: 'photo', media: { bytes: randomBytes(10), name: `${n}.jpg` } }));
        const disguised = await refusal(client.album(1, items));
        assert.equal(disguised.code, 400);
        assert.match(disguised.description, /#2 with the error message "Too Many Requests: retry after 8"/);
      });
    });
  }

  for (const [name, make] of Object.entries(CLIENTS)) {
    const client = make(TOKEN, 'http://127.0.0.1:9');
    if (!client.retries) continue;
    it(`${name} waits out a 429 of the limits, and is never early`, async () => {
      const limited = await TelegramSandbox.start({ bots: [{ token: TOKEN }], probe: false });
      const patient = make(TOKEN, limited.url);
      await patient.text(1, 'first');
      const second = await patient.text(1, 'second');
      assert.equal(second.text, 'second');
      const { accepted, refused, early } = limited.limitStats();
      assert.deepEqual([accepted, refused.chat, early], [2, 1, 0]);
      await limited.close();
    });
  }
});
