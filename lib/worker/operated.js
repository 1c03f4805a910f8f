'use strict';

const { EventEmitter } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../errors.js');
const { Monitor } = require('../metrics/monitor.js');
const { failWith, text } = require('../options/check.js');
const { concurrency: concurrencyCheck, mostSlots } = require('../options/executor.js');
const { describeJob } = require('./describe.js');
const { explainJob, failureOf, ofKey } = require('./explain.js');
const { jobsPage } = require('./jobs.js');
const { tellErrors } = require('./on-error.js');
const { Origins } = require('./origins.js');
const { answers } = require('./ping.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const keyText = text({ max: 1024 });

const DRAIN_POLL_MS = 50;

// Of how many jobs that wait for later their reasons are looked at: enough to see what holds them.
const MOST_LATER = 5000;

/**
 * What an operator does to a worker while it runs, whatever its pipeline: hold it, change its speed, look at its jobs, cancel
 * one, try one again. The router, the dashboard and the CLI use nothing else, so they serve every worker.
 *
 * What a store can do beyond the contract (see contract.js, "desk") decides what is possible: an operation that it cannot do
 * throws ERR_WARMPATH_INVALID_ARGUMENT.
 */
class Operated extends EventEmitter {
  #settings;
  #hold = 'open';
  // How many jobs run at once, where an operator has said so.
  #slots = null;
  // Handles of claims that an operator has cancelled: their jobs are not to come back.
  #cancelled = new Set();
  /** Where jobs came from; a subclass tells what it has enqueued. */
  origins = new Origins();

  /** @param {object} settings store, concurrency; name; monitor; compatNames; ping: rejects where the database is away; onError */
  constructor(settings) {
    super();
    this.#settings = settings;
    settings.monitor ??= new Monitor();
    if (settings.onError !== undefined) tellErrors(this, settings.onError);
  }

  /** The pipeline: `prewarm`, `ingest`, `campaign`; the label `worker` of metrics. */
  get name() {
    return this.#settings.name ?? 'worker';
  }

  get monitor() {
    return this.#settings.monitor;
  }

  get compatNames() {
    return this.#settings.compatNames ?? null;
  }

  get executor() {
    return null;
  }

  get state() {
    return 'idle';
  }

  /** The state, with what an operator made of it: `idle`, `running`, `paused`, `draining`, `stopping`. */
  get mode() {
    if (this.state !== 'running' || this.#hold === 'open') return this.state;
    return this.#hold;
  }

  /** Whether new jobs may be claimed. */
  get held() {
    return this.#hold !== 'open';
  }

  /** What a new executor has to know of what was set before it was made. */
  equip(executor) {
    if (this.#hold === 'paused') executor.pause();
    if (this.#slots !== null) executor.setConcurrency(this.#slots);
  }

  /** Goes on under what an operator had set for the worker before this one: held or not, and how many jobs at once. */
  inherit(previous) {
    this.#hold = previous.#hold;
    if (previous.#slots !== null) this.setConcurrency(previous.#slots);
  }

  /** The most jobs that may run at once. */
  get slots() {
    return this.#settings.concurrency;
  }

  /** The same where an operator has set it, which outlasts a stop and a start; else null. */
  get slotsSet() {
    return this.#slots === null ? null : this.slots;
  }

  wake() {}

  stats() {
    const { queued, delayed, running, capacity } = this.#settings.store.stats();
    const { concurrency } = this.#settings;
    return { queued, waiting: delayed, running: 0, claimed: running, concurrency, capacity, recording: 0 };
  }

  /** Where jobs are, as far as this process knows. */
  depth() {
    const { queued, delayed, running } = this.#settings.store.stats();
    return { ready: queued, delayed, claimed: running };
  }

  /** Claims and starts nothing until resume(); running jobs go on. Outlasts a stop and a start. */
  pause() {
    this.#hold = 'paused';
    this.executor?.pause();
  }

  resume() {
    this.#hold = 'open';
    this.executor?.resume();
    this.wake();
  }

  /**
   * Claims nothing more, and resolves when what was claimed is done and recorded; until resume() the worker stays idle then.
   *
   * @param {{ signal?: AbortSignal }} [options] ends the wait only
   */
  async drain({ signal } = {}) {
    this.#hold = 'draining';
    this.executor?.resume();
    while (this.#hold === 'draining' && this.busy() > 0) await sleep(DRAIN_POLL_MS, undefined, { signal, ref: true });
  }

  /** Jobs between claim and record. */
  busy() {
    return 0;
  }

  /**
   * How many jobs run at once, from now on and after a restart: 1 to 4096, or `{ min, max }` for a number that is measured.
   *
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
   */
  setConcurrency(n) {
    const wanted = concurrencyCheck(n, 'concurrency', invalid);
    this.#settings.concurrency = mostSlots(wanted);
    this.#slots = wanted;
    this.executor?.setConcurrency(wanted);
    this.wake();
  }

  /** What of a job may be shown: identifiers and sizes, never an address with a query, a text or a token. */
  describe(job) {
    return describeJob(job);
  }

  /**
   * A page of jobs.
   *
   * @param {{ state?: 'queued' | 'delayed' | 'claimed' | 'failed', search?: string, limit?: number, cursor?: string }} [query]
   * @returns {Promise<{ items: object[], nextCursor: string | null }>}
   */
  async jobs(query = {}) {
    return jobsPage(this, this.#settings.store, query);
  }

  /** The key that a job has in the executor while it is claimed here; null when it is not. */
  handleOf(key) {
    const prefix = `${keyText(key, 'key', invalid)}#`;
    const found = this.executor
      ?.list()
      .find((item) => item.key.startsWith(prefix) && !item.key.includes('#', prefix.length));
    return found?.key ?? null;
  }

  /** Why a job is where it is; null when there is no such job. */
  async explain(key) {
    return explainJob(this, this.#desk, keyText(key, 'key', invalid));
  }

  /**
   * Ends a job for good: running, claimed here, or waiting in the store. It counts as failed, with
   * ERR_WARMPATH_CANCELLED, and can be retried.
   *
   * @returns {Promise<boolean>} false when there is no such job, or it is over
   */
  async cancel(key) {
    const handle = this.handleOf(key);
    if (handle !== null) {
      this.#cancelled.add(handle);
      if (this.executor.cancel(handle)) return true;
      this.#cancelled.delete(handle);
    }
    const store = this.#desk;
    this.#needs(store.cancel, 'cancelled');
    const [job] = await ofKey(() => store.cancel([key]));
    if (job === null || job === undefined) return false;
    const error = new WarmpathError('ERR_WARMPATH_CANCELLED', 'cancelled by an operator');
    this.monitor.failed({ key, job, error, attempt: 0 }, (each) => this.describe(each));
    return true;
  }

  /** Whether this claim was cancelled by an operator; asked once, when it ends. */
  takeCancelled(handle) {
    return this.#cancelled.delete(handle);
  }

  /**
   * Tries a job again now: one that failed for good, or one that waits for its retry.
   *
   * @returns {Promise<'queued' | 'duplicate' | 'processing' | 'cached' | 'full' | 'unknown'>}
   */
  async retry(key) {
    keyText(key, 'key', invalid);
    const store = this.#desk;
    const failure = failureOf(this, key);
    const [again] = store.retry === undefined ? [] : await ofKey(() => store.retry([key]));
    if (again === true) {
      this.monitor.failures.remove((item) => item.key === key);
      this.wake();
      return 'queued';
    }
    if (failure === undefined) return 'unknown';
    const status = await this.enqueue(failure.original);
    if (status !== 'full') this.monitor.failures.remove((item) => item.key === key);
    return status;
  }

  /**
   * Tries failed jobs again, up to `limit` of them (default 1000).
   *
   * @returns {Promise<number>} how many
   */
  async retryFailed({ limit = 1000 } = {}) {
    const store = this.#desk;
    if (store.retryFailed !== undefined) {
      const count = await store.retryFailed({ limit });
      this.monitor.failures.remove(() => true);
      this.wake();
      return count;
    }
    let count = 0;
    for (const { key } of this.monitor.failures.newest(limit)) if ((await this.retry(key)) === 'queued') count++;
    return count;
  }

  /**
   * Forgets jobs: `queued` (ready, and those that wait for a retry; not the claimed ones) or `failed`.
   *
   * @returns {Promise<number>} how many
   */
  async purge({ state }) {
    if (state !== 'queued' && state !== 'failed') invalid('state', "must be 'queued' or 'failed'");
    const store = this.#desk;
    const forgotten = state === 'failed' ? this.monitor.failures.remove(() => true) : 0;
    if (store.purge === undefined && state === 'failed') return forgotten;
    this.#needs(store.purge, 'purged');
    const count = await store.purge({ state });
    return count ?? forgotten;
  }

  #needs(method, verb) {
    if (method === undefined) invalid('store', `keeps jobs that cannot be ${verb} from here`);
  }

  /** What of the store an operator can use: all of the desk (contract.js), or nothing. */
  get #desk() {
    const { store } = this.#settings;
    return typeof store.page === 'function' ? store : {};
  }

  /** What is possible here, for a page that shows no button without an effect. */
  abilities() {
    const store = this.#desk;
    return {
      list: typeof store.page === 'function',
      cancel: typeof store.cancel === 'function',
      purge: typeof store.purge === 'function',
    };
  }

  /** What waits in the store for its time, by bot and by why, where the store can tell; else null. */
  async later() {
    return (await this.#desk.later?.({ most: MOST_LATER })) ?? null;
  }

  /** Every process that works on the same table, where the store knows that; else null. */
  async instances() {
    return (await this.#settings.store.instances?.()) ?? null;
  }

  /**
   * For probes. `live`: this process answers. `ready`: jobs given to it now will be worked on; else `reasons` say why not.
   *
   * @returns {Promise<{ live: true, ready: boolean, reasons: { code: string, message: string }[] }>}
   */
  async health() {
    const reasons = [];
    const not = (code, message) => reasons.push({ code, message });
    if (this.state !== 'running') not('NOT_RUNNING', 'the worker is not started');
    else if (this.#hold === 'paused') not('PAUSED', 'an operator has paused the worker');
    else if (this.#hold === 'draining') not('DRAINING', 'the worker takes no new jobs');
    if (!(await this.databaseAnswers())) not('DATABASE_NOT_AVAILABLE', 'the database does not answer');
    return { live: true, ready: reasons.length === 0, reasons };
  }

  /** Whether the database answers; true where there is none. */
  databaseAnswers() {
    return answers(this.#settings.ping);
  }

  /**
   * The admin router: metrics, control and the dashboard, as a plain `(req, res, next)` handler.
   *
   * @param {{ auth: Function | 'external' }} options see docs/admin.md
   */
  router(options) {
    return require('../admin/router.js').adminRouter(this, options);
  }
}

module.exports = { Operated };
