'use strict';

const { abortError } = require('../errors.js');

/** What a source answers to poll() beside an item. */
const PENDING = Symbol('pending');
const ENDED = Symbol('ended');

/** Holds the event loop while somebody waits for what another thread may send. One timer a thread, referenced while it is needed. */
class Hold {
  #holders = 0;
  #timer = null;

  take() {
    if (this.#holders++ > 0) return;
    if (this.#timer === null) this.#timer = setInterval(() => {}, 2 ** 30);
    else this.#timer.ref();
  }

  release() {
    if (--this.#holders === 0) this.#timer.unref();
  }
}

const hold = new Hold();

/** Items handed out at once after which the event loop gets its turn: a queue that is never empty must not starve it. */
const RUN = 1000;

/**
 * Those who wait for an item of one queue in this thread, first come, first served.
 *
 * A source has `poll(max)`: what there is, ENDED, or PENDING, after which serve() is to be called when there may be something;
 * `look(max)`: what there is, or PENDING, after which nobody calls; and `disarm()`: nobody waits any more. What there is, is an item
 * where `max` is undefined, else up to so many in an array.
 */
class Waiters {
  #source;
  #shared;
  #waiting = new Set();
  #scheduled = false;
  #run = 0;

  /**
   * @param {{ poll(): *, look(): *, disarm(): void }} source
   * @param {boolean} shared whether items come from other threads: a waiter keeps this one alive then, and looks once more after
   *   a turn of the event loop before it has itself woken, for a wake-up costs both threads more than the item
   */
  constructor(source, shared) {
    this.#source = source;
    this.#shared = shared;
  }

  get size() {
    return this.#waiting.size;
  }

  /**
   * The next item as a promise, or the next items; `settle(found, ended)` makes what it resolves with.
   *
   * @param {(found: *, ended: boolean) => *} settle
   * @param {number} [timeoutMs] after it, the same as ENDED
   * @param {AbortSignal} [signal]
   * @param {number} [max]
   */
  next(settle, timeoutMs, signal, max) {
    if (signal?.aborted) return Promise.reject(abortError(signal));
    // Whoever waits already is served first.
    const item = this.#waiting.size > 0 ? PENDING : this.#first(timeoutMs === 0, max);
    if (item === ENDED) return Promise.resolve(settle(null, true));
    if (item !== PENDING) return Promise.resolve(settle(item, false));
    if (timeoutMs === 0) return Promise.resolve(settle(null, true));
    return new Promise((resolve, reject) => {
      const waiter = { settle, resolve, max, timer: null, signal, onAbort: null };
      if (timeoutMs !== undefined) {
        waiter.timer = setTimeout(() => {
          this.#leave(waiter);
          resolve(settle(null, true));
        }, timeoutMs);
      }
      if (signal !== undefined) {
        waiter.onAbort = () => {
          this.#leave(waiter);
          reject(abortError(signal));
        };
        signal.addEventListener('abort', waiter.onAbort, { once: true });
      }
      if (this.#waiting.size === 0 && this.#shared) hold.take();
      this.#waiting.add(waiter);
      if (this.#shared && !this.#scheduled) {
        this.#scheduled = true;
        setImmediate(() => {
          this.#scheduled = false;
          this.serve();
        });
      }
    });
  }

  /** What is there at once. `only`: there is no second look. */
  #first(only, max) {
    if (!this.#shared) return this.#source.poll(max);
    if (this.#run >= RUN && !only) return PENDING;
    const found = this.#source.look(max);
    if (found !== PENDING) this.#run += max === undefined ? 1 : found.length;
    return found;
  }

  #remove(waiter) {
    this.#waiting.delete(waiter);
    if (this.#waiting.size === 0 && this.#shared) hold.release();
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    if (waiter.onAbort !== null) waiter.signal.removeEventListener('abort', waiter.onAbort);
  }

  #leave(waiter) {
    this.#remove(waiter);
    if (this.#waiting.size === 0) this.#source.disarm();
  }

  /** There may be items, or the end: hands out what there is. */
  serve() {
    this.#run = 0;
    while (this.#waiting.size > 0) {
      const [waiter] = this.#waiting;
      const item = this.#source.poll(waiter.max);
      if (item === PENDING) return;
      this.#remove(waiter);
      waiter.resolve(waiter.settle(item === ENDED ? null : item, item === ENDED));
    }
    this.#source.disarm();
  }
}

module.exports = { Waiters, PENDING, ENDED };
