'use strict';

const { abortError } = require('../errors.js');
const { listen, unlisten } = require('./aborts.js');

// Those of the start: a test that mocks timers must not hang who waits.
const { setImmediate, setInterval, setTimeout, clearTimeout } = globalThis;

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
   * The next item as a promise, or the next items; `settle(found, ended)` makes what it resolves with. Throws nothing.
   *
   * @param {(found: *, ended: boolean) => *} settle
   * @param {number} [timeoutMs] after it, the same as ENDED
   * @param {AbortSignal} [signal]
   * @param {number} [max]
   * @param {Set} [group] holds who waits for this call, for giveUp()
   */
  next(settle, timeoutMs, signal, max, group) {
    try {
      if (signal?.aborted) return Promise.reject(abortError(signal));
      // Whoever waits already is served first.
      if (timeoutMs === 0 && this.#waiting.size > 0) this.serve();
      const item = this.#waiting.size > 0 ? PENDING : this.#first(timeoutMs === 0, max);
      if (item === ENDED) return Promise.resolve(settle(null, true));
      if (item !== PENDING) return Promise.resolve(settle(item, false));
      if (timeoutMs === 0) return Promise.resolve(settle(null, true));
    } catch (err) {
      return Promise.reject(err);
    }
    return this.#wait(settle, timeoutMs, signal, max, group);
  }

  /** Apart from next(), which is to make no closure where there is an item. */
  #wait(settle, timeoutMs, signal, max, group) {
    return new Promise((resolve, reject) => {
      const waiter = { settle, resolve, reject, max, group, timer: null, signal, onAbort: null };
      this.#join(waiter);
      try {
        this.#arm(waiter, timeoutMs);
      } catch (err) {
        this.#leave(waiter);
        reject(err);
      }
      if (this.#shared || this.#run >= RUN) this.soon();
    });
  }

  /** What is there at once. `only`: there is no second look. */
  #first(only, max) {
    if (this.#run >= RUN && !only) return PENDING;
    const found = this.#shared ? this.#source.look(max) : this.#source.poll(max);
    if (found !== PENDING && found !== ENDED) this.#run += max === undefined ? 1 : found.length;
    return found;
  }

  #join(waiter) {
    if (this.#waiting.size === 0 && this.#shared) hold.take();
    this.#waiting.add(waiter);
    waiter.group?.add(waiter);
  }

  /** What may end the wait of one who has joined. The signal first: it may be somebody's own, and throw. */
  #arm(waiter, timeoutMs) {
    const { signal } = waiter;
    if (signal !== undefined) {
      waiter.onAbort = () => {
        if (this.#leave(waiter)) waiter.reject(abortError(signal));
      };
      listen(signal, waiter.onAbort);
    }
    if (timeoutMs === undefined || !this.#waiting.has(waiter)) return;
    waiter.timer = setTimeout(() => {
      // The loop may have been busy since: what is there by now is not too late.
      this.serve();
      this.#giveUp(waiter);
    }, timeoutMs);
  }

  /** Whether it was there. */
  #remove(waiter) {
    if (!this.#waiting.delete(waiter)) return false;
    waiter.group?.delete(waiter);
    if (this.#waiting.size === 0 && this.#shared) hold.release();
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    if (waiter.onAbort !== null) unlisten(waiter.signal, waiter.onAbort);
    return true;
  }

  #leave(waiter) {
    if (!this.#remove(waiter)) return false;
    if (this.#waiting.size === 0) this.#source.disarm();
    return true;
  }

  #giveUp(waiter) {
    if (this.#leave(waiter)) waiter.resolve(waiter.settle(null, true));
  }

  /** Nobody wants what those of a group wait for: it ends as at the end of the queue. */
  giveUp(group) {
    for (const waiter of [...group]) this.#giveUp(waiter);
  }

  /** serve(), after a turn of the event loop. */
  soon() {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.serve();
    });
  }

  /** There is an item: serve(), unless the event loop is to have its turn first. */
  notify() {
    if (!this.#scheduled) this.serve();
  }

  /** There may be items, or the end: hands out what there is. Who cannot be given one is told why; the others come after. */
  serve() {
    this.#run = 0;
    while (this.#waiting.size > 0) {
      const [waiter] = this.#waiting;
      let item;
      try {
        item = this.#source.poll(waiter.max);
      } catch (err) {
        this.#remove(waiter);
        waiter.reject(err);
        continue;
      }
      if (item === PENDING) return;
      this.#remove(waiter);
      waiter.resolve(waiter.settle(item === ENDED ? null : item, item === ENDED));
    }
    this.#source.disarm();
  }
}

module.exports = { Waiters, PENDING, ENDED };
