'use strict';

const { jobKey } = require('../../key.js');
const { checkWorkerJob } = require('../../options/job.js');
const { func, having } = require('../../options/check.js');
const { invalidOption } = require('../../options/executor.js');
const { BotPauses } = require('../../worker/bot-pauses.js');
const { Bots } = require('../../worker/bots.js');
const { toWarmpathError } = require('./verdict.js');

/** The options that every queue adapter has, for `shape()`. */
const runnerFields = { resolveBot: func, prepare: func, lookup: func };

/** Checks what `shape()` cannot: the executor, and that the hooks do not contradict each other. */
function checkRunner(executor, { resolveBot, prepare }, method = 'run') {
  having(method)(executor, 'executor', invalidOption);
  if (resolveBot !== undefined && prepare !== undefined) {
    invalidOption('prepare', 'must not be given together with resolveBot');
  }
}

/**
 * Runs what a queue delivers on an executor. The queue holds what may be stored anywhere (a slug, never a token); what an
 * attempt needs beyond that is added here, just before it.
 */
class JobRunner {
  #executor;
  #prepare;
  #lookup;
  #bots = null;
  #pauses = new BotPauses();

  /**
   * @param {{ run: Function }} executor
   * @param {object} hooks resolveBot(slug) → { token, chatIds } | null: for jobs of a PrewarmExecutor, checked and without
   *   token; or prepare(data) → the executor's job; lookup(data) → the value of a job that is done already, or null
   */
  constructor(executor, { resolveBot, prepare, lookup }) {
    this.#executor = executor;
    this.#lookup = lookup;
    this.#prepare = prepare ?? ((data) => data);
    if (resolveBot !== undefined) {
      this.#bots = new Bots(resolveBot);
      this.#prepare = async (job) => ({ ...job, ...(await this.#bots.get(job.botSlug)) });
    }
  }

  /**
   * The data of a queue's job, checked, with its key.
   *
   * @returns {{ job: object, key: string }}
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB
   */
  check(data) {
    const job = this.#bots === null ? data : checkWorkerJob(data);
    return { job, key: jobKey(job) };
  }

  /** The executor's job. @throws {WarmpathError} of the bot lookup, or ERR_WARMPATH_INTERNAL for what a hook throws */
  async prepare(job) {
    try {
      return await this.#prepare(job);
    } catch (err) {
      throw toWarmpathError(err);
    }
  }

  /**
   * @param {object} job as check() gave it
   * @param {{ signal?: AbortSignal, extra?: () => object }} [how] extra: more fields of the executor's job, asked last
   * @returns {Promise<*>} the value
   * @throws {WarmpathError}
   */
  async run(job, { signal, extra = () => ({}) } = {}) {
    let given;
    try {
      const known = await this.#lookup?.(job);
      if (known !== undefined && known !== null) return known;
      given = await this.#admit(job);
      const value = await this.#executor.run({ ...given.job, ...extra() }, signal === undefined ? {} : { signal });
      this.#learn(job, given, { chatId: value?.chatId });
      return value;
    } catch (err) {
      throw toWarmpathError((given && this.#learn(job, given, { error: toWarmpathError(err) })) ?? err);
    }
  }

  /** The executor's job, unless its bot is refused; with the bot, where this side knows it. */
  async #admit(job) {
    if (this.#bots === null) return { job: await this.prepare(job), bot: null };
    const held = this.#pauses.held(job);
    if (held !== null) throw held;
    const prepared = await this.prepare(job);
    const { token, chatIds } = prepared;
    const admitted = this.#pauses.admit(job, { token, chatIds });
    if (admitted.error !== undefined) throw admitted.error;
    return { job: { ...prepared, chatIds: admitted.chatIds }, bot: { token, chatIds } };
  }

  /** @returns {WarmpathError | null} where the bot is refused: the error with the time after which it may not be */
  #learn(job, given, ended) {
    if (given.bot === null) return null;
    const refusal = this.#pauses.learn(job, given.bot, given.job.chatIds, ended);
    if (refusal === null) return null;
    this.#bots.invalidate(job.botSlug);
    return refusal.error;
  }
}

module.exports = { JobRunner, runnerFields, checkRunner };
