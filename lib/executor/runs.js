'use strict';

const { WarmpathError, abortError } = require('../errors.js');

/**
 * The callers of run(). Several of them share one job under one key; each may leave by its AbortSignal, and the last one
 * to leave cancels the job, but only if run() submitted it and nobody else wants it.
 *
 * A cancelled job is not gone until its outcome arrives. Whoever asks for the same key in that gap (by run or submit)
 * gets the job submitted again as soon as the cancellation is settled.
 */
class Runs {
  #entries = new Map();
  #submit;
  #cancel;
  #keepAlive;

  constructor({ submit, cancel, keepAlive }) {
    this.#submit = submit;
    this.#cancel = cancel;
    this.#keepAlive = keepAlive;
  }

  /** Submits the job, or joins an equal one, and resolves with its outcome. */
  join(job, signal) {
    let entry = this.#entries.get(job.key);
    if (entry === undefined) {
      entry = { waiters: new Set(), cancelling: false, again: null, ...this.#enter(job, true) };
      this.#entries.set(job.key, entry);
    } else if (entry.cancelling && entry.again === null) {
      entry.again = { job, owned: true };
    }
    return this.#wait(job.key, entry, signal);
  }

  /** `stale` counts the outcomes of earlier jobs with that key which are settled, but still on their way to JS. */
  #enter(job, ours) {
    const { status, stale } = this.#submit(job);
    if (status === 'full') throw new WarmpathError('ERR_WARMPATH_QUEUE_FULL', 'the queue of the executor is full');
    return { owned: ours && status === 'queued', stale };
  }

  #wait(key, entry, signal) {
    return new Promise((resolve, reject) => {
      const release = this.#keepAlive.hold();
      const onAbort = () => {
        leave();
        this.#left(key, entry);
        reject(abortError(signal));
      };
      const waiter = {
        resolve: (outcome) => {
          leave();
          resolve(outcome);
        },
        reject: (err) => {
          leave();
          reject(err);
        },
      };
      function leave() {
        release();
        entry.waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      }
      entry.waiters.add(waiter);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #left(key, entry) {
    if (entry.waiters.size > 0) return;
    if (entry.cancelling) {
      if (entry.again?.owned) entry.again = null;
    } else if (entry.owned) {
      entry.cancelling = true;
      this.#cancel(key);
    } else {
      this.#entries.delete(key);
    }
  }

  /** A plain submit() met an equal job: from now on that job has an owner who is not a caller of run(). */
  adopt(job) {
    const entry = this.#entries.get(job.key);
    if (entry === undefined) return;
    entry.owned = false;
    if (entry.cancelling) entry.again = { job, owned: false };
  }

  /** Hands an outcome to whoever waits for it. */
  settle(outcome) {
    const entry = this.#entries.get(outcome.key);
    if (entry === undefined) return;
    if (entry.stale > 0) {
      entry.stale--;
      return;
    }
    this.#entries.delete(outcome.key);
    if (entry.again !== null && outcome.status === 'failed') this.#resubmit(outcome.key, entry);
    else for (const waiter of [...entry.waiters]) waiter.resolve(outcome);
  }

  #resubmit(key, entry) {
    const { job, owned } = entry.again;
    try {
      Object.assign(entry, { cancelling: false, again: null, ...this.#enter(job, owned) });
      if (entry.waiters.size > 0) this.#entries.set(key, entry);
    } catch (err) {
      for (const waiter of [...entry.waiters]) waiter.reject(err);
    }
  }
}

module.exports = { Runs };
