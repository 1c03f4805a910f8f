'use strict';

// The least that batches of strings between threads can cost in JavaScript, as a bound and not as a queue: one producer, one consumer,
// which both spin on a number; no lock, nobody woken, nothing checked but that they are strings, all as long as each other, Latin-1.

/** Few, so that they stay in the cache, and enough that neither side waits for the other's every step. */
const SLOTS = 8;
const HEAD = 0;
/** In a cache line of its own. */
const TAIL = 16;
const HEADER = 128;

class TextRing {
  #counters;
  #bytes;
  #slot;
  #batch;
  #length;
  #at = 0;

  /** For batches of so many strings of so many characters. */
  static memory(batch, length) {
    return new SharedArrayBuffer(HEADER + SLOTS * batch * length);
  }

  constructor(memory, batch, length) {
    this.#counters = new Int32Array(memory, 0, HEADER / 4);
    this.#bytes = Buffer.from(memory, HEADER);
    this.#slot = batch * length;
    this.#batch = batch;
    this.#length = length;
  }

  /** Spins until there is room. */
  put(strings) {
    const at = this.#at++;
    while (at - Atomics.load(this.#counters, HEAD) === SLOTS);
    let text = '';
    for (const string of strings) {
      if (typeof string !== 'string') throw new TypeError('no string');
      text += string;
    }
    this.#bytes.latin1Write(text, (at % SLOTS) * this.#slot, this.#slot);
    Atomics.store(this.#counters, TAIL, at + 1);
  }

  /** Spins until there is a batch. */
  take() {
    const at = this.#at++;
    while (Atomics.load(this.#counters, TAIL) === at);
    const start = (at % SLOTS) * this.#slot;
    // V8 makes a piece of a text without a copy.
    const text = this.#bytes.latin1Slice(start, start + this.#slot);
    Atomics.store(this.#counters, HEAD, at + 1);
    const strings = new Array(this.#batch);
    for (let i = 0; i < this.#batch; i++) strings[i] = text.slice(i * this.#length, (i + 1) * this.#length);
    return strings;
  }
}

module.exports = { TextRing };
