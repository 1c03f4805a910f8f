'use strict';

/** A point in time that several waits share, and that can still be moved nearer while they wait. */
class Deadline {
  #at;
  #timer = null;
  #pass;

  /** Resolves when the deadline has passed. */
  passed = new Promise((resolve) => {
    this.#pass = resolve;
  });

  constructor(ms) {
    this.#at = performance.now() + ms;
    this.#arm();
  }

  #arm() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#pass, this.leftMs);
  }

  get leftMs() {
    return Math.max(0, this.#at - performance.now());
  }

  /** At most `ms` from now; a later time changes nothing. */
  shorten(ms) {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    this.#at = at;
    this.#arm();
  }

  /** Ends the timer; for when nobody waits any more. */
  clear() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Deadline };
