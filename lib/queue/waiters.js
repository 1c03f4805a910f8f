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

/**
 * Those who wait for an item of one queue in this thread, first come, first served.
 *
 * A source has `poll()`: an item, ENDED, or PENDING, after which serve() is to be called when there may be one; and `disarm()`:
 * nobody waits any more.
 */
class Waiters {
  #source;
  #holds;
  #waiting = new Set();

  /**
   * @param {{ poll(): *, disarm(): void }} source
   * @param {boolean} holds whether a waiter keeps the thread alive
   */
  constructor(source, holds) {
    this.#source = source;
    this.#holds = holds;
  }

  get size() {
    return this.#waiting.size;
  }

  /**
   * The next item as a promise; `settle(item, ended)` makes what it resolves with.
   *
   * @param {(item: *, ended: boolean) => *} settle
   * @param {number} [timeoutMs] after it, the same as ENDED
   * @param {AbortSignal} [signal]
   */
  next(settle, timeoutMs, signal) {
    if (signal?.aborted) return Promise.reject(abortError(signal));
    // Whoever waits already is served first.
    const item = this.#waiting.size > 0 ? PENDING : this.#source.poll();
    if (item === ENDED) return Promise.resolve(settle(null, true));
    if (item !== PENDING) return Promise.resolve(settle(item, false));
    if (timeoutMs === 0) {
      if (this.#waiting.size === 0) this.#source.disarm();
      return Promise.resolve(settle(null, true));
    }
    return new Promise((resolve, reject) => {
      const waiter = { settle, resolve, timer: null, signal, onAbort: null };
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
      if (this.#waiting.size === 0 && this.#holds) hold.take();
      this.#waiting.add(waiter);
    });
  }

  #remove(waiter) {
    this.#waiting.delete(waiter);
    if (this.#waiting.size === 0 && this.#holds) hold.release();
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    if (waiter.onAbort !== null) waiter.signal.removeEventListener('abort', waiter.onAbort);
  }

  #leave(waiter) {
    this.#remove(waiter);
    if (this.#waiting.size === 0) this.#source.disarm();
  }

  /** There may be items, or the end: hands out what there is. */
  serve() {
    while (this.#waiting.size > 0) {
      const item = this.#source.poll();
      if (item === PENDING) return;
      const [waiter] = this.#waiting;
      this.#remove(waiter);
      waiter.resolve(waiter.settle(item === ENDED ? null : item, item === ENDED));
    }
    this.#source.disarm();
  }
}

module.exports = { Waiters, PENDING, ENDED };
