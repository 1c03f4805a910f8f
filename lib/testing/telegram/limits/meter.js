'use strict';

/** Sums of periods such as 1000 / 30 ms are not exact: a message early by less than this is on time. */
const ROUNDING_MS = 0.001;

/**
 * A leaky bucket, written as GCRA (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): message n of a client that
 * keeps the rate may come `(burst - 1) * interval` before its time. No more than that is ever remembered, so a pause
 * earns a burst and no credit.
 */
class Bucket {
  #intervalMs;
  #slackMs;
  /** When the next message would be due if all came evenly. */
  #due = Number.NEGATIVE_INFINITY;

  constructor({ count, periodMs, burst, toleranceMs }) {
    this.#intervalMs = periodMs / count;
    this.#slackMs = (burst - 1) * this.#intervalMs + toleranceMs;
  }

  /** ms until one more may come, 0 when it may now. */
  wait(now) {
    const wait = this.#due - this.#slackMs - now;
    return wait > ROUNDING_MS ? wait : 0;
  }

  book(now, messages) {
    this.#due = Math.max(this.#due, now) + messages * this.#intervalMs;
  }

  idle(now) {
    return this.#due <= now;
  }
}

/** At most `count` in any `periodMs`; a message leaves the window exactly one period after it came. */
class Window {
  #count;
  #periodMs;
  #toleranceMs;
  #times = [];

  constructor({ count, periodMs, toleranceMs }) {
    this.#count = count;
    this.#periodMs = periodMs;
    this.#toleranceMs = toleranceMs;
  }

  wait(now) {
    const times = this.#times;
    while (times.length > 0 && times[0] <= now - this.#periodMs) times.shift();
    if (times.length < this.#count) return 0;
    const wait = times[times.length - this.#count] + this.#periodMs - this.#toleranceMs - now;
    return wait > ROUNDING_MS ? wait : 0;
  }

  book(now, messages) {
    for (let i = 0; i < messages; i += 1) this.#times.push(now);
  }

  idle(now) {
    return (this.#times.at(-1) ?? Number.NEGATIVE_INFINITY) <= now - this.#periodMs;
  }
}

const SWEEP_AT = 10_000;

/** One meter a key, made when first needed and dropped when it remembers nothing. */
class Meters {
  #make;
  #byKey = new Map();
  #sweepAt = SWEEP_AT;

  /** @param {{ count: number, periodMs: number, burst: number, toleranceMs: number, algorithm: 'bucket' | 'window' }} rule */
  constructor(rule) {
    const Meter = rule.algorithm === 'window' ? Window : Bucket;
    this.#make = () => new Meter(rule);
  }

  of(key, now) {
    let meter = this.#byKey.get(key);
    if (!meter) {
      if (this.#byKey.size >= this.#sweepAt) this.#sweep(now);
      meter = this.#make();
      this.#byKey.set(key, meter);
    }
    return meter;
  }

  #sweep(now) {
    for (const [key, meter] of this.#byKey) if (meter.idle(now)) this.#byKey.delete(key);
    this.#sweepAt = Math.max(SWEEP_AT, this.#byKey.size * 2);
  }

  clear() {
    this.#byKey.clear();
  }
}

module.exports = { Meters };
