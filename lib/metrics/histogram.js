'use strict';

/** Upper bounds in seconds: from a cached answer to a film that a slow line carries for minutes. */
const SECONDS = Object.freeze([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]);

/** A histogram with fixed bounds; observing costs one search in fifteen numbers and no memory. */
class Histogram {
  #bounds;
  #counts;
  sum = 0;
  count = 0;

  /** @param {readonly number[]} [bounds] upper bounds, ascending */
  constructor(bounds = SECONDS) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  observe(value) {
    if (!Number.isFinite(value) || value < 0) return;
    this.sum += value;
    this.count++;
    const i = this.#bounds.findIndex((bound) => value <= bound);
    if (i >= 0) this.#counts[i]++;
  }

  /** `[upper bound, how many were not above it]`, the last bound being Infinity. */
  buckets() {
    let below = 0;
    const out = this.#bounds.map((bound, i) => {
      below += this.#counts[i];
      return [bound, below];
    });
    return [...out, [Number.POSITIVE_INFINITY, this.count]];
  }
}

module.exports = { Histogram };
