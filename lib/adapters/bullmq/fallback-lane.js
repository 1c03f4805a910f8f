'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../../errors.js');
const { MemoryStore } = require('../../store/memory.js');
const { PostgresIngestStore } = require('../../store/postgres-ingest.js');
const { INGEST_DELAYS_MS } = require('../../store/retry-policy.js');
const { IngestWorker } = require('../../worker/ingest.js');

// Of how many jobs a store in memory remembers that they are done: both ways may have brought them.
const KEEP_DONE = 10_000;
const STOP_GRACE_MS = 3000;

/**
 * The other way: where jobs go that Redis does not take, and the worker that runs them. `store`: rows in Postgres, or any store;
 * `inline`: the memory of this process. Jobs of both ways share their keys, see Once.
 */
class FallbackLane {
  #options;
  #parts;
  #store;
  #owned;
  #worker = null;

  /** @param {object} parts report; onError(err); onResult(result) */
  constructor(options, parts) {
    this.#options = options;
    this.#parts = parts;
    this.#owned = options.store === undefined;
    this.#store = this.#open();
  }

  #open() {
    const { fallback, store, pool, capacity } = this.#options;
    if (fallback === 'reject') return null;
    if (store !== undefined) return store;
    if (pool !== undefined) return new PostgresIngestStore({ pool, onError: this.#parts.onError });
    return new MemoryStore({ capacity, delaysMs: [...INGEST_DELAYS_MS], keepDone: KEEP_DONE });
  }

  get store() {
    return this.#store;
  }

  get via() {
    return this.#options.fallback;
  }

  get running() {
    return this.#worker?.stats().running ?? 0;
  }

  /** @returns {Promise<{ status: string, via: string }[]>} @throws {WarmpathError} what the store throws */
  async enter(jobs) {
    if (this.#store === null) {
      const text =
        "holds more in memory than Redis is to hold: give a file or an address, or another fallback than 'reject'";
      throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', `job.source ${text}`, { option: 'job.source' });
    }
    const statuses = await this.#store.enqueue(jobs);
    this.used();
    return statuses.map((status) => ({ status, via: this.via }));
  }

  /** Jobs went this way. Those in memory can be run by nobody else. */
  used() {
    if (this.#options.fallback === 'inline') this.start();
  }

  start() {
    if (this.#store === null || this.#worker !== null) return;
    if (this.#options.fallback === 'store' && !this.#options.runsFallback) return;
    const { report, onError, onResult } = this.#parts;
    const worker = new IngestWorker(workerOptions(this.#options), { store: this.#store, report });
    this.#worker = worker;
    worker.on('error', onError);
    for (const name of ['succeeded', 'failed', 'retry']) worker.on(name, onResult);
    worker.start().catch(onError);
  }

  async stop(timeoutMs) {
    const stopped = this.#worker?.stop({ timeoutMs });
    if (stopped !== undefined)
      await Promise.race([stopped, sleep(timeoutMs + STOP_GRACE_MS, undefined, { ref: false })]);
    if (this.#owned) await this.#store?.close();
  }

  /** The jobs that are nowhere else. */
  leftovers() {
    return this.via === 'inline' ? this.#store.list().map(({ job }) => job) : [];
  }
}

const NOT_THE_WORKERS = [
  ...['bullmq', 'connection', 'prefix', 'jobOptions', 'workerOptions', 'fallback', 'pool', 'store', 'runsFallback'],
  ...['deadlineMs', 'redisDeadlineMs', 'backlog', 'maxInlineBytes', 'lockDurationMs', 'captureException'],
  // The report is told instead.
  ...['notify', 'logger', 'observe'],
];

/** Of checked options, those that an IngestWorker has too. */
function workerOptions(options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !NOT_THE_WORKERS.includes(name)));
}

module.exports = { FallbackLane };
