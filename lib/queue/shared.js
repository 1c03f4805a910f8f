'use strict';

const { fromNative } = require('../errors.js');
const { TEXT, JSON_TEXT, kindOf, payload, refused, undecodable } = require('./codec.js');
const { BYTES: MEMORY, SHARED_ENTRIES, sharedDoor, waiting, nextNumber } = require('./core.js');
const { FULL_POLICIES } = require('./local.js');
const { Owed, gatherDropped, freeDropped } = require('./owed.js');
const { ROW, fromRow, rowOf } = require('./rows.js');
const { TEXTS, commonKind, areJson, putRuns, putKeyedRun } = require('./runs.js');
const { copyBytes, decode, unpack } = require('./unpack.js');
const { lengthOf, isShared } = require('./views.js');
const { Waiters, PENDING, ENDED } = require('./waiters.js');

/** First character of JSON and rows among single answers: a tab. */
const TAB = 9;

/** The queue that every thread of the process opens by the same name: native code holds the items, as copies. */
class SharedForm {
  #door;
  #handle;
  #number = nextNumber();
  #dropped;
  /** Whether native code is to say when there is something. It is not any more once poll() has found something, or the end. */
  #isArmed = false;
  /** It comes before anything of the queue. */
  #owed = new Owed();
  waiters;

  /** @param {{ isHeard(): boolean, tell(items: Array): void }} dropped */
  constructor({ name, capacity, full, agingMs }, dropped) {
    const door = sharedDoor();
    this.#door = door;
    try {
      this.#handle = door.open(door.thread, this.#number, name, capacity, FULL_POLICIES[full], agingMs);
    } catch (err) {
      throw named(fromNative(err));
    }
    this.#dropped = dropped;
    // Held: what ends the wait may come from another thread.
    this.waiters = new Waiters(this, true);
  }

  /** 0 queued, 1 duplicate, 2 full, 3 closed. */
  put(item, key, priority) {
    let kind = JSON_TEXT;
    let value = null;
    try {
      if (typeof item === 'object' && !ArrayBuffer.isView(item)) value = rowOf(item);
      if (value === null) {
        kind = kindOf(item);
        value = payload(kind, item);
      }
    } catch (err) {
      throw refused(err);
    }
    const code = this.#putOne(kind, value, key, priority);
    if (code === undefined) return 0;
    if (code !== 4) return code;
    const dropped = [];
    this.#gatherDropped(dropped);
    this.#dropped.tell(dropped);
    return 0;
  }

