'use strict';

const { setImmediate: turn } = require('node:timers/promises');
const { invalidOption } = require('./options');

/**
 * What a sandbox reads the time from and waits by.
 * @typedef {{ now(): number, setTimeout(run: () => void, ms: number): unknown, clearTimeout(timer: any): void }} Clock
 */

/** @type {Clock} */
const REAL = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * The clock an option names: nothing is the real one, a function tells the time of limits only, an object also waits.
 *
 * @param {undefined | (() => number) | Clock} given
 * @returns {Clock}
 */
function clockOf(given) {
  if (given === undefined) return REAL;
  if (typeof given === 'function') return { ...REAL, now: given };
  const whole = ['now', 'setTimeout', 'clearTimeout'].every((name) => typeof given?.[name] === 'function');
  if (!whole) throw invalidOption('clock must be a function or have now(), setTimeout() and clearTimeout()');
  return given;
}

/**
 * Waits on a clock.
 *
 * @param {Clock} clock
 * @param {number} ms
 * @param {AbortSignal} [signal] ends the wait with a rejection
 */
function sleep(clock, ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * A clock that stands still until it is told to go on: a day of limits passes in seconds, and in the same way each time.
 * See index.d.ts.
 */
class ManualClock {
  #now;
  #last = 0;
  /** Sorted by time, then by age: the next one is the last of the list. */
  #timers = [];

  /** @param {number} [start] ms */
  constructor(start = 0) {
    this.#now = start;
    // They are handed on as plain functions.
    for (const name of ['now', 'setTimeout', 'clearTimeout']) this[name] = this[name].bind(this);
  }

  now() {
    return this.#now;
  }

  /** Timers that wait. */
  get pending() {
    return this.#timers.length;
  }

  /** When the next timer is due, or null. */
  get next() {
    return this.#timers.at(-1)?.at ?? null;
  }

  setTimeout(run, ms = 0) {
    this.#last += 1;
    const timer = { at: this.#now + Math.max(0, Number(ms) || 0), id: this.#last, run };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (later(this.#timers[middle], timer)) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return timer;
  }

  clearTimeout(timer) {
    const at = this.#timers.indexOf(timer);
    if (at >= 0) this.#timers.splice(at, 1);
  }

  #fire(until) {
    const timer = this.#timers.at(-1);
    if (!timer || timer.at > until) return false;
    this.#timers.pop();
    this.#now = Math.max(this.#now, timer.at);
    timer.run();
    return true;
  }

  /** Goes on by `ms` and runs the timers that come due, in their order, in this very call. */
  advance(ms) {
    const until = this.#now + check(ms);
    while (this.#fire(until));
    this.#now = until;
  }

  /** The same, but what a timer sets off gets a turn of the event loop, so that it can set timers of its own. */
  async advanceAsync(ms) {
    const until = this.#now + check(ms);
    await turn();
    while (this.#fire(until)) await turn();
    this.#now = until;
    await turn();
  }
}

const later = (one, other) => one.at > other.at || (one.at === other.at && one.id > other.id);

function check(ms) {
  if (!Number.isFinite(ms) || ms < 0) throw invalidOption('a clock goes on by a number of ms, 0 or more');
  return ms;
}

module.exports = { clockOf, sleep, ManualClock };
