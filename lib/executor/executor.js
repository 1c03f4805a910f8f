'use strict';

const { EventEmitter } = require('node:events');
const { inNobodysContext } = require('../context.js');
const { WarmpathError, fromOutcome, abortError, guard } = require('../errors.js');
const { shape, milliseconds, arrayOf, text, having, failWith } = require('../options/check.js');
const { closeOptions, concurrency } = require('../options/executor.js');
const { checkAll } = require('../options/job.js');
const { emitSafely } = require('./emit.js');
const { KeepAlive } = require('./keep-alive.js');
const { Pending } = require('./pending.js');
const { Runs } = require('./runs.js');

const STATUS = ['queued', 'duplicate', 'processing', 'full'];
const [QUEUED, CLOSED] = [0, 4];
// Outcomes per text: 10 KB of a prewarm, 25 of the others. Four times that costs more per outcome, in the allocators of both sides.
const BATCH = 64;

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const key = text({ max: 1024 });
const runOptions = shape({ signal: having('addEventListener', 'removeEventListener') });

/** Those with jobs: whoever submits one and lets go of the executor is told of its outcome all the same. */
const busy = new Set();

/**
 * What every executor's face has in common: jobs go in as one JSON text, outcomes come back in batches, everything
 * between happens natively. A subclass brings the native object and the check of its jobs.
 *
 * Events: 'settled' (outcomes[]).
 */
class Executor extends EventEmitter {
  #native;
  #checkJob;
  #outcomesOf;
  #runs;
  #keepAlive = new KeepAlive();
  #pending = new Pending();
  #idle = [];
  #closed = false;

  /**
   * @param {(wake: () => void) => object} create makes the native executor
   * @param {(job: object, path?: string) => object} checkJob
   * @param {(text: string) => object[]} outcomesOf reads what the native executor tells
   */
  constructor(create, checkJob, outcomesOf = JSON.parse) {
    super();
    this.#checkJob = checkJob;
    this.#outcomesOf = outcomesOf;
    this.#native = guard(() => inNobodysContext(() => create(Executor.#wakeUp(new WeakRef(this)))));
    this.#runs = new Runs({
      submit: (job) => ({ status: this.#submit([job])[0], stale: Math.max(0, this.#pending.count(job.key) - 1) }),
      cancel: (k) => this.#native.cancel(k),
      keepAlive: this.#keepAlive,
    });
  }

