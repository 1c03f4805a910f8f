'use strict';

// More chats than a bot has for warming up, by far; those that owe nothing any more are forgotten first.
const MOST_CHATS = 10_000;

/** The time between two messages to a chat that its limit amounts to, ms; 0 without one. Groups and channels have negative ids. */
function intervalOf(limits, chatId) {
  if (limits === false) return 0;
  const isShared = String(chatId).startsWith('-');
  const rates = (isShared ? [limits.group, limits.channel] : [limits.chat]).filter((rate) => rate !== false);
  return Math.max(0, ...rates.map(({ limit, periodMs }) => periodMs / limit));
}

/**
 * What Telegram still holds against a bot when another process goes on with it: the new one knows nothing of what the former has
 * sent, and its first message would meet a 429. The former leaves, with the lane, how long each chat has to wait (and what a 429
 * has closed); the new one books as many messages before its own first. Of one that ended without a word nothing is known: then each
 * chat waits as after one message.
 *
 * A store calls it (`shareLimits` in store/contract.js). What a 429 has taught about rates is learned anew.
 */
class Handover {
  #executor;
  #now;
  // Per bot and chat: until when its messages so far fill its rate, as the pacer counts (GCRA), monotonic ms.
  #debts = new Map();
  #inherited = new Map();

  /** @param {() => object} executor the one in use @param {() => number} [now] a monotonic clock, for tests */
  constructor(executor, now = () => performance.now()) {
    this.#executor = executor;
    this.#now = now;
  }

  sent(botSlug, chatId) {
    const intervalMs = intervalOf(this.#executor().limits(), chatId);
    if (intervalMs === 0) return;
    const chats = this.#debts.get(botSlug) ?? new Map();
    this.#debts.set(botSlug, chats);
    const now = this.#now();
    if (chats.size >= MOST_CHATS) for (const [id, until] of chats) if (until <= now) chats.delete(id);
    chats.set(chatId, Math.max(chats.get(chatId) ?? 0, now) + intervalMs);
  }

  /**
   * What goes with these bots to whoever takes them next; they are forgotten here.
   *
   * @returns {Record<string, { chats: [string, number][], closed: [string | null, number][] }>} by bot: how long each chat is
   *   full, and closed by a 429 (null: the whole bot), ms
   */
  leave(botSlugs) {
    const now = this.#now();
    const throttled = this.#executor().throttled();
    const left = {};
    for (const slug of botSlugs) {
      const chats = [...(this.#debts.get(slug) ?? [])].map(([chatId, until]) => [chatId, Math.ceil(until - now)]);
      const closed = throttled
        .filter(({ botSlug, blockedMs }) => botSlug === slug && blockedMs > 0)
        .map(({ chatId, blockedMs }) => [chatId ?? null, Math.ceil(blockedMs)]);
      const owing = chats.filter(([, ms]) => ms > 0);
      this.#debts.delete(slug);
      if (owing.length + closed.length > 0) left[slug] = { chats: owing, closed };
    }
    return left;
  }

  /**
   * A bot was taken over.
   *
   * @param {string} botSlug
   * @param {{ left: object | null, agoMs: number, lost: boolean }} from left: what its former owner has left `agoMs` ago; lost:
   *   it ended without a word
   */
  inherit(botSlug, { left, agoMs, lost }) {
    this.#inherited.set(botSlug, { left, lost, at: this.#now() - Math.max(0, agoMs) });
  }

  /** The bot's first jobs are about to be submitted. */
  settle(botSlug, { token, chatIds }) {
    const known = this.#inherited.get(botSlug);
    if (known === undefined) return;
    this.#inherited.delete(botSlug);
    const executor = this.#executor();
    const agoMs = this.#now() - known.at;
    for (const [chatId, ms] of known.left?.closed ?? []) {
      const retryAfterMs = Math.ceil(ms - agoMs);
      if (retryAfterMs > 0) executor.report({ token, ...(chatId !== null && { chatId }), retryAfterMs });
    }
    const limits = executor.limits();
    for (const [chatId, ms] of known.left?.chats ?? []) {
      const intervalMs = intervalOf(limits, chatId);
      for (let owing = ms - agoMs; owing > 0 && intervalMs > 0; owing -= intervalMs) executor.report({ token, chatId });
    }
    if (!known.lost || known.left !== null) return;
    for (const chatId of chatIds) if (agoMs < intervalOf(limits, chatId)) executor.report({ token, chatId });
  }
}

module.exports = { Handover };
