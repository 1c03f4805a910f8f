'use strict';

const { requirePeer } = require('../../peer');
const { control, faultRoutes, isControl } = require('../control');
const { deliver, waitFor } = require('../deliver');
const { FaultBook } = require('../faults');
const { intake } = require('../intake');
const { Journal } = require('../journal');
const { is, readOptions } = require('../options');
const { Sandbox, listen } = require('../server');
const { readBody } = require('./body');
const { BotRegistry } = require('./bots');
const { BotApiRefusal, success } = require('./errors');
const { FileStore } = require('./files');
const { RateLimiter } = require('./limits');
const { METHODS } = require('./methods');
const { Prober } = require('./probe');
const { spoil, spoilLate } = require('./spoil');
const { parseTarget } = require('./target');

const MIB = 1024 * 1024;

const OPTIONS = {
  port: { ...is.port, default: 0 },
  host: { ...is.text, default: '127.0.0.1' },
  bots: { ...is.list, default: [] },
  tls: is.object,
  limits: { check: (v) => v === false || is.object.check(v), hint: 'an object, or false' },
  maxUploadBytes: { ...is.positive, default: 50 * MIB },
  maxPhotoBytes: { ...is.positive, default: 10 * MIB },
  probe: { ...is.flag, default: true },
  probeMaxBytes: { ...is.count, default: Number.MAX_SAFE_INTEGER },
  keepFiles: is.flag,
  clock: { ...is.fn, default: () => performance.now() },
  journalLimit: { ...is.count, default: 20_000 },
};

const LIMITS = {
  chatPerSecond: { ...is.positive, default: 1 },
  chatBurst: { ...is.positive, default: 1 },
  groupPerMinute: { ...is.positive, default: 20 },
  botPerSecond: { ...is.positive, default: 30 },
};

const KINDS = [
  'status',
  'stallBeforeHead',
  'stallAfterBytes',
  'cutAfterBytes',
  'trickle',
  'truncate',
  'delay',
  'malformedJson',
  'emptyBody',
  'answerThenClose',
];

const FAULT_FACTS = { matchers: ['method', 'apiMethod', 'botId', 'chatId'], lateMatchers: ['chatId'], kinds: KINDS };

/** The Bot API on loopback. See index.d.ts for the whole description. */
class TelegramSandbox extends Sandbox {
  #server;
  /** What the methods work with. */
  #room;

