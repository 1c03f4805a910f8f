'use strict';

// A ring in shared memory, by hand: one producer, any number of consumers, Atomics alone. Slots of 256 bytes; a consumer copies a slot
// and then claims it. Whoever waits blocks its whole thread, which no event loop may.

const SLOTS = 4096;
const SLOT = 256;
const HEAD = 0;
const TAIL = 1;

class Ring {
  #counters;
  #lengths;
  #bytes;
  #kind;

  static memory() {
    return new SharedArrayBuffer(8 + SLOTS * 4 + SLOTS * SLOT);
  }

  constructor(memory, kind) {
    this.#counters = new Int32Array(memory, 0, 2);
    this.#lengths = new Int32Array(memory, 8, SLOTS);
    this.#bytes = Buffer.from(memory, 8 + SLOTS * 4);
    this.#kind = kind;
  }

  tryPut(item) {
    const tail = Atomics.load(this.#counters, TAIL);
    if (tail - Atomics.load(this.#counters, HEAD) === SLOTS) return false;
    const slot = tail & (SLOTS - 1);
    const start = slot * SLOT;
    switch (this.#kind) {
      case 'number':
        this.#lengths[slot] = item;
        break;
      case 'bytes':
        this.#bytes.set(item, start);
        this.#lengths[slot] = item.length;
        break;
      case 'string':
        this.#lengths[slot] = this.#bytes.write(item, start, SLOT, 'latin1');
        break;
      default:
        this.#lengths[slot] = this.#bytes.write(JSON.stringify(item), start, SLOT, 'utf8');
    }
    Atomics.store(this.#counters, TAIL, tail + 1);
    Atomics.notify(this.#counters, TAIL, 1);
    return true;
  }

  tryTake() {
    for (;;) {
      const head = Atomics.load(this.#counters, HEAD);
      if (head === Atomics.load(this.#counters, TAIL)) return null;
      const slot = head & (SLOTS - 1);
      const length = this.#lengths[slot];
      const start = slot * SLOT;
      let item = length;
      if (this.#kind === 'bytes') item = Uint8Array.prototype.slice.call(this.#bytes, start, start + length);
      else if (this.#kind === 'string') item = this.#bytes.latin1Slice(start, start + length);
      else if (this.#kind !== 'number') item = this.#bytes.utf8Slice(start, start + length);
      if (Atomics.compareExchange(this.#counters, HEAD, head, head + 1) !== head) continue;
      return this.#kind === 'job' ? JSON.parse(item) : item;
    }
  }

  /** Blocks this thread until there is an item. */
  take() {
    for (;;) {
      const item = this.tryTake();
      if (item !== null) return item;
      const tail = Atomics.load(this.#counters, TAIL);
      if (tail === Atomics.load(this.#counters, HEAD)) Atomics.wait(this.#counters, TAIL, tail);
    }
  }
}

module.exports = { Ring };
