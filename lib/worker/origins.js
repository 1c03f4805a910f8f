'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { inNobodysContext } = require('../context.js');

// A job that another process runs never comes back here: what is oldest is forgotten.
const MOST = 10_000;

/**
 * The async context in which each job was enqueued by this process, until it ends: so that what an app keeps there (a request id,
 * a tenant, a trace) is there too in the listeners of the job's own events.
 */
class Origins {
  #runners = new Map();

  /** @param {string[]} keys of jobs that were just enqueued */
  learn(keys) {
    if (keys.length === 0) return;
    const run = AsyncLocalStorage.snapshot();
    for (const key of keys) this.#runners.set(key, run);
    while (this.#runners.size > MOST) this.#runners.delete(this.#runners.keys().next().value);
  }

  /** Runs `fn` in the context of the job, else in nobody's. @param {boolean} last the job is over */
  run(key, last, fn) {
    const run = this.#runners.get(key);
    if (run === undefined) return inNobodysContext(fn);
    if (last) this.#runners.delete(key);
    return run(fn);
  }
}

module.exports = { Origins };