  static async start(options) {
    const read = readOptions('TelegramSandbox.start', options, OPTIONS);
    // Here, so that a missing package stops the start and not the first upload.
    requirePeer('@fastify/busboy', 'TelegramSandbox');
    if (read.probe) requirePeer('mediainfo.js', 'TelegramSandbox');
    const self = new TelegramSandbox();
    const rates = read.limits === false ? false : readOptions('TelegramSandbox.start limits', read.limits, LIMITS);
    const limits = { ...read, keepFiles: read.keepFiles ?? read.probe };
    self.received = Journal.of(read.journalLimit);
    self.requests = Journal.of(read.journalLimit);
    self.#room = {
      limits,
      limiter: new RateLimiter(rates, read.clock),
      bots: new BotRegistry(),
      // Bytes must be at hand for a look into them, even when they are dropped afterwards.
      files: new FileStore(limits.keepFiles || read.probe),
      prober: read.probe ? new Prober() : null,
      received: self.received,
    };
    for (const bot of read.bots) self.#room.bots.add(bot);
    self.faults = new FaultBook(FAULT_FACTS);
    self.#server = await listen(self, read, {
      handle: (req, res) => self.#handle(req, res),
      failure: (why) => new BotApiRefusal(500, `Internal Server Error: ${why}`).answer,
    });
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

  issued(fileId) {
    const record = this.#room.files.lookup(fileId);
    if (!record) return undefined;
    const { fields, ...upload } = record.upload;
    const size = (fields[record.kind] ?? []).find?.((one) => one.file_id === fileId);
    const geometry = size ? { width: size.width, height: size.height } : {};
    const { fileUniqueId, botId, kind, at } = record;
    return { ...upload, ...geometry, kind, sha256: record.content.sha256, fileId, fileUniqueId, botId, at };
  }

  reset() {
    this.faults.clear();
    this.received.clear();
    this.requests.clear();
    this.#room.limiter.reset();
    this.#room.bots.reset();
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
      'GET bots': () => this.bots,
      'POST bots': async ({ body }) => this.addBot(await body()),
      'POST chats': async ({ body }) => {
        const { botId, chat } = await body();
        this.addChat(botId, chat);
        return { ok: true };
      },
      'POST reset': done(() => this.reset()),
    };
  }

  async #handle(req, res) {
    if (isControl(req.url)) return control(req, res, this.#routes());
    const entry = this.requests.add({
      seq: this.requests.nextSequence(),
      at: Date.now(),
      httpMethod: req.method,
      method: null,
      botId: null,
      chatId: null,
      encoding: null,
      bytes: 0,
      parts: [],
      status: null,
      description: null,
      retryAfter: null,
      faults: [],
    });
    res.once('close', () => {
      entry.ms = Date.now() - entry.at;
    });
    const { answer, fault } = await this.#answer(req, entry);
    // Nobody was there any more to get it.
    entry.status = req.socket.destroyed ? null : answer.status;
    await deliver(this.#server, req, res, answer, fault);
  }

  /** The stages of a request: sender, head stage faults, body, body stage faults, the method, answer stage faults. */
  async #answer(req, entry) {
    const take = async (stage) => {
      const facts = { method: req.method, apiMethod: entry.method, botId: entry.botId, chatId: entry.chatId };
      const due = this.faults.take(stage, facts);
      for (const fault of [...due.modifiers, due.main]) if (fault) entry.faults.push(fault.kind);
      await waitFor(this.#server, due.modifiers);
      return due.main;
    };
    let body;
    try {
      const target = parseTarget(req.url);
      if (!target) throw new BotApiRefusal(404, 'Not Found');
      const bot = this.#room.bots.authenticate(target.token);
      entry.botId = bot.id;
      entry.method = target.download ? 'file' : target.method;
      const early = await take('head');
      if (early && early.side !== 'request') return spoil(early);
      if (target.download) {
        const answer = this.#download(bot, target.download);
        const middle = await take('body');
        if (middle) return spoil(middle);
        return spoilLate(answer, await take('answer'));
      }
      const call = METHODS.get(target.method.toLowerCase());
      if (!call) throw new BotApiRefusal(404, 'Not Found: method not found');
      body = await readBody(req, intake(this.#server, req, early), {
        maxUploadBytes: this.#room.limits.maxUploadBytes,
        newSpool: () => this.#room.files.newSpool(),
      });
      note(entry, body);
      const middle = await take('body');
      if (middle) return spoil(middle);
      const answer = success(await call({ bot, body, sandbox: this.#room, entry }));
      return spoilLate(answer, await take('answer'));
    } catch (error) {
      if (!(error instanceof BotApiRefusal)) throw error;
      entry.description = error.message;
      entry.retryAfter = error.parameters?.retry_after ?? null;
      return { answer: error.answer, fault: null };
    } finally {
      await this.#discardUnused(body);
    }
  }

  #download(bot, filePath) {
    const record = this.#room.files.byPath(bot.id, filePath);
    const { data, file, size } = record?.content ?? {};
    if (!data && !file) throw new BotApiRefusal(404, 'Not Found');
    const headers = { 'Content-Type': 'application/octet-stream' };
    return { status: 200, headers, body: data ?? { path: file, start: 0, length: size } };
  }

  /** Uploads that no message took (refused, faulted) must not fill the disk. */
  async #discardUnused(body) {
    for (const { spool } of body?.files.values() ?? []) {
      if (!this.#room.files.holds(spool)) await spool.discard();
    }
  }
}

/** Writes what came into the journal: never the token, never the bytes. */
function note(entry, body) {
  entry.encoding = body.encoding;
  entry.bytes = body.bytes;
  const chatId = body.params.get('chat_id');
  entry.chatId = chatId === undefined ? null : String(chatId);
  entry.params = [...body.params.keys()];
  for (const file of body.files.values()) {
    const { size, sha256 } = file.spool;
    const { field, fileName, contentType, headers } = file;
    entry.parts.push({ field, fileName, contentType, headers, bytes: size, sha256 });
  }
}

module.exports = { TelegramSandbox };
