'use strict';

/** One key's share: how many requests at once, how many in a period, and until when nobody may (a 429 said so). */
class Lane {
  #concurrency;
  #limit;
  #periodMs;
  #starts = [];
  #next = 0;
  #running = 0;
  #waiting = [];
  #blockedUntil = 0;
  #timer = null;

  /** @param {{ concurrency?: number, requests?: { limit: number, periodMs: number } }} limits */
  constructor({ concurrency = Number.POSITIVE_INFINITY, requests }) {
    this.#concurrency = concurrency;
    this.#limit = requests?.limit ?? 0;
    this.#periodMs = requests?.periodMs ?? 0;
  }

  get running() {
    return this.#running;
  }

  get waiting() {
    return this.#waiting.length;
  }

  /** Nothing is remembered that another lane of the same key would not know. */
  get idle() {
    return this.#running === 0 && this.#waiting.length === 0 && this.#freeAt() <= performance.now() - this.#periodMs;
  }

  /** The service asked for a pause: everybody keeps it. */
  block(ms) {
    this.#blockedUntil = Math.max(this.#blockedUntil, performance.now() + ms);
  }

  /** When the next request may start. The window slides: the one that is `limit` starts back must be a period ago. */
  #freeAt() {
    const start = this.#limit === 0 ? undefined : this.#starts[this.#next];
    return Math.max(this.#blockedUntil, start === undefined ? 0 : start + this.#periodMs);
  }

  /**
   * Waits for a place; first come, first served.
   *
   * @param {AbortSignal} signal rejects with its reason
   * @returns {Promise<() => void>} gives the place back; to be called once the body is at its end
   */
  enter(signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const waiter = { start: () => {} };
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiter);
        reject(signal.reason);
      };
      waiter.start = () => {
        signal.removeEventListener('abort', leave);
        resolve(this.#release());
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(waiter);
      this.#look();
    });
  }

  #release() {
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#running -= 1;
      this.#look();
    };
  }

  #look() {
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0 && this.#running < this.#concurrency) {
      const now = performance.now();
      const waitMs = this.#freeAt() - now;
      if (waitMs > 0) {
        // Rounded up: a timer may fire a little early, and then only asks again.
        this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(waitMs), 2 ** 31 - 1));
        return;
      }
      if (this.#limit > 0) {
        this.#starts[this.#next] = now;
        this.#next = (this.#next + 1) % this.#limit;
      }
      this.#running += 1;
      this.#waiting.shift().start();
    }
  }
}

/** The lanes by key; those that nobody remembers anything of are let go. */
class Lanes {
  #limits;
  #lanes = new Map();
  #sweepAt = 1000;

  constructor(limits) {
    this.#limits = limits;
  }

  get(key) {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      if (this.#lanes.size >= this.#sweepAt) this.#sweep();
      lane = new Lane(this.#limits);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #sweep() {
    for (const [key, lane] of this.#lanes) if (lane.idle) this.#lanes.delete(key);
    this.#sweepAt = Math.max(1000, 2 * this.#lanes.size);
  }

  stats() {
    const lanes = [...this.#lanes.values()];
    const sum = (name) => lanes.reduce((total, lane) => total + lane[name], 0);
    return { running: sum('running'), waiting: sum('waiting') };
  }
}

module.exports = { Lanes };
