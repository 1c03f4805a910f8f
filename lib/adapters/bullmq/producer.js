'use strict';

const { EventEmitter } = require('node:events');
const { WarmpathError } = require('../../errors.js');
const { emitSafely } = require('../../executor/emit.js');
const check = require('../../options/check.js');
const { invalidOption } = require('../../options/executor.js');
const { checkWorkerJob, checkAll } = require('../../options/job.js');
const { toStore, inline } = require('../queue/fallback.js');
const { JobRunner, runnerFields, checkRunner } = require('../queue/runner.js');
const { Intake } = require('./intake.js');

const { shape, withDefault, milliseconds, oneOf, text, having, isPlainObject, describe, func, failWith } = check;

const plainObject = (value, path, fail) => {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  return value;
};

const QUEUE_METHODS = ['addBulk', 'getJobState', 'remove', 'waitUntilReady'];

const fields = shape({
  deadlineMs: withDefault(milliseconds(), 250),
  fallback: withDefault(oneOf('store', 'inline', 'reject'), 'reject'),
  fallbackDeadlineMs: withDefault(milliseconds(), 750),
  store: having('enqueue'),
  executor: having('submitMany'),
  resolveBot: runnerFields.resolveBot,
  prepare: runnerFields.prepare,
  checkJob: withDefault(func, () => checkWorkerJob),
  name: withDefault(text({ max: 255 }), 'warmpath'),
  jobOptions: plainObject,
  onCompleted: withDefault(oneOf('cached', 'rerun'), 'cached'),
});

const addOptions = shape({ deadlineMs: milliseconds() });
const invalidArgument = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

function fallbackOf({ fallback, store, executor, resolveBot, prepare, fallbackDeadlineMs }) {
  if (fallback === 'reject') return null;
  if (fallback === 'store') {
    if (store === undefined) invalidOption('store', "is required with fallback: 'store'");
    return toStore(store, fallbackDeadlineMs);
  }
  if (executor === undefined) invalidOption('executor', "is required with fallback: 'inline'");
  const hooks = { resolveBot, prepare };
  checkRunner(executor, hooks, 'submitMany');
  return inline(executor, new JobRunner(executor, hooks), fallbackDeadlineMs);
}

/**
 * Adds jobs to a BullMQ queue inside a deadline, and elsewhere when the queue is away. See `bullmq.d.ts`.
 *
 * Events: 'fallback' ({ via, jobs, error }): jobs went another way, or nowhere (via 'reject').
 */
class Producer extends EventEmitter {
  #intake;
  #fallback;
  #checkJob;
  #counts = { bullmq: 0, store: 0, inline: 0, rejected: 0, late: 0, withdrawn: 0 };

  constructor(queue, options) {
    super();
    having(...QUEUE_METHODS)(queue, 'queue', invalidOption);
    const checked = fields(options, '', invalidOption);
    this.#intake = new Intake(queue, checked);
    this.#fallback = fallbackOf(checked);
    this.#checkJob = checked.checkJob;
  }

  /** Resolves true as soon as the queue can take jobs, false after `ms`. */
  ready(ms) {
    return this.#intake.ready(ms);
  }

  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB, ERR_WARMPATH_DATABASE, or what the fallback throws */
  async add(job, options) {
    return (await this.#add([this.#checkJob(job)], options))[0];
  }

  /**
   * One answer per job, in order; all jobs are checked before the first is added.
   *
   * @param {object[]} jobs
   * @param {{ deadlineMs?: number }} [options] another deadline for the queue than the producer's
   */
  async addMany(jobs, options) {
    return this.#add(checkAll(this.#checkJob, jobs), options);
  }

  async #add(jobs, options = {}) {
    const { deadlineMs } = addOptions(options, '', invalidArgument);
    if (jobs.length === 0) return [];
    const first = new Map();
    for (const job of jobs) if (!first.has(job.key)) first.set(job.key, job);
    const { via, statuses } = await this.#enter([...first.values()], deadlineMs);
    const answers = new Map([...first.keys()].map((key, i) => [key, statuses[i]]));
    return jobs.map((job) => {
      const { key } = job;
      const status = answers.get(key);
      return { status: job !== first.get(key) && status === 'queued' ? 'duplicate' : status, via, key };
    });
  }

  async #enter(jobs, deadlineMs) {
    let elsewhere = () => {};
    // Whether another way took the jobs; known before, or after, the queue took them late.
    const tookOther = new Promise((resolve) => {
      elsewhere = resolve;
    });
    try {
      const late = async (ids) => this.#late(ids, await tookOther);
      const statuses = await this.#intake.add(jobs, late, deadlineMs);
      this.#counts.bullmq += jobs.length;
      return { via: 'bullmq', statuses };
    } catch (error) {
      return this.#elsewhere(jobs, error, elsewhere);
    }
  }

  async #elsewhere(jobs, error, took) {
    const via = this.#fallback?.via ?? 'reject';
    emitSafely(this, 'fallback', { via, jobs: jobs.length, error });
    try {
      if (this.#fallback === null) throw error;
      const statuses = await this.#fallback.enter(jobs);
      took(true);
      this.#counts[via] += jobs.length;
      return { via, statuses };
    } catch (err) {
      took(false);
      this.#counts.rejected += jobs.length;
      throw err instanceof WarmpathError
        ? err
        : new WarmpathError('ERR_WARMPATH_DATABASE', 'no way took the jobs', { cause: err });
    }
  }

  /** Redis took jobs after all, when they had gone another way already: they must not run twice. */
  async #late(ids, elsewhere) {
    this.#counts.late += ids.length;
    // Nowhere else: they stay, and their caller was told that this may be.
    if (!elsewhere) return;
    this.#counts.withdrawn += await this.#intake.remove(ids);
  }

  /** Jobs by the way they went since the producer was made; `late`: taken by Redis after all, `withdrawn`: of those, taken out again. */
  stats() {
    return { ...this.#counts };
  }
}

/** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION */
function producer(queue, options = {}) {
  return new Producer(queue, options);
}

module.exports = { producer };
