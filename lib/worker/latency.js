'use strict';

// Buckets that grow by a tenth: a quantile is read with an error of 5 % at most, from a millisecond to a day, in some 1.5 KB.
const GROWTH = Math.log(1.1);
const BUCKETS = 192;

/** How long jobs took: mean and quantiles over all of them, in constant memory. */
class Latency {
  #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;

  /** @param {number} ms */
  add(ms) {
    const i = ms <= 1 ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(ms) / GROWTH));
    this.#counts[i]++;
    this.#count++;
    this.#sum += ms;
  }

  #quantile(q) {
    let left = Math.max(1, Math.ceil(this.#count * q));
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i];
      // The middle of the bucket, in the measure of its growth.
      if (left <= 0) return i === 0 ? 1 : Math.round(Math.exp((i - 0.5) * GROWTH));
    }
    return 0;
  }

  /** @returns {{ mean: number, p50: number, p95: number, p99: number }} ms; zeros before the first job */
  read() {
    if (this.#count === 0) return { mean: 0, p50: 0, p95: 0, p99: 0 };
    const mean = Math.round(this.#sum / this.#count);
    return { mean, p50: this.#quantile(0.5), p95: this.#quantile(0.95), p99: this.#quantile(0.99) };
  }
}

module.exports = { Latency };
