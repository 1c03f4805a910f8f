'use strict';

const { guard } = require('../errors.js');
const { failWith } = require('../options/check.js');
const { limitsOver, toNative, fromNative, liveReport, planArguments } = require('../options/limits.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

// Slugs that are remembered, so that live traffic may be reported by them.
const MOST_SLUGS = 10_000;
const MOST_THROTTLED = 1000;

/** The id of a bot, which its token begins with. It is no secret, and limits are counted by it. */
const botIdOf = (token) => token.slice(0, token.indexOf(':'));

/** What an executor's limits are, what they make wait, and what else counts against them. */
class Pacing {
  #native;
  #botIds = new Map();

  constructor(native) {
    this.#native = native;
  }

  /** Jobs were submitted: their slugs can be reported by from now on. */
  saw(jobs) {
    for (const { botSlug, token } of jobs) {
      const known = this.#botIds.get(botSlug);
      if (known !== undefined && token[known.length] === ':' && token.startsWith(known)) continue;
      if (this.#botIds.size >= MOST_SLUGS) this.#botIds.delete(this.#botIds.keys().next().value);
      this.#botIds.set(botSlug, botIdOf(token));
    }
  }

  limits() {
    return fromNative(JSON.parse(guard(() => this.#native.limits())));
  }

  setLimits(limits) {
    const table = limits === false ? false : limitsOver(this.limits(), limits, 'limits', invalid);
    guard(() => this.#native.setLimits(JSON.stringify(toNative(table))));
  }

  throttled() {
    const keys = JSON.parse(guard(() => this.#native.learned(MOST_THROTTLED)));
    if (keys.length === 0) return keys;
    const slugs = new Map(Array.from(this.#botIds, ([slug, botId]) => [botId, slug]));
    return keys.map((key) => (slugs.has(key.botId) ? { ...key, botSlug: slugs.get(key.botId) } : key));
  }

  plan(jobs, options = {}) {
    const { batches, question } = planArguments(jobs, options, invalid);
    return JSON.parse(guard(() => this.#native.plan(JSON.stringify(batches), JSON.stringify(question))));
  }

  report(live) {
    const { botSlug, token, chatId, chatType, retryAfterMs = -1 } = liveReport(live, invalid);
    const botId = token === undefined ? this.#botIds.get(botSlug) : botIdOf(token);
    if (botId === undefined) return false;
    guard(() => this.#native.report(botId, chatId, chatType, retryAfterMs));
    return true;
  }
}

module.exports = { Pacing };
