'use strict';

const TRUST_MS = 30_000;

/** When the next row of the lanes that are ours is due: asked of the database now and then, and kept up by what is known here. */
class Due {
  #ask;
  /** Monotonic ms; null: none waits. */
  #at = null;
  #until = 0;

  /** @param {() => Promise<number | null>} ask in how many ms, as the database knows it; null: none waits */
  constructor(ask) {
    this.#ask = ask;
  }

  /** There may be others than those that were known. */
  forget() {
    this.#until = 0;
  }

  /** A row is due in so many ms. */
  in(waitMs) {
    const at = performance.now() + waitMs;
    if (this.#at === null || at < this.#at) this.#at = at;
  }

  /** In how many ms; null: none waits. Not above 0: now. */
  async readMs() {
    const now = performance.now();
    if (now >= this.#until || (this.#at !== null && this.#at <= now)) {
      const due = await this.#ask();
      this.#at = due === null ? null : now + Math.max(0, due);
      this.#until = now + TRUST_MS;
    }
    return this.#at === null ? null : this.#at - performance.now();
  }
}

module.exports = { Due };
