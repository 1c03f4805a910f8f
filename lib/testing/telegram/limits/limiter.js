'use strict';

const { sleep } = require('../../clock');
const { BotApiRefusal } = require('../errors');
const { Meters } = require('./meter');
const { SameSizeSpacing } = require('./spacing');
const { readLimits } = require('./table');

/**
 * Enforces the limits of the table on the requests of all bots.
 *
 * A hit blocks what it hit until the announced time: the chat, or for a limit of the whole bot the bot. What is sent
 * during a block is refused with the time left, extends nothing, and is counted: as `early` where its sender could know,
 * as `overlapping` where the request had begun before the refusal was sent (for a limit of the server itself
 * such a request passes: it is in the schedule already).
 *
 * One request: `enter`, then `pass` when its body is in, `admit` when the chat is known, and `leave` at its end.
 */
class Limiter {
  #limits;
  #clock;
  #signal;
  #noticeMs;
  #rules = [];
  #spacing;
  #blocks = new Map();
  #active = new Map();
  #unsent = new Map();
  #order = 0;
  #stats;

  /**
   * @param {object | false | undefined} limits the option
   * @param {{ clock: import('../../clock').Clock, local: boolean, signal: () => AbortSignal, noticeMs: number }} surroundings
   */
  constructor(limits, { clock, local, signal, noticeMs }) {
    this.#limits = readLimits(limits, local);
    this.#clock = clock;
    this.#signal = signal;
    this.#noticeMs = noticeMs;
    this.#stats = newStats();
    if (!this.#limits) return;
    const { algorithm, toleranceMs, chatPerSecond, chatBurst, groupPerMinute, groupBurst, botPerSecond, botBurst } =
      this.#limits;
    const rule = (name, count, periodMs, burst, scope, applies = () => true) => {
      if (count === false) return;
      // In a window of burst/rate seconds exactly the burst has room.
      const window =
        algorithm === 'window' && name === 'chat' ? { count: burst, periodMs: (burst / count) * 1000 } : {};
      const meters = new Meters({ algorithm, toleranceMs, count, periodMs, burst, ...window });
      this.#rules.push({ name, meters, scope, applies });
    };
    // The whole bot first: that block is the larger one.
    rule('bot', botPerSecond, 1000, botBurst, 'bot');
    rule('chat', chatPerSecond, 1000, chatBurst, 'chat');
    rule('group', groupPerMinute, 60_000, groupBurst, 'chat', (chat) => chat.type !== 'private');
    this.#spacing = new SameSizeSpacing(this.#limits.sameSize);
  }

  /** A request has begun. */
  enter(botId, { upload }) {
    const active = this.#activeOf(botId);
    this.#order += 1;
    active.requests += 1;
    if (upload) active.uploads += 1;
    this.#stats.peakRequests = Math.max(this.#stats.peakRequests, active.requests);
    this.#stats.peakUploads = Math.max(this.#stats.peakUploads, active.uploads);
    return {
      botId,
      upload,
      order: this.#order,
      at: this.#clock.now(),
      bytes: 0,
      chat: null,
      messages: 0,
      block: null,
      left: false,
    };
  }

  /**
   * Its body is in: the checks of the server itself, which come before any method. May wait on the clock.
   *
   * @param {object} ticket of `enter`
   * @param {{ bytes: number, chatId?: unknown, messages: number }} facts bytes of its files; what it wants to send where
   */
  async pass(ticket, { bytes, chatId, messages }) {
    const limits = this.#limits;
    const active = this.#activeOf(ticket.botId);
    // A client that is gone takes no room; what it asked for is done all the same.
    if (!ticket.left) {
      ticket.bytes = bytes;
      active.bytes += bytes;
    }
    this.#stats.peakUploadBytes = Math.max(this.#stats.peakUploadBytes, active.bytes);
    if (!limits) return;
    const over = (now, limit) => limit !== false && now > limit;
    const bot = String(ticket.botId);
    if (over(active.requests, limits.requestsInFlight)) await this.#flood(ticket, 'requests', bot);
    if (bytes > 0 && over(active.bytes, limits.uploadBytesInFlight)) await this.#flood(ticket, 'uploadBytes', bot);
    if (bytes > 0 && over(active.uploads, limits.uploadsInFlight)) await this.#flood(ticket, 'uploads', bot);
    const wait = this.#spacing.book(ticket.botId, bytes, this.#clock.now());
    if (wait === null) await this.#flood(ticket, 'sameSize', bot);
    if (wait > 0) {
      this.#stats.delayed += 1;
      this.#stats.delayedMs += wait;
      await sleep(this.#clock, wait, this.#signal());
    }
    if (messages === 0 || chatId === undefined) return;
    const chat = `${ticket.botId}/${chatId}`;
    const unsent = this.#unsent.get(chat) ?? 0;
    if (over(unsent + 1, limits.unsentPerChat)) await this.#flood(ticket, 'unsent', chat);
    if (ticket.left) return;
    ticket.chat = chat;
    ticket.messages = messages;
    this.#unsent.set(chat, unsent + messages);
  }

  /** Counts `messages` to one chat, or throws the 429. What is refused counts nowhere. An album needs room for one. */
  admit(ticket, chat, messages = 1) {
    const now = this.#clock.now();
    const keys = keysOf(ticket, chat);
    // With the limits off there are those that a fault made.
    if (this.#blocks.size > 0) this.#checkBlocks(ticket, keys, now);
    if (!this.#limits) {
      this.#stats.accepted += messages;
      return;
    }
    for (const { name, meters, scope, applies } of this.#rules) {
      if (!applies(chat)) continue;
      const wait = meters.of(keys[scope], now).wait(now);
      if (wait > 0) throw this.#block(ticket, name, keys[scope], Math.max(1, Math.ceil(wait / 1000)));
    }
    for (const { meters, scope, applies } of this.#rules) {
      if (applies(chat)) meters.of(keys[scope], now).book(now, messages);
    }
    this.#stats.accepted += messages;
  }

  /** The 429 of a fault, with the block that a real one would make. */
  inject(ticket, chat, { scope, seconds }) {
    return this.#block(ticket, 'injected', keysOf(ticket, chat)[scope], seconds);
  }

  #checkBlocks(ticket, keys, now) {
    for (const key of [keys.bot, keys.chat]) {
      const block = this.#blocks.get(key);
      if (!block) continue;
      if (block.until <= now) {
        this.#blocks.delete(key);
        continue;
      }
      const early = ticket.order > block.order && ticket.at - block.since >= this.#noticeMs;
      // What the server had taken in before it refused another request keeps its place.
      if (!early && block.own) continue;
      this.#stats[early ? 'early' : 'overlapping'] += 1;
      throw refuse(Math.max(1, Math.ceil((block.until - now) / 1000)));
    }
  }

  /** The request is answered, or its client is gone. */
  leave(ticket) {
    ticket.left = true;
    const active = this.#activeOf(ticket.botId);
    active.requests -= 1;
    if (ticket.upload) active.uploads -= 1;
    active.bytes -= ticket.bytes;
    // Only now its client can know.
    if (ticket.block) Object.assign(ticket.block, { order: this.#order, since: this.#clock.now() });
    if (ticket.chat === null) return;
    const unsent = this.#unsent.get(ticket.chat) - ticket.messages;
    if (unsent > 0) this.#unsent.set(ticket.chat, unsent);
    else this.#unsent.delete(ticket.chat);
  }

  #activeOf(botId) {
    let active = this.#active.get(botId);
    if (!active) {
      active = { requests: 0, uploads: 0, bytes: 0 };
      this.#active.set(botId, active);
    }
    return active;
  }

  /** The answer of the server itself to what it cannot take: late, and with a long time. */
  async #flood(ticket, name, key) {
    await sleep(this.#clock, this.#limits.floodHoldMs, this.#signal());
    throw this.#block(ticket, name, key, this.#limits.floodRetryAfter, true);
  }

  #block(ticket, name, key, seconds, own = false) {
    this.#stats.refused[name] += 1;
    const now = this.#clock.now();
    ticket.block = { until: now + seconds * 1000, order: this.#order, since: now, own };
    this.#blocks.set(key, ticket.block);
    return refuse(seconds);
  }

  /** A copy of the counters. */
  stats() {
    return { ...this.#stats, refused: { ...this.#stats.refused } };
  }

  /** Forgets all but what is going on right now. */
  reset() {
    for (const { meters } of this.#rules) meters.clear();
    this.#spacing?.clear();
    this.#blocks.clear();
    this.#stats = newStats();
  }
}

const keysOf = ({ botId }, chat) => ({ bot: String(botId), chat: `${botId}/${chat?.id}` });

const NAMES = ['chat', 'group', 'bot', 'sameSize', 'uploads', 'uploadBytes', 'requests', 'unsent', 'injected'];

const newStats = () => ({
  accepted: 0,
  refused: Object.fromEntries(NAMES.map((name) => [name, 0])),
  early: 0,
  overlapping: 0,
  delayed: 0,
  delayedMs: 0,
  peakRequests: 0,
  peakUploads: 0,
  peakUploadBytes: 0,
});

const refuse = (seconds) =>
  new BotApiRefusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });

module.exports = { Limiter };
