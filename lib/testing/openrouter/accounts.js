'use strict';

const { ApiRefusal, hintOf } = require('./errors');
const { readKey } = require('./options');

const MINUTE = 60_000;

/** API keys with what they have used, and the limits of each key and model. */
class Accounts {
  #keys = null;
  #open = { key: '', label: 'sandbox', credit: Number.POSITIVE_INFINITY };
  #used = new Map();
  #windows = new Map();
  #limits;
  #clock;
  #refused = 0;
  #early = 0;

  /** @param {{ keys?: object[], limits: object, clock: import('../clock').Clock }} options without keys every key will do */
  constructor({ keys, limits, clock }) {
    if (keys !== undefined) this.#keys = new Map(keys.map((one) => [one.key, one]));
    this.#limits = limits;
    this.#clock = clock;
  }

  add(given) {
    const key = readKey(given);
    this.#keys ??= new Map();
    this.#keys.set(key.key, key);
  }

  /** @throws {ApiRefusal} 401 */
  authenticate(bearer) {
    if (this.#keys === null) return this.#open;
    const key = this.#keys.get(bearer);
    if (key === undefined) throw new ApiRefusal(401, 'User not found.');
    return key;
  }

  usageOf(key) {
    let used = this.#used.get(key.label);
    if (used === undefined) {
      used = { completions: 0, promptTokens: 0, completionTokens: 0, cost: 0 };
      this.#used.set(key.label, used);
    }
    return used;
  }

  /** All keys together. */
  usage() {
    const sum = { completions: 0, promptTokens: 0, completionTokens: 0, cost: 0 };
    for (const used of this.#used.values()) for (const name of Object.keys(sum)) sum[name] += used[name];
    return sum;
  }

  remaining(key) {
    return key.credit - this.usageOf(key).cost;
  }

  /** Lets a request in, or refuses it. Windows of a minute begin with their first request. @throws {ApiRefusal} 402, 429 */
  enter(key, model) {
    if (this.remaining(key) <= 0) {
      throw new ApiRefusal(402, 'Insufficient credits. Add more using https://openrouter.ai/credits');
    }
    const { requestsPerMinute, tokensPerMinute } = this.#limits;
    if (requestsPerMinute === undefined && tokensPerMinute === undefined) return null;
    const window = this.#window(`${key.label} ${model}`);
    const full =
      (requestsPerMinute !== undefined && window.requests >= requestsPerMinute) ||
      (tokensPerMinute !== undefined && window.tokens >= tokensPerMinute);
    if (!full) {
      window.requests += 1;
      return window;
    }
    this.#refused += 1;
    // Somebody was told the time, and came before it.
    if (window.told) this.#early += 1;
    window.told = true;
    const seconds = Math.max(1, Math.ceil((window.until - this.#clock.now()) / 1000));
    const reset = hintOf('reset', seconds);
    throw new ApiRefusal(429, 'Rate limit exceeded: limit_rpm', {
      metadata: reset.metadata,
      headers: { ...reset.headers, 'Retry-After': seconds },
    });
  }

  #window(name) {
    const now = this.#clock.now();
    let window = this.#windows.get(name);
    if (window === undefined || window.until <= now) {
      window = { until: now + MINUTE, requests: 0, tokens: 0, told: false };
      this.#windows.set(name, window);
    }
    return window;
  }

  charge(key, window, { promptTokens, completionTokens, cost }) {
    const used = this.usageOf(key);
    used.completions += 1;
    used.promptTokens += promptTokens;
    used.completionTokens += completionTokens;
    used.cost += cost;
    if (window !== null) window.tokens += promptTokens + completionTokens;
  }

  stats() {
    return { refused: this.#refused, early: this.#early };
  }

  reset() {
    this.#used.clear();
    this.#windows.clear();
    this.#refused = 0;
    this.#early = 0;
  }
}

module.exports = { Accounts };
