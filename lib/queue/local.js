'use strict';

const { guard } = require('../errors.js');
const { LOCAL_ENTRIES, localDoor } = require('./core.js');
const { Waiters, PENDING, ENDED } = require('./waiters.js');

const FULL_POLICIES = { reject: 0, 'drop-oldest': 1, 'drop-lowest': 2 };

/**
 * The queue of one thread: native code orders slot numbers, the items stay here in a table, as they are.
 *
 * Only this thread can put something in, so the waiting needs no native part either: whoever puts serves.
 */
class LocalForm {
  #door;
  #handle;
  #items = [];
  /** Free slots, the first #freeCount of them: an array that is popped gives its memory back, to need it again at once. */
  #free = [];
  #freeCount = 0;
  #onDropped;
  waiters;

  constructor({ capacity, full, agingMs }, onDropped) {
    const door = localDoor();
    this.#door = door;
    this.#handle = guard(() => door.open(door.thread, capacity, FULL_POLICIES[full], agingMs));
    this.#onDropped = onDropped;
    // Not held: with nothing else to do in this thread, nobody could ever end the wait.
    this.waiters = new Waiters(this, false);
  }

  /** 0 queued, 1 duplicate, 2 full, 3 closed. */
  put(item, key, priority) {
    const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount] : this.#items.length;
    // Before the native call, so that a slot that is dropped at once is in the table.
    this.#items[slot] = item;
    const code =
      key === undefined && priority === 0
        ? this.#door.push(this.#handle, slot)
        : this.#door.pushWith(this.#handle, slot, priority, key);
    if (code === undefined) {
      if (this.waiters.size > 0) this.waiters.serve();
      return 0;
    }
    if (code >= 4) {
      this.#onDropped([this.#take(code - 4)]);
      if (this.waiters.size > 0) this.waiters.serve();
      return 0;
    }
    this.#take(slot);
    return code;
  }

  /** A code for each; null: all are queued. */
  putMany(items, keys, priorities) {
    // The usual case costs a fraction: nobody has a key or a priority, and there is room.
    const plain = keys === null && priorities === null ? this.#putPlain(items) : 0;
    if (plain === items.length) {
      if (this.waiters.size > 0) this.waiters.serve();
      return null;
    }
    const codes = new Array(items.length).fill(0);
    let dropped = null;
    for (let start = plain; start < items.length; start += LOCAL_ENTRIES) {
      const count = Math.min(LOCAL_ENTRIES, items.length - start);
      const slots = this.#pushMany(start, count, items, keys, priorities);
      const { integers } = this.#door;
      for (let i = 0; i < count; i++) {
        const code = integers[3 * i];
        codes[start + i] = code;
        if (code !== 0) this.#take(slots[i]);
      }
      if (this.#lastDropped.length > 0) dropped = (dropped ?? []).concat(this.#lastDropped);
    }
    if (dropped !== null) this.#onDropped(dropped);
    if (this.waiters.size > 0) this.waiters.serve();
    return codes;
  }

  /** Queues from the first on, without key and priority, as long as there is room; how many that were. */
  #putPlain(items) {
    const { integers } = this.#door;
    const free = this.#free;
    const table = this.#items;
    let freeCount = this.#freeCount;
    let put = 0;
    while (put < items.length) {
      const count = Math.min(integers.length, items.length - put);
      for (let i = 0; i < count; i++) {
        const slot = freeCount > 0 ? free[--freeCount] : table.length;
        table[slot] = items[put + i];
        integers[i] = slot;
      }
      this.#freeCount = freeCount;
      const queued = this.#door.pushPlain(this.#handle, count);
      for (let i = queued; i < count; i++) this.#take(integers[i]);
      put += queued;
      if (queued < count) break;
    }
    return put;
  }

  #lastDropped = [];

  #pushMany(start, count, items, keys, priorities) {
    const { integers } = this.#door;
    const table = this.#items;
    const slots = new Array(count);
    let texts = null;
    for (let i = 0, at = 0; i < count; i++, at += 3) {
      const slot = this.#freeCount > 0 ? this.#free[--this.#freeCount] : table.length;
      table[slot] = items[start + i];
      slots[i] = slot;
      integers[at] = slot;
      integers[at + 1] = priorities === null ? 0 : priorities[start + i];
      const key = keys === null ? undefined : keys[start + i];
      if (key === undefined) {
        integers[at + 2] = -1;
      } else {
        integers[at + 2] = key.length;
        texts ??= [];
        texts.push(key);
      }
    }
    const dropped = this.#door.pushMany(this.#handle, count, texts === null ? undefined : texts.join(''));
    this.#lastDropped = [];
    for (let i = 0; i < dropped; i++) this.#lastDropped.push(this.#take(integers[3 * count + i]));
    return slots;
  }

  #take(slot) {
    const item = this.#items[slot];
    this.#items[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    return item;
  }

  /** An item, or null. */
  take() {
    const slot = this.#door.pop(this.#handle);
    return slot === undefined ? null : this.#take(slot);
  }

  takeMany(max) {
    const { integers } = this.#door;
    const wanted = Math.min(max, integers.length);
    const count = this.#door.popMany(this.#handle, wanted);
    const taken = this.#takeAll(count);
    return count < integers.length || count === max ? taken : taken.concat(this.takeMany(max - count));
  }

  /** The items of the slots in the memory. */
  #takeAll(count) {
    const taken = new Array(count);
    const table = this.#items;
    const free = this.#free;
    const { integers } = this.#door;
    let freeCount = this.#freeCount;
    for (let i = 0; i < count; i++) {
      const slot = integers[i];
      taken[i] = table[slot];
      table[slot] = undefined;
      free[freeCount++] = slot;
    }
    this.#freeCount = freeCount;
    return taken;
  }

  peek() {
    const slot = this.#door.peek(this.#handle);
    return slot === undefined ? null : this.#items[slot];
  }

  toArray() {
    const slots = new Int32Array(this.length);
    this.#door.snapshot(this.#handle, slots);
    return Array.from(slots, (slot) => this.#items[slot]);
  }

  remove(key) {
    const slot = this.#door.remove(this.#handle, key);
    return slot === undefined ? null : this.#take(slot);
  }

  clear() {
    const count = this.length;
    this.#door.clear(this.#handle);
    this.#items = [];
    this.#freeCount = 0;
    return count;
  }

  has(key) {
    return this.#door.has(this.#handle, key) === 1;
  }

  get length() {
    return this.#door.length(this.#handle);
  }

  get closed() {
    return this.#door.closed(this.#handle) === 1;
  }

  close() {
    this.#door.close(this.#handle);
    if (this.waiters.size > 0) this.waiters.serve();
  }

  stats() {
    return JSON.parse(this.#door.stats(this.#handle));
  }

  /** For the waiters. */
  poll() {
    const slot = this.#door.pop(this.#handle);
    if (slot !== undefined) return this.#take(slot);
    return this.closed ? ENDED : PENDING;
  }

  disarm() {}
}

module.exports = { LocalForm, FULL_POLICIES };
