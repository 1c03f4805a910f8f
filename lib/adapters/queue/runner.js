'use strict';

const { jobKey } = require('../../key.js');
const { checkWorkerJob } = require('../../options/job.js');
const { func, having } = require('../../options/check.js');
const { invalidOption } = require('../../options/executor.js');
const { Bots } = require('../../worker/bots.js');
const { toWarmpathError } = require('./verdict.js');

const BOT_REFUSED = ['ERR_WARMPATH_TELEGRAM_UNAUTHORIZED', 'ERR_WARMPATH_TELEGRAM_CHAT'];

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
    try {
      const known = await this.#lookup?.(job);
      if (known !== undefined && known !== null) return known;
      const prepared = await this.prepare(job);
      return await this.#executor.run({ ...prepared, ...extra() }, signal === undefined ? {} : { signal });
    } catch (err) {
      if (this.#bots !== null && BOT_REFUSED.includes(err?.code)) this.#bots.invalidate(job.botSlug);
      throw toWarmpathError(err);
    }
  }
}

module.exports = { JobRunner, runnerFields, checkRunner };
