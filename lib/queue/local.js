'use strict';

const { guard } = require('../errors.js');
const { LOCAL_ENTRIES, localDoor } = require('./core.js');
const { BLOCK, Table } = require('./table.js');
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
  #table = new Table();
  #dropped;
  waiters;

  constructor({ capacity, full, agingMs }, dropped) {
    const door = localDoor();
    this.#door = door;
    this.#handle = guard(() => door.open(door.thread, capacity, FULL_POLICIES[full], agingMs));
    this.#dropped = dropped;
    // Not held: with nothing else to do in this thread, nobody could ever end the wait.
    this.waiters = new Waiters(this, false);
  }

  /** 0 queued, 1 duplicate, 2 full, 3 closed. */
  put(item, key, priority) {
    // Before the native call, so that a slot that is dropped at once is in the table.
    const slot = this.#table.add(item);
    const code =
      key === undefined && priority === 0
        ? this.#door.push(this.#handle, slot)
        : this.#door.pushWith(this.#handle, slot, priority, key);
    if (code === undefined) {
      if (this.waiters.size > 0) this.waiters.notify();
      return 0;
    }
    if (code >= 4) {
      this.#dropped.tell([this.#table.take(code - 4)]);
      if (this.waiters.size > 0) this.waiters.notify();
      return 0;
    }
    this.#table.take(slot);
    return code;
  }

  /** A code for each; null: all are queued. `keyText`: all keys behind each other, or null. */
  putMany(items, keys, priorities, keyText) {
    // The usual case costs a fraction: nobody has a key or a priority, and there is room.
    let plain = 0;
    if (priorities === null) {
      if (keys === null) plain = this.#putPlain(items);
      else if (keyText !== null) return this.#putKeyed(items, keys, keyText);
    }
    if (plain === items.length) {
      if (this.waiters.size > 0) this.waiters.notify();
      return null;
    }
    return this.#putEach(plain, items, keys, priorities, new Array(items.length).fill(0));
  }

  /** Where every item has a key. */
  #putKeyed(items, keys, keyText) {
    const { integers } = this.#door;
    const table = this.#table;
    let codes = null;
    let from = 0;
    for (let start = 0; start < items.length; start += BLOCK) {
      const count = Math.min(BLOCK, items.length - start);
      let length = 0;
      for (let i = 0; i < count; i++) {
        const characters = keys[start + i].length;
        integers[i] = characters;
        length += characters;
      }
      const text = count === items.length ? keyText : keyText.slice(from, from + length);
      from += length;
      const first = table.addBatch(count === items.length ? items : items.slice(start, start + count));
      const answer = first < 0 ? -1 : this.#door.pushKeyedRun(this.#handle, first, count, text, length);
      if (answer === undefined) continue;
      codes ??= new Array(items.length).fill(0);
      if (answer < 0) {
        // There is not room for all of them.
        if (first >= 0) table.cutBatch(first, 0);
        return this.#putEach(start, items, keys, null, codes);
      }
      const refused = Array.from(integers.subarray(0, answer));
      table.dropOfBatch(first, refused);
      for (const at of refused) codes[start + at] = 1;
    }
    if (this.waiters.size > 0) this.waiters.notify();
    return codes;
  }

  /** Each for itself, from `plain` on. */
  #putEach(plain, items, keys, priorities, codes) {
    const dropped = [];
    for (let start = plain; start < items.length; start += LOCAL_ENTRIES) {
      const count = Math.min(LOCAL_ENTRIES, items.length - start);
      const slots = this.#pushMany(start, count, items, keys, priorities, dropped);
      const { integers } = this.#door;
      for (let i = 0; i < count; i++) {
        const code = integers[3 * i];
        codes[start + i] = code;
        if (code !== 0) this.#table.take(slots[i]);
      }
    }
    this.#dropped.tell(dropped);
    if (this.waiters.size > 0) this.waiters.notify();
    return codes;
  }

  /** Queues from the first on, without key and priority, as long as there is room; how many that were. */
  #putPlain(items) {
    const table = this.#table;
    let put = 0;
    while (put < items.length) {
      const count = Math.min(BLOCK, items.length - put);
      const first = table.addBatch(count === items.length ? items : items.slice(put, put + count));
      if (first < 0) break;
      const queued = this.#door.pushRun(this.#handle, first, count);
      put += queued;
      if (queued === count) continue;
      table.cutBatch(first, queued);
      break;
    }
    return put;
  }

  /** The slots of as many items from `start` on; what is dropped for them is appended to `dropped`. */
  #pushMany(start, count, items, keys, priorities, dropped) {
    const { integers } = this.#door;
    const table = this.#table;
    const slots = new Array(count);
    let texts = null;
    for (let i = 0, at = 0; i < count; i++, at += 3) {
      const slot = table.add(items[start + i]);
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
    const left = this.#door.pushMany(this.#handle, count, texts === null ? undefined : texts.join(''));
    for (let i = 0; i < left; i++) dropped.push(table.take(integers[3 * count + i]));
    return slots;
  }

  /** An item, or null. */
  take() {
    const slot = this.#door.pop(this.#handle);
    return slot === undefined ? null : this.#table.take(slot);
  }

  takeMany(max) {
    const { integers } = this.#door;
    const table = this.#table;
    const taken = [];
    for (;;) {
      const runs = this.#door.popMany(this.#handle, max - taken.length);
      // The usual case: as many as came in one batch.
      if (runs === 1 && taken.length === 0) return table.takeRun(integers[0], integers[1]);
      for (let i = 0; i < 2 * runs; i += 2) {
        if (integers[i + 1] === 1) taken.push(table.take(integers[i]));
        else for (const item of table.takeRun(integers[i], integers[i + 1])) taken.push(item);
      }
      if (2 * runs < integers.length || taken.length === max) return taken;
    }
  }

  peek() {
    const slot = this.#door.peek(this.#handle);
    return slot === undefined ? null : this.#table.get(slot);
  }

  toArray() {
    const slots = new Int32Array(this.length);
    this.#door.snapshot(this.#handle, slots);
    return Array.from(slots, (slot) => this.#table.get(slot));
  }

  remove(key) {
    const slot = this.#door.remove(this.#handle, key);
    return slot === undefined ? null : this.#table.take(slot);
  }

  clear() {
    const count = this.length;
    this.#door.clear(this.#handle);
    this.#table = new Table();
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
    if (this.waiters.size > 0) this.waiters.notify();
  }

  stats() {
    return JSON.parse(this.#door.stats(this.#handle));
  }

  /** For the waiters. */
  poll(max) {
    if (max !== undefined) {
      const items = this.takeMany(max);
      if (items.length > 0) return items;
    } else {
      const slot = this.#door.pop(this.#handle);
      if (slot !== undefined) return this.#table.take(slot);
    }
    return this.closed ? ENDED : PENDING;
  }

  disarm() {}
}

module.exports = { LocalForm, FULL_POLICIES };
