'use strict';

const MIN_AGE_MS = 5000;

// Counting costs in proportion to what waits; it may take two percent of the time.
const PAUSE_FACTOR = 50;

/** Numbers for gauges: counted now and then, when somebody asks, and kept up in between by what this process does itself. */
class Counts {
  #count;
  #known = { queued: 0, delayed: 0, running: 0 };
  #nextAt = 0;
  #counting = null;

  /** @param {() => Promise<object[]>} count one row: queued, delayed, running */
  constructor(count) {
    this.#count = count;
  }

  change(differences) {
    for (const [name, by] of Object.entries(differences)) this.#known[name] = Math.max(0, this.#known[name] + by);
  }

  read() {
    // A number for a gauge is no reason to fail, nor to wait.
    if (performance.now() >= this.#nextAt) this.refresh().catch(() => {});
    return { ...this.#known };
  }

  refresh() {
    this.#counting ??= this.#refresh().finally(() => {
      this.#counting = null;
    });
    return this.#counting;
  }

  async #refresh() {
    const startedAt = performance.now();
    this.#nextAt = startedAt + MIN_AGE_MS;
    const [{ queued, delayed, running }] = await this.#count();
    this.#known = { queued, delayed, running };
    this.#nextAt = Math.max(this.#nextAt, performance.now() + (performance.now() - startedAt) * PAUSE_FACTOR);
    return { ...this.#known };
  }
}

module.exports = { Counts };
