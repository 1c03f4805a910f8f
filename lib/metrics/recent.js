'use strict';

/** The last `size` numbers, for quantiles of what happens now and not since the beginning. */
class Window {
  #values;
  #next = 0;
  #full = false;

  constructor(size = 512) {
    this.#values = new Float64Array(size);
  }

  push(value) {
    this.#values[this.#next++] = value;
    if (this.#next < this.#values.length) return;
    this.#next = 0;
    this.#full = true;
  }

  /** `{ p50, p95, p99 }`, or null before the first number. */
  quantiles() {
    const sorted = (this.#full ? this.#values : this.#values.subarray(0, this.#next)).slice().sort();
    if (sorted.length === 0) return null;
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}

/** The last `size` things, numbered from 1, so that a reader can ask for what came after the one it saw last. */
class Ring {
  #items = [];
  #size;
  #seq = 0;

  constructor(size) {
    this.#size = size;
  }

  get last() {
    return this.#seq;
  }

  push(item) {
    this.#items.push({ seq: ++this.#seq, ...item });
    // Cut off now and then, not at every push: shifting a long array moves all of it.
    if (this.#items.length >= 2 * this.#size) this.#items = this.#items.slice(-this.#size);
  }

  /** The newest first, at most `limit`; older than `before` where that is given. */
  newest(limit, before = Number.POSITIVE_INFINITY) {
    const out = [];
    const oldest = Math.max(0, this.#items.length - this.#size);
    for (let i = this.#items.length - 1; i >= oldest && out.length < limit; i--) {
      if (this.#items[i].seq < before) out.push(this.#items[i]);
    }
    return out;
  }

  /** Takes out what `test` says; returns how many that were. */
  remove(test) {
    const before = this.#items.length;
    this.#items = this.#items.filter((item) => !test(item));
    return before - this.#items.length;
  }
}

/** Sums of several counters by second, for the last `seconds`. */
class Rates {
  #names;
  #slots;
  #at;
  #now;

  /** @param {string[]} names @param {{ seconds?: number, now?: () => number }} [options] now: monotonic ms */
  constructor(names, { seconds = 300, now = () => performance.now() } = {}) {
    this.#names = names;
    this.#now = now;
    this.#at = new Float64Array(seconds).fill(-1);
    this.#slots = Object.fromEntries(names.map((name) => [name, new Float64Array(seconds)]));
  }

  add(name, by = 1) {
    const second = Math.floor(this.#now() / 1000);
    const i = second % this.#at.length;
    if (this.#at[i] !== second) {
      this.#at[i] = second;
      for (const each of this.#names) this.#slots[each][i] = 0;
    }
    this.#slots[name][i] += by;
  }

  /** The sums of the last full `seconds`, oldest first; the running second is not among them. */
  series(name, seconds) {
    const end = Math.floor(this.#now() / 1000);
    const length = Math.min(seconds, this.#at.length - 1);
    return Array.from({ length }, (_, i) => {
      const second = end - length + i;
      const slot = ((second % this.#at.length) + this.#at.length) % this.#at.length;
      return this.#at[slot] === second ? this.#slots[name][slot] : 0;
    });
  }

  sum(name, seconds) {
    return this.series(name, seconds).reduce((total, value) => total + value, 0);
  }
}

module.exports = { Window, Ring, Rates };
