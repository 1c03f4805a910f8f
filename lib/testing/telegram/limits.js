'use strict';

const { BotApiRefusal } = require('./errors');

/**
 * Telegram's sending limits: about one message a second to one chat with short bursts, 20 a minute to one group, about
 * 30 a second for a whole bot. https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 *
 * A chat or bot that went over is refused until the announced time, whatever is sent meanwhile.
 */
class RateLimiter {
  #limits;
  #clock;
  #windows = new Map();
  #blocked = new Map();

  /**
   * @param {{ chatPerSecond: number, chatBurst: number, groupPerMinute: number, botPerSecond: number } | false} limits
   * @param {() => number} clock monotonic ms
   */
  constructor(limits, clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Counts one message, or throws the 429. A refused message counts nowhere. */
  admit(botId, chatId) {
    if (!this.#limits) return;
    const now = this.#clock();
    const { chatPerSecond, chatBurst, groupPerMinute, botPerSecond } = this.#limits;
    const chat = `${botId}/${chatId}`;
    for (const key of [`${botId}`, chat]) {
      const until = this.#blocked.get(key) ?? 0;
      if (until > now) throw refuse(until - now);
    }
    // A chat may send `chatBurst` at once: a window of burst/rate seconds holds exactly that many.
    const rules = [
      { key: `${botId}`, count: botPerSecond, windowMs: 1000 },
      { key: chat, count: chatBurst, windowMs: (chatBurst / chatPerSecond) * 1000 },
    ];
    if (String(chatId).startsWith('-')) rules.push({ key: chat, count: groupPerMinute, windowMs: 60_000 });
    for (const rule of rules) {
      const wait = this.#wait(rule, now);
      if (wait <= 0) continue;
      const refused = refuse(wait);
      this.#blocked.set(rule.key, now + refused.parameters.retry_after * 1000);
      throw refused;
    }
    for (const rule of rules) this.#window(rule).push(now);
  }

  #window({ key, windowMs }) {
    const name = `${key}@${windowMs}`;
    let window = this.#windows.get(name);
    if (!window) {
      window = [];
      this.#windows.set(name, window);
    }
    return window;
  }

  /** Time until this rule lets one more through, 0 when it does now. */
  #wait(rule, now) {
    const window = this.#window(rule);
    while (window.length > 0 && window[0] <= now - rule.windowMs) window.shift();
    return window.length < rule.count ? 0 : window[window.length - rule.count] + rule.windowMs - now;
  }

  reset() {
    this.#windows.clear();
    this.#blocked.clear();
  }
}

function refuse(waitMs) {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new BotApiRefusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
}

module.exports = { RateLimiter };