  #putOne(kind, value, key, priority) {
    if (kind === TEXT && key === undefined && priority === 0) return this.#door.putPlain(this.#handle, value);
    if (kind <= JSON_TEXT) return this.#door.putText(this.#handle, kind, value, priority, key);
    const length = lengthOf(value);
    if (length > MEMORY) {
      // Another thread could write to shared memory while native code reads it.
      const own = isShared(value) ? new Uint8Array(value) : value;
      return this.#door.putBytes(this.#handle, kind, own, priority, key);
    }
    this.#door.bytes.set(value);
    return this.#door.putBytes(this.#handle, kind, length, priority, key);
  }

  #gatherDropped(gathered) {
    if (this.#dropped.isHeard()) gatherDropped(this.#door, this.#handle, gathered);
    else freeDropped(this.#door, this.#handle);
  }

  /**
   * A code for each; null: all are queued. `text`: as of checkEntries().
   *
   * Those that are alike go as one thing, where all have a key and none a priority, or none has either.
   */
  putMany(items, keys, priorities, text) {
    const together = priorities === null && (keys === null || text !== null);
    const common = together ? commonKind(items) : -1;
    if (common !== -1) {
      const codes = this.#putTogether(common, items, keys, text);
      if (codes !== undefined) return codes;
    }
    const count = items.length;
    const kinds = new Array(count);
    const values = new Array(count);
    // All of it before the first is queued: one that cannot be cloned must leave the queue as it was.
    for (let i = 0; i < count; i++) {
      try {
        const item = items[i];
        const row = typeof item === 'object' && !ArrayBuffer.isView(item) ? rowOf(item) : null;
        kinds[i] = row === null ? kindOf(item) : JSON_TEXT;
        values[i] = row ?? payload(kinds[i], item);
      } catch (err) {
        throw refused(err, 'entries', i);
      }
    }
    if (together && areJson(kinds)) {
      const codes = this.#putTogether(JSON_TEXT, values, keys, text);
      if (codes !== undefined) return codes;
    }
    const codes = [];
    const dropped = [];
    try {
      while (codes.length < count) this.#putSome(codes, kinds, values, keys, priorities, dropped);
    } finally {
      this.#dropped.tell(dropped);
    }
    return codes;
  }

  /** As putRuns() and putKeyedRun(). */
  #putTogether(kind, values, keys, text) {
    if (keys !== null) return putKeyedRun(this.#door, this.#handle, kind, values, keys, text);
    const dropped = [];
    try {
      return putRuns(this.#door, this.#handle, kind, values, () => this.#gatherDropped(dropped));
    } finally {
      this.#dropped.tell(dropped);
    }
  }

  /** As many as fit into one crossing; at least one. */
  #putSome(codes, kinds, values, keys, priorities, dropped) {
    const { integers, bytes } = this.#door;
    const start = codes.length;
    const end = Math.min(values.length, start + SHARED_ENTRIES);
    const texts = [];
    let characters = 0;
    let used = 0;
    let i = start;
    for (let at = 0; i < end; i++, at += 4) {
      const value = values[i];
      const length = kinds[i] <= JSON_TEXT ? value.length : lengthOf(value);
      if (kinds[i] <= JSON_TEXT) {
        if (characters + length > TEXTS && i > start) break;
      } else if (used + length > MEMORY) {
        break;
      }
      const key = keys === null ? undefined : keys[i];
      if (key !== undefined) {
        texts.push(key);
        characters += key.length;
      }
      if (kinds[i] <= JSON_TEXT) {
        texts.push(value);
        characters += length;
      } else {
        bytes.set(value, used);
        used += length;
      }
      integers[at] = kinds[i];
      integers[at + 1] = priorities === null ? 0 : priorities[i];
      integers[at + 2] = key === undefined ? -1 : key.length;
      integers[at + 3] = length;
    }
    if (i === start) {
      const priority = priorities === null ? 0 : priorities[i];
      const code = this.#putOne(kinds[i], values[i], keys === null ? undefined : keys[i], priority) ?? 0;
      codes.push(code === 4 ? 0 : code);
      if (code === 4) this.#gatherDropped(dropped);
      return;
    }
    const count = this.#door.putMany(this.#handle, i - start, texts.join(''));
    for (let at = 0; at < (i - start) * 4; at += 4) codes.push(integers[at]);
    if (count > 0) this.#gatherDropped(dropped);
  }

  /** An answer of one item. */
  #read(answer) {
    if (typeof answer === 'string') {
      if (answer.charCodeAt(0) !== TAB) return answer;
      try {
        return answer.charCodeAt(1) === ROW ? fromRow(answer, 1, false) : JSON.parse(answer);
      } catch (cause) {
        throw undecodable(cause);
      }
    }
    // A string that begins with a tab.
    if (typeof answer === 'object') return answer[0];
    const kind = answer % 8;
    return decode(kind, copyBytes(this.#door, this.#handle, kind, (answer - kind) / 8));
  }

  /** #read() of an item that was taken: where there is no room for it, it is the next to come. */
  #readTaken(answer) {
    try {
      return this.#read(answer);
    } catch (err) {
      // Nothing, where it cannot be made again: that one is gone.
      this.#door.owe(this.#handle);
      this.waiters.soon();
      throw err;
    }
  }

  take() {
    if (this.#owed.length > 0) return this.#owed.take();
    const answer = this.#door.take(this.#handle);
    return answer === undefined ? null : this.#readTaken(answer);
  }

  takeMany(max) {
    if (this.#owed.length > 0) return this.#takeOwed(max);
    return this.#unpackTaken(this.#door.takeMany(this.#handle, max), []);
  }

  /** What is owed first, then of the queue. */
  #takeOwed(max) {
    const items = this.#owed.takeMany(max);
    if (items.length === max || this.#owed.length > 0) return items;
    return this.#unpackTaken(this.#door.takeMany(this.#handle, max - items.length), items);
  }

  /** Where nothing is owed. Appended to `items`. */
  #unpackTaken(strings, items) {
    const owed = [];
    let failure = null;
    try {
      const taken = unpack(this.#door, this.#handle, strings, items, owed);
      if (owed.length === 0) return taken;
    } catch (err) {
      failure = err;
      this.#door.owe(this.#handle);
    }
    // What there was before is handed out; the rest is the next to come.
    this.#owed.put(owed);
    // Others may wait for it, and nobody else wakes them.
    this.waiters.soon();
    if (items.length > 0) return items;
    if (owed.length === 0) throw failure;
    // Throws: it begins with the one that cannot be made again.
    return this.#owed.takeMany(1);
  }

  peek() {
    if (this.#owed.length > 0) return this.#owed.copies().next().value;
    const answer = this.#door.peek(this.#handle);
    return answer === undefined ? null : this.#read(answer);
  }

  toArray() {
    const owed = [];
    const items = unpack(this.#door, this.#handle, this.#door.snapshot(this.#handle), [...this.#owed.copies()], owed);
    if (owed.length > 0) throw owed[0].error;
    return items;
  }

  remove(key) {
    const answer = this.#door.remove(this.#handle, key);
    return answer === undefined ? null : this.#readTaken(answer);
  }

  clear() {
    return this.#owed.clear() + this.#door.clear(this.#handle);
  }

  has(key) {
    return this.#door.has(this.#handle, key) === 1;
  }

  get length() {
    return this.#owed.length + this.#door.length(this.#handle);
  }

  get closed() {
    return this.#door.closed(this.#handle) === 1;
  }

  close() {
    this.#door.close(this.#handle);
  }

  stats() {
    return JSON.parse(this.#door.stats(this.#handle));
  }

  /** For the waiters. */
  look(max) {
    if (max !== undefined) {
      const items = this.takeMany(max);
      return items.length > 0 ? items : PENDING;
    }
    if (this.#owed.length > 0) return this.#owed.take();
    const answer = this.#door.take(this.#handle);
    return answer === undefined ? PENDING : this.#readTaken(answer);
  }

  /** For the waiters. */
  poll(max) {
    if (this.#owed.length > 0) return max === undefined ? this.#owed.take() : this.#takeOwed(max);
    const answer = max === undefined ? this.#door.poll(this.#handle) : this.#door.pollMany(this.#handle, max);
    if (answer === undefined) {
      waiting.set(this.#number, this.waiters);
      this.#isArmed = true;
      return PENDING;
    }
    this.#notArmed();
    if (answer === null) return ENDED;
    return max === undefined ? this.#readTaken(answer) : this.#unpackTaken(answer, []);
  }

  disarm() {
    if (!this.#isArmed) return;
    this.#notArmed();
    this.#door.disarm(this.#handle);
  }

  #notArmed() {
    if (!this.#isArmed) return;
    this.#isArmed = false;
    waiting.delete(this.#number);
  }
}

/** `option: what is wrong` as an error that names the option. */
function named(err) {
  const [, option, what] = /^(capacity|full|agingMs|name): (.*)$/s.exec(err.message) ?? [];
  if (option !== undefined) {
    err.message = `${option} ${what}`;
    err.option = option;
  }
  return err;
}

module.exports = { SharedForm };
