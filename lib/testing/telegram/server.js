'use strict';

const { clockOf } = require('../clock');
const { control, faultRoutes, isControl } = require('../control');
const { FaultBook } = require('../faults/book');
const { Journal } = require('../journal');
const { Sandbox, listen } = require('../server');
const { BotRegistry } = require('./bots');
const { callDirectly } = require('./direct');
const { BotApiRefusal } = require('./errors');
const { TELEGRAM_FAULTS } = require('./faults');
const { Fetcher } = require('./fetch');
const { FileStore } = require('./files');
const { serve } = require('./http');
const { Limiter } = require('./limits/limiter');
const { MessageStore } = require('./messages');
const { readTelegramOptions } = require('./options');
const { Prober } = require('./probe');

const MIN_MESSAGES = 1000;

/** The Bot API on loopback. See index.d.ts for the whole description. */
class TelegramSandbox extends Sandbox {
  #server;
  /** What the methods work with. */
  #room;

  static async start(given) {
    const options = readTelegramOptions(given);
    const clock = clockOf(options.clock);
    const self = new TelegramSandbox();
    // Asked for when it is needed: the server starts last.
    const signal = () => self.#server.signal;
    self.received = Journal.of(options.journalLimit);
    self.requests = Journal.of(options.journalLimit);
    self.faults = new FaultBook(TELEGRAM_FAULTS);
    const { keepFiles, local, saveTo, probe, noticeMs } = options;
    self.#room = {
      options,
      limiter: new Limiter(options.limits, { clock, local, signal, noticeMs }),
      bots: new BotRegistry(),
      // Bytes must be at hand for a look into them, even when they are dropped afterwards.
      files: new FileStore({ keep: keepFiles || probe, saveTo, local }),
      messages: new MessageStore(Math.max(MIN_MESSAGES, options.journalLimit)),
      fetcher: new Fetcher(options, signal),
      prober: probe ? new Prober() : null,
      received: self.received,
      requests: self.requests,
      faults: self.faults,
    };
    for (const bot of options.bots) self.#room.bots.add(bot);
    self.#server = await listen(
      self,
      { ...options, clock },
      {
        handle: (req, res) =>
          isControl(req.url) ? control(req, res, self.#routes()) : serve(self.#room, self.#server, req, res),
        failure: (why) => new BotApiRefusal(500, `Internal Server Error: ${why}`).answer,
      },
    );
    return self;
  }

  get bots() {
    return this.#room.bots.list();
  }

  addBot(bot) {
    return this.#room.bots.add(bot);
  }

  addChat(botId, chat) {
    this.#room.bots.addChat(botId, chat);
  }

  migrateChat(chatId, to) {
    return this.#room.bots.migrate(chatId, to);
  }

  call(method, fields = {}, { botId } = {}) {
    return callDirectly(this.#room, this.#server, method, fields, botId);
  }

  limitStats() {
    return this.#room.limiter.stats();
  }

  get fetches() {
    return this.#room.fetcher.gets;
  }

  issued(fileId) {
    const record = this.#room.files.lookup(fileId);
    if (!record) return undefined;
    const { fields, ...upload } = record.upload;
    const size = (fields[record.kind] ?? []).find?.((one) => one.file_id === fileId);
    const geometry = size ? { width: size.width, height: size.height } : {};
    const { fileUniqueId, botId, kind, at, content } = record;
    const path = content.file ?? undefined;
    return { ...upload, ...geometry, kind, sha256: content.sha256, fileId, fileUniqueId, botId, at, path };
  }

  reset() {
    this.faults.clear();
    this.received.clear();
    this.requests.clear();
    this.#room.limiter.reset();
    this.#room.bots.reset();
    this.#room.messages.clear();
    this.#room.fetcher.reset();
    this.#room.files.clear();
  }

  async close() {
    await super.close();
    await this.#room.prober?.close();
    this.#room.files.clear();
  }

  #routes() {
    const done = (action) => () => {
      action();
      return { ok: true };
    };
    return {
      ...faultRoutes(this.faults),
      'GET received': () => this.received,
      'DELETE received': done(() => this.received.clear()),
      'GET requests': () => this.requests,
      'DELETE requests': done(() => this.requests.clear()),
      'GET issued': ({ rest }) => this.issued(rest),
      'GET limits': () => this.limitStats(),
      'GET bots': () => this.bots,
      'POST bots': async ({ body }) => this.addBot(await body()),
      'POST chats': async ({ body }) => {
        const { botId, chat } = await body();
        this.addChat(botId, chat);
        return { ok: true };
      },
      'POST migrate': async ({ body }) => {
        const { chatId, to } = await body();
        return { to: this.migrateChat(chatId, to) };
      },
      'POST reset': done(() => this.reset()),
    };
  }
}

module.exports = { TelegramSandbox };
