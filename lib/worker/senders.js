'use strict';

const { BotPauses } = require('./bot-pauses.js');
const { Bots } = require('./bots.js');

/** How a job is failed by an error that may name a time. */
const how = ({ retryAfterMs }) => ({ charged: retryAfterMs === undefined, retryAfterMs });

/** The bots that claims are sent by: looked up by slug, and held back where Telegram refuses them. */
class Senders {
  #bots;
  #pauses;
  // By claim: the bot that it was given to, and where it may be sent.
  #given = new WeakMap();

  /**
   * @param {(slug: string) => Promise<object | null>} resolve as of Bots
   * @param {BotPauses} [pauses]
   */
  constructor(resolve, pauses = new BotPauses()) {
    this.#bots = new Bots(resolve);
    this.#pauses = pauses;
  }

  /** The claims that need not wait for their bot, by its slug, so that one slow lookup holds up only its own jobs. */
  bySlug(claims, fail) {
    const groups = new Map();
    for (const claim of this.#without(claims, ({ job }) => this.#pauses.held(job), fail)) {
      const group = groups.get(claim.job.botSlug);
      if (group === undefined) groups.set(claim.job.botSlug, [claim]);
      else group.push(claim);
    }
    return groups;
  }

  /** @returns {Promise<{ token: string, chatIds: string[] }>} as of Bots */
  get(slug) {
    return this.#bots.get(slug);
  }

  /** Gives these claims to their bot, as it was just looked up. @returns {object[]} those that it may send */
  give(claims, bot, fail) {
    const refusal = (claim) => {
      const { error, chatIds } = this.#pauses.admit(claim.job, bot);
      if (error === undefined) this.#given.set(claim, { bot, chatIds });
      return error ?? null;
    };
    return this.#without(claims, refusal, fail);
  }

  /** What a claim that was given to its bot is sent by: `token` and `chatIds`. */
  of(claim) {
    const { bot, chatIds } = this.#given.get(claim);
    return { token: bot.token, chatIds };
  }

  /** Without the claims whose bot is refused; `fail` is told of those: the claims, why, and how. */
  #without(claims, refusalOf, fail) {
    return claims.filter((claim) => {
      const error = refusalOf(claim);
      if (error !== null) fail([claim], error, how(error));
      return error === null;
    });
  }

  /**
   * Learns from what became of a claim.
   *
   * @returns {{ outcome: object, news: import('../errors.js').WarmpathError | null } | null} where its bot was refused: what becomes of it instead,
   *   and the error to tell, once per refusal
   */
  learn(claim, outcome) {
    const { bot, chatIds } = this.#given.get(claim);
    const ended = { error: outcome.error, chatId: outcome.value?.chatId };
    const refusal = this.#pauses.learn(claim.job, bot, chatIds, ended);
    if (refusal === null) return null;
    this.#bots.invalidate(claim.job.botSlug);
    const { charged, retryAfterMs } = how(refusal.error);
    const news = refusal.isNews ? refusal.error : null;
    return { outcome: { ...outcome, charged, error: { ...outcome.error, retryAfterMs } }, news };
  }

  /** As of Bots. */
  migrate(slug, from, to) {
    return this.#bots.migrate(slug, from, to);
  }
}

module.exports = { Senders };