  /**
   * What native code calls. It holds the function as long as there is the native executor, which there is as long as there is this
   * one: held strongly from there, neither could ever be collected. Made apart, because a function keeps what stands around it.
   */
  static #wakeUp(self) {
    return () => self.deref()?.#collect();
  }

  /**
   * @returns {'queued' | 'duplicate' | 'processing' | 'full'}
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB, ERR_WARMPATH_CLOSED
   */
  submit(job) {
    return this.#submitOpen([this.#checkJob(job)])[0];
  }

  /** One status per job; all jobs are checked before the first is queued. */
  submitMany(jobs) {
    return this.#submitOpen(checkAll(this.#checkJob, jobs));
  }

  /**
   * Told of every batch that was handed to the native side.
   * @protected
   */
  submitted(_jobs) {}

  #submitOpen(jobs) {
    const statuses = this.#submit(jobs);
    for (let i = 0; i < jobs.length; i++) {
      if (statuses[i] === 'duplicate' || statuses[i] === 'processing') this.#runs.adopt(jobs[i]);
    }
    return statuses;
  }

  #submit(jobs) {
    if (this.#closed) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the executor is closed');
    if (jobs.length === 0) return [];
    // Nothing is answered where all are queued.
    const answers = guard(() => this.#native.submitMany(JSON.stringify(jobs), jobs)) ?? null;
    this.submitted(jobs);
    const statuses = new Array(jobs.length);
    for (let i = 0; i < jobs.length; i++) {
      const answer = answers === null ? QUEUED : answers[i];
      statuses[i] = STATUS[answer];
      if (answer === QUEUED) this.#pending.add(jobs[i].key);
    }
    if (this.#pending.size > 0) busy.add(this);
    if (answers?.includes(CLOSED)) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the executor is closed');
    return statuses;
  }

  /**
   * Submits the job, or joins an equal one, and resolves with its value. Aborting rejects this caller only; the job
   * itself is cancelled when the last caller of a job that run() submitted has left.
   *
   * @throws {WarmpathError} the error of the outcome; ERR_WARMPATH_QUEUE_FULL, ERR_WARMPATH_CLOSED, ERR_WARMPATH_ABORTED
   */
  async run(job, options = {}) {
    const checked = this.#checkJob(job);
    const { signal } = runOptions(options, 'options', invalid);
    if (signal?.aborted) throw abortError(signal);
    const outcome = await this.#runs.join(checked, signal);
    if (outcome.status === 'failed') throw fromOutcome(outcome.error);
    return outcome.value;
  }

  /** Renews the leases of jobs that a store handed out; one answer per key, false where that job is not here. */
  extend(keys, leaseMs) {
    arrayOf(key, { max: 1_000_000 })(keys, 'keys', invalid);
    milliseconds()(leaseMs, 'leaseMs', invalid);
    return keys.length === 0 ? [] : guard(() => this.#native.extend(keys, leaseMs));
  }

  /** Cancels a queued or running job; its outcome follows, class `cancelled`. False when there is no such job. */
  cancel(jobKey) {
    return guard(() => this.#native.cancel(key(jobKey, 'key', invalid)));
  }

  /** Starts no further job; running ones go on. */
  pause() {
    guard(() => this.#native.pause());
  }

  resume() {
    guard(() => this.#native.resume());
  }

  /** How many jobs run at once, from now on: 1 to 4096, or `{ min, max }` for a number that is measured. */
  setConcurrency(n) {
    const wanted = concurrency(n, 'concurrency', invalid);
    if (typeof wanted === 'number') guard(() => this.#native.setConcurrency(wanted));
    else guard(() => this.#native.adaptConcurrency(wanted.min, wanted.max));
  }

  stats() {
    return JSON.parse(guard(() => this.#native.stats()));
  }

  /** What a job waits for, and until when; null when there is no such job. */
  explain(jobKey) {
    return JSON.parse(guard(() => this.#native.explain(key(jobKey, 'key', invalid))) ?? 'null');
  }

  /** The jobs that are here now: key, state ('queued' | 'waiting' | 'running'), sinceMs, and what the pipeline tells of its jobs. */
  list() {
    return JSON.parse(guard(() => this.#native.list()));
  }

  /** Resolves when every accepted job is settled and its outcome delivered. */
  drain() {
    if (this.#pending.size === 0) return Promise.resolve();
    const release = this.#keepAlive.hold();
    return new Promise((resolve) => {
      this.#idle.push(() => {
        release();
        resolve();
      });
    });
  }

  /**
   * Takes no further jobs, lets the accepted ones finish for `timeoutMs` (default 10,000; 0 = not at all), then cancels
   * the rest, uncharged. Resolves when all outcomes are delivered. A second call can only shorten the wait.
   */
  async close(options) {
    const { timeoutMs } = closeOptions(options);
    this.#closed = true;
    guard(() => this.#native.closeIntake());
    const cancel = () => guard(() => this.#native.cancelAll());
    const timer = timeoutMs > 0 && this.#pending.size > 0 ? setTimeout(cancel, timeoutMs) : null;
    if (timeoutMs === 0) cancel();
    await this.drain();
    clearTimeout(timer);
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /**
   * Called before outcomes that were taken are delivered: what happened before them can be told before them.
   *
   * @protected
   */
  delivering() {}

  /** Called by the native side when outcomes wait. */
  #collect() {
    for (;;) {
      const json = this.#native.takeSettled(BATCH);
      this.delivering();
      if (json === null || json === undefined) break;
      const outcomes = this.#outcomesOf(json);
      for (const outcome of outcomes) {
        this.#pending.remove(outcome.key);
        this.#runs.settle(outcome);
      }
      emitSafely(this, 'settled', outcomes);
    }
    if (this.#pending.size > 0) return;
    busy.delete(this);
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

module.exports = { Executor };
