'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../../errors.js');

const BATCH = 500;
const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5000;

/** What comes again with the same job however often it is tried. */
const isHopeless = (err) => err.code === 'ERR_WARMPATH_INVALID_JOB';

/**
 * The last step before a queue, and the only one that waits for it: jobs are accepted into memory, and carried on in batches, in
 * order, for as long as it takes. Who brought one is answered when it has arrived, or after `deadlineMs` with the truth: that
 * it is still in memory. So a listener is never held up, by a queue that is away or by two thousand jobs before its own.
 */
class Pump {
  #carry;
  #options;
  #onError;
  #onStranded;
  #entries = [];
  #running = null;
  #failures = 0;
  #closed = false;
  #wake = () => {};

  /**
   * @param {object} parts carry(jobs): one `{ status, via }` each, or rejects for all; deadlineMs; capacity; keep: whether
   *   jobs that could not be carried stay, and are tried again; onError(err); onStranded(job, err): a job that was accepted, and
   *   can go nowhere
   */
  constructor({ carry, deadlineMs, capacity, keep, onError, onStranded }) {
    this.#carry = carry;
    this.#options = { deadlineMs, capacity, keep };
    this.#onError = onError;
    this.#onStranded = onStranded;
  }

  /** Jobs that are in memory only. */
  get size() {
    return this.#entries.length;
  }

  /** The jobs that are in memory only, in order. */
  jobs() {
    return this.#entries.map(({ job }) => job);
  }

  /**
   * @returns {Promise<{ status: string, via: string, key: string }>} within `deadlineMs`
   * @throws {WarmpathError} ERR_WARMPATH_QUEUE_FULL, ERR_WARMPATH_CLOSED, or why the job can go nowhere
   */
  accept(job) {
    const { capacity, deadlineMs } = this.#options;
    if (this.#closed) return Promise.reject(new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is closed'));
    if (this.#entries.length >= capacity) {
      return Promise.reject(
        new WarmpathError('ERR_WARMPATH_QUEUE_FULL', `${capacity} jobs are waiting in memory already`),
      );
    }
    return new Promise((resolve, reject) => {
      const entry = { job, answered: false };
      const answer = (settle) => (value) => {
        clearTimeout(timer);
        entry.answered = true;
        settle(value);
      };
      entry.resolve = answer(resolve);
      entry.reject = answer(reject);
      const timer = setTimeout(() => entry.resolve({ status: 'queued', via: 'memory', key: job.key }), deadlineMs);
      this.#entries.push(entry);
      this.#work();
    });
  }

  #work() {
    if (this.#running !== null) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#entries.length > 0 && !this.#closed) this.#work();
    });
  }

  async #run() {
    // Jobs of one turn go together.
    await null;
    while (this.#entries.length > 0) {
      const full = await this.#carryOn(this.#entries.slice(0, BATCH));
      if (this.#failures === 0 && !full) continue;
      if (this.#closed) return;
      await this.#backoff();
    }
  }

  /**
   * @param {object[]} batch the first entries
   * @returns {Promise<boolean>} whether some have to wait, because there was no room for them
   */
  async #carryOn(batch) {
    let answers;
    try {
      answers = await this.#carry(batch.map(({ job }) => job));
    } catch (err) {
      return this.#failed(batch, err);
    }
    this.#failures = 0;
    const through = batch.filter((_, i) => answers[i].status !== 'full');
    this.#drop(through);
    batch.forEach((entry, i) => {
      const { status, via } = answers[i];
      if (status !== 'full' && !entry.answered) entry.resolve({ status, via, key: entry.job.key });
    });
    return through.length < batch.length;
  }

  #drop(entries) {
    const gone = new Set(entries);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
  }

  async #failed(batch, err) {
    if (isHopeless(err) && batch.length > 1) {
      // One that can go nowhere must not hold up the others.
      let full = false;
      for (const entry of batch) full = (await this.#carryOn([entry])) || full;
      return full;
    }
    if (isHopeless(err) || !this.#options.keep) {
      this.#drop(batch);
      for (const entry of batch) this.#strand(entry, err);
      return false;
    }
    this.#failures++;
    this.#onError(err);
    return false;
  }

  #strand(entry, err) {
    if (entry.answered) this.#onStranded(entry.job, err);
    else entry.reject(err);
  }

  async #backoff() {
    const stop = new AbortController();
    this.#wake = () => stop.abort();
    const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** Math.max(0, this.#failures - 1), BACKOFF_MAX_MS);
    // Ref'd: jobs in memory are a reason to stay alive.
    await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    this.#wake = () => {};
  }

  /**
   * Takes nothing more, and tries once more, at once, to carry on what is left. Resolves when that is over, or `timeoutMs` have
   * passed: what is in memory then, jobs() says.
   */
  async close(timeoutMs) {
    this.#closed = true;
    this.#wake();
    const over = new AbortController();
    const passed = sleep(timeoutMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([this.#last(), passed]);
    over.abort();
  }

  async #last() {
    await this.#running;
    if (this.#entries.length > 0) await this.#run();
  }
}

module.exports = { Pump };
