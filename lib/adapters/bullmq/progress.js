'use strict';

/**
 * Tells BullMQ where jobs are: `{ state: 'queued' | 'waiting' | 'running', sinceMs }`, written when the state of a job
 * changed since the last look. One look for all jobs; a job that is shorter than the interval is never written.
 */
class Progress {
  #executor;
  #everyMs;
  #jobs = new Map();
  #timer = null;

  constructor(executor, everyMs) {
    this.#executor = executor;
    this.#everyMs = typeof executor.list === 'function' ? everyMs : 0;
  }

  /** @returns {() => void} ends it */
  follow(job, key) {
    if (this.#everyMs === 0) return () => {};
    const entry = { job, state: null };
    this.#jobs.set(key, entry);
    this.#timer ??= setInterval(() => this.#look(), this.#everyMs).unref();
    return () => {
      if (this.#jobs.get(key) === entry) this.#jobs.delete(key);
      if (this.#jobs.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  #look() {
    for (const { key, state, sinceMs } of this.#executor.list()) {
      const entry = this.#jobs.get(key);
      if (entry === undefined || entry.state === state) continue;
      entry.state = state;
      // A job that is gone meanwhile, or a Redis that is away: nobody needs this progress any more.
      entry.job.updateProgress({ state, sinceMs }).catch(() => {});
    }
  }
}

module.exports = { Progress };
