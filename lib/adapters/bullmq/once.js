'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError, databaseError, fromOutcome } = require('../../errors.js');

const AFTER_BASE_MS = 250;
const AFTER_MAX_MS = 10_000;
const RECORD_TRIES = 5;

// How long a job waits that runs, or will run, by its other way.
const ELSEWHERE_MIN_MS = 1000;
const ELSEWHERE_MAX_MS = 5000;

const typed = (err) => (err instanceof WarmpathError ? err : databaseError('the store', err));

/**
 * An executor's face for jobs of an IngestWorker that come from a queue. Before a job runs it asks the store to which jobs go when
 * the queue is away (`take`, store/contract.js): so a job that went both ways runs once, whichever comes first, in whichever
 * process. When it is stored, what comes after it is done (ingest-after.js), and written down.
 */
class Once {
  #executor;
  #store;
  #after;
  #hooks;
  #leaseMs;
  #onError;
  #wait;
  #fences = new Map();
  #jobs = new Map();
  #recording = new Set();

  /**
   * @param {object} parts executor; store, with take(), or null; after: an IngestAfter; hooks: IngestHooks; leaseMs: as long as
   *   the queue's lock; onError(err); wait: a sleep of timers/promises
   */
  constructor({ executor, store, after, hooks, leaseMs, onError, wait = sleep }) {
    this.#executor = executor;
    this.#store = typeof store?.take === 'function' ? store : null;
    this.#after = after;
    this.#hooks = hooks;
    this.#leaseMs = leaseMs;
    this.#onError = onError;
    this.#wait = wait;
  }

  /** As an executor's run(). When it rejects, end() has to say what becomes of the job. */
  async run({ leaseMs, ...job }, { signal } = {}) {
    const known = await this.#take(job);
    if (known !== null) return known;
    this.#jobs.set(job.key, job);
    const { meta: _meta, prewarm: _prewarm, ...bare } = job;
    const value = await this.#runOnce({ ...bare, ...(leaseMs && { leaseMs }) }, signal);
    await this.#finish(job, value, signal);
    await this.#end(job.key, { status: 'succeeded', value, charged: true });
    return value;
  }

  async #runOnce(job, signal) {
    try {
      return await this.#executor.run(job, signal === undefined ? {} : { signal });
    } catch (err) {
      const error = this.#hooks.judge(err);
      throw error === err ? err : fromOutcome(error);
    }
  }

  /** The whole job that runs under this key, with what is the app's own. */
  jobOf(key) {
    return this.#jobs.get(key);
  }

  /** @returns {Promise<object | null>} the value of a job that is done; null: it is to be run here */
  async #take(job) {
    if (this.#store === null) return null;
    let taken;
    try {
      taken = await this.#store.take(job, { leaseMs: this.#leaseMs });
    } catch (err) {
      throw typed(err);
    }
    if (taken.state === 'done') return taken.value;
    if (taken.state === 'elsewhere') {
      const retryAfterMs = Math.min(Math.max(taken.leftMs, ELSEWHERE_MIN_MS), ELSEWHERE_MAX_MS);
      const text = 'the job runs by the way it went when the queue was away';
      throw new WarmpathError('ERR_WARMPATH_CANCELLED', text, { class: 'throttled', retryAfterMs });
    }
    this.#fences.set(job.key, taken.fence);
    return null;
  }

  /** Only this step is repeated, for as long as the job is ours: what is stored is not fetched again for it. */
  async #finish(job, value, signal) {
    for (let tries = 0; ; tries++) {
      try {
        await this.#after.saveReady([{ job, value }]);
        return;
      } catch (err) {
        this.#onError(typed(err));
        await this.#wait(Math.min(AFTER_BASE_MS * 2 ** tries, AFTER_MAX_MS), undefined, { signal }).catch(() => {});
        if (signal?.aborted) throw typed(err);
      }
    }
  }

  /**
   * The try with this key is over, and has failed.
   *
   * @param {string} key
   * @param {WarmpathError | null} error why it is never tried again: that is kept; null: the queue tries it again
   */
  async end(key, error) {
    if (error === null) await this.#end(key, null);
    else
      await this.#end(key, {
        status: 'failed',
        charged: true,
        error: { ...error, message: error.message, class: 'permanent' },
      });
  }

  /**
   * The queue has given up a job that no try here has ended: its end is written down too.
   *
   * @returns {Promise<boolean>} false where it is done all the same, or has its other way before it
   */
  async giveUp(job, error) {
    if (this.#store === null) return true;
    try {
      const { state, fence } = await this.#store.take(job, { leaseMs: this.#leaseMs });
      if (state !== 'taken') return false;
      this.#fences.set(job.key, fence);
    } catch (err) {
      this.#onError(typed(err));
      return true;
    }
    await this.end(job.key, error);
    return true;
  }

  async #end(key, settlement) {
    this.#jobs.delete(key);
    const fence = this.#fences.get(key);
    if (fence === undefined) return;
    this.#fences.delete(key);
    const write = () =>
      settlement === null ? this.#store.release([{ key, fence }]) : this.#store.settle([{ key, fence, ...settlement }]);
    try {
      await write();
    } catch (err) {
      this.#onError(typed(err));
      // The job has ended all the same. Until this is written, or its lease is over, nobody runs it again.
      const later = this.#writeLater(write).finally(() => this.#recording.delete(later));
      this.#recording.add(later);
    }
  }

  async #writeLater(write) {
    for (let tries = 0; tries < RECORD_TRIES; tries++) {
      await sleep(AFTER_BASE_MS * 4 ** tries, undefined, { ref: false });
      try {
        await write();
        return;
      } catch (err) {
        this.#onError(typed(err));
      }
    }
  }

  /** The queue's lock was renewed: so is the lease natively, and the one in the store. */
  extend(keys, leaseMs) {
    for (const key of keys) this.#extend(key);
    return this.#executor.extend?.(keys, leaseMs) ?? keys.map(() => true);
  }

  async #extend(key) {
    const fence = this.#fences.get(key);
    if (fence === undefined) return;
    try {
      const [kept] = await this.#store.extend([{ key, fence }], this.#leaseMs);
      // Somebody else has the job by now.
      if (!kept && this.#fences.get(key) === fence) this.#executor.cancel?.(key);
    } catch (err) {
      this.#onError(typed(err));
    }
  }

  list() {
    return this.#executor.list?.() ?? [];
  }

  /** Resolves when everything that could not be written at once has been, or was given up. */
  async close() {
    await Promise.all(this.#recording);
  }
}

module.exports = { Once };
