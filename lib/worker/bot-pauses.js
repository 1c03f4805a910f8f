'use strict';

const { WarmpathError } = require('../errors.js');

const FIRST_MS = 5000;

// As long as a looked-up bot is kept: nobody waits longer for a repaired one than for a changed one.
const LONGEST_MS = 300_000;

// While one job finds out whether the bot is accepted again, the others look so often; should nothing be heard of it for so
// long, another one is sent.
const LOOK_MS = 5000;
const UNHEARD_MS = 60_000;

// A bot that nobody repairs for so long is not going to be: its jobs fail, so that they do not wait for ever.
const PATIENCE_MS = 86_400_000;

const UNAUTHORIZED = 'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED';
const NO_CHAT = 'ERR_WARMPATH_TELEGRAM_CHAT';

/** What a refusal was given to: the bot as it was then. */
const identity = ({ token, chatIds }) => [token, ...chatIds].join('\n');

const tokenScope = ({ botSlug }) => botSlug;
const chatScope = ({ botSlug, kind }) => `${botSlug}\n${kind}`;

/**
 * The bots that Telegram refuses. A wrong setting of a bot is no fault of its jobs: they wait, uncharged, and now and then one
 * of them finds out whether the bot is accepted again: after 5 s, 10 s, and so on up to 5 min. After each of these times the
 * bot is looked up anew, and where it has another token or chat, all go on. A day after the first refusal the jobs fail.
 *
 * A token that is refused holds all jobs of the bot. A chat that is, only those of the kind that it was refused to: a group
 * may forbid photos alone.
 */
class BotPauses {
  #pauses = new Map();
  #now;

  /** @param {() => number} [now] a monotonic clock, for tests */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Why a job has to wait whatever its bot looks like by now; null where it is time to look it up.
   *
   * @returns {WarmpathError | null} with `retryAfterMs`; without it the job has failed
   */
  held(job) {
    const now = this.#now();
    const pause = this.#of(job).find(({ until }) => until > now);
    return pause === undefined ? null : told(job, pause, pause.until - now, now);
  }

  /**
   * Why a job may not be sent by its bot, as that was just looked up; null where it may.
   *
   * @param {{ botSlug: string, kind: string }} job
   * @param {{ token: string, chatIds: string[] }} bot
   * @returns {WarmpathError | null} as of held()
   */
  refusal(job, bot) {
    const held = this.held(job);
    if (held !== null) return held;
    const now = this.#now();
    const pauses = this.#of(job).filter((pause) => pause.bot === identity(bot));
    const asked = pauses.find(({ heardBy }) => heardBy > now);
    if (asked !== undefined) return told(job, asked, LOOK_MS, now);
    for (const pause of pauses) pause.heardBy = now + UNHEARD_MS;
    return null;
  }

  /**
   * What became of a job that was sent by a bot.
   *
   * @param {{ botSlug: string, kind: string }} job
   * @param {{ token: string, chatIds: string[] }} bot
   * @param {{ code: string, message: string } | undefined} error undefined where it succeeded
   * @returns {{ error: WarmpathError, isNews: boolean } | null} where its bot was refused; the error as of held()
   */
  learn(job, bot, error) {
    const [token, chat] = [tokenScope(job), chatScope(job)];
    if (error?.code === UNAUTHORIZED) {
      this.#heard(chat, false);
      return this.#refused(token, job, bot, error);
    }
    const isGood = error === undefined;
    // Who hears that the chat is wrong has been let in: the token is good.
    this.#heard(token, isGood || error.code === NO_CHAT);
    if (error?.code === NO_CHAT) return this.#refused(chat, job, bot, error);
    this.#heard(chat, isGood);
    return null;
  }

  #heard(scope, isGood) {
    const pause = this.#pauses.get(scope);
    if (pause === undefined) return;
    if (isGood) this.#pauses.delete(scope);
    else pause.heardBy = 0;
  }

  #refused(scope, job, bot, { code, message }) {
    const now = this.#now();
    const known = this.#pauses.get(scope);
    const again = known?.bot === identity(bot) ? known : null;
    // Jobs that were on their way together are refused together: that is one refusal.
    if (again !== null && again.until > now) return { error: told(job, again, again.until - now, now), isNews: false };
    const lastMs = again === null ? FIRST_MS : Math.min(again.lastMs * 2, LONGEST_MS);
    const since = again?.since ?? now;
    const pause = { bot: identity(bot), code, message, since, lastMs, until: now + lastMs, heardBy: 0 };
    this.#pauses.set(scope, pause);
    return { error: told(job, pause, lastMs, now), isNews: true };
  }

  #of(job) {
    return [tokenScope(job), chatScope(job)].flatMap((scope) => this.#pauses.get(scope) ?? []);
  }
}

function told({ botSlug }, { code, message, since }, waitMs, now) {
  const isOver = now - since >= PATIENCE_MS;
  const text = `Telegram refuses the bot ${botSlug}: ${message}`;
  return new WarmpathError(code, text, { class: 'config', ...(!isOver && { retryAfterMs: Math.ceil(waitMs) }) });
}

module.exports = { BotPauses };
