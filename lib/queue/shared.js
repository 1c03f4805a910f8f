'use strict';

const { fromNative } = require('../errors.js');
const { TEXT, JSON_TEXT, BYTES, kindOf, payload, fromBytes } = require('./codec.js');
const { BYTES: MEMORY, SHARED_ENTRIES, sharedDoor, waiting, nextNumber } = require('./core.js');
const { FULL_POLICIES } = require('./local.js');
const { Waiters, PENDING, ENDED } = require('./waiters.js');

/** Most characters of keys and texts that cross in one string. */
const TEXTS = 1024 * 1024;

/** First character of JSON among single answers: a tab. */
const TAB = 9;

/** The queue that every thread of the process opens by the same name: native code holds the items, as copies. */
class SharedForm {
  #door;
  #handle;
  #number = nextNumber();
  #onDropped;
  waiters;

  constructor({ name, capacity, full, agingMs }, onDropped) {
    const door = sharedDoor();
    this.#door = door;
    try {
      this.#handle = door.open(door.thread, this.#number, name, capacity, FULL_POLICIES[full], agingMs);
    } catch (err) {
      throw named(fromNative(err));
    }
    this.#onDropped = onDropped;
    // Held: what ends the wait may come from another thread.
    this.waiters = new Waiters(this, true);
  }

  /** 0 queued, 1 duplicate, 2 full, 3 closed. */
  put(item, key, priority) {
    const kind = kindOf(item);
    const code = this.#putOne(kind, payload(kind, item, 'item'), key, priority);
    if (code === undefined) return 0;
    if (code !== 4) return code;
    this.#reportDropped();
    return 0;
  }

  #putOne(kind, value, key, priority) {
    if (kind <= JSON_TEXT) return this.#door.putText(this.#handle, kind, value, priority, key);
    const { length } = value;
    if (length > MEMORY) {
      // Another thread could write to shared memory while native code reads it.
      const own = value.buffer instanceof SharedArrayBuffer ? value.slice() : value;
      return this.#door.putBytes(this.#handle, kind, own, priority, key);
    }
    this.#door.bytes.set(value);
    return this.#door.putBytes(this.#handle, kind, length, priority, key);
  }

  #reportDropped() {
    // Also where nobody listens: the items are freed by it.
    this.#onDropped(this.#unpack(this.#door.dropped(this.#handle)));
  }

  putMany(items, keys, priorities) {
    const count = items.length;
    const kinds = new Array(count);
    const values = new Array(count);
    // All of it before the first is queued: one that cannot be cloned must leave the queue as it was.
    for (let i = 0; i < count; i++) {
      kinds[i] = kindOf(items[i]);
      values[i] = payload(kinds[i], items[i], `entries[${i}].item`);
    }
    const codes = [];
    while (codes.length < count) this.#putSome(codes, kinds, values, keys, priorities);
    return codes;
  }

  /** As many as fit into one crossing; at least one. */
  #putSome(codes, kinds, values, keys, priorities) {
    const { integers, bytes } = this.#door;
    const start = codes.length;
    const end = Math.min(values.length, start + SHARED_ENTRIES);
    const texts = [];
    let characters = 0;
    let used = 0;
    let i = start;
    for (let at = 0; i < end; i++, at += 4) {
      const value = values[i];
      const { length } = value;
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
      if (code === 4) this.#reportDropped();
      return;
    }
    const dropped = this.#door.putMany(this.#handle, i - start, texts.join(''));
    for (let at = 0; at < (i - start) * 4; at += 4) codes.push(integers[at]);
    if (dropped > 0) this.#reportDropped();
  }

  /** An answer of one item. */
  #read(answer) {
    if (typeof answer === 'string') return answer.charCodeAt(0) === TAB ? JSON.parse(answer) : answer;
    const kind = answer % 8;
    return fromBytes(kind, this.#bytes(kind, (answer - kind) / 8, 0));
  }

  /** A copy of what stands in the memory; what is too long for it is fetched. */
  #bytes(kind, length, at) {
    const { bytes } = this.#door;
    if (length > MEMORY) {
      const own = kind === BYTES ? new Uint8Array(length) : Buffer.allocUnsafeSlow(length);
      this.#door.fetch(this.#handle, own);
      return own;
    }
    return bytes.slice(at, at + length);
  }

  /** The items of a batch, from all its parts. */
  #unpack(strings) {
    const items = [];
    const { integers } = this.#door;
    for (let part = strings; ; part = this.#door.more(this.#handle)) {
      const count = integers[0];
      const records = count > 0 ? integers : null;
      let text = '';
      let next = 0;
      let cut = 0;
      let at = 0;
      for (let i = 0, record = 2; i < count; i++, record += 2) {
        const kind = records[record];
        const length = records[record + 1];
        if (kind > JSON_TEXT) {
          items.push(fromBytes(kind, this.#bytes(kind, length, at)));
          at += length;
          continue;
        }
        if (cut === text.length && length > 0) {
          text = part[next++];
          cut = 0;
        }
        const value = text.slice(cut, cut + length);
        cut += length;
        items.push(kind === TEXT ? value : JSON.parse(value));
      }
      // A fetched item was counted as left.
      if (integers[1] === 0 || (integers[1] === 1 && at > MEMORY)) return items;
    }
  }

  take() {
    const answer = this.#door.take(this.#handle);
    return answer === undefined ? null : this.#read(answer);
  }

  takeMany(max) {
    return this.#unpack(this.#door.takeMany(this.#handle, max));
  }

  peek() {
    const answer = this.#door.peek(this.#handle);
    return answer === undefined ? null : this.#read(answer);
  }

  toArray() {
    return this.#unpack(this.#door.snapshot(this.#handle));
  }

  remove(key) {
    const answer = this.#door.remove(this.#handle, key);
    return answer === undefined ? null : this.#read(answer);
  }

  clear() {
    return this.#door.clear(this.#handle);
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
  }

  stats() {
    return JSON.parse(this.#door.stats(this.#handle));
  }

  /** For the waiters. */
  look() {
    const answer = this.#door.take(this.#handle);
    return answer === undefined ? PENDING : this.#read(answer);
  }

  /** For the waiters. */
  poll() {
    const answer = this.#door.poll(this.#handle);
    if (answer === undefined) {
      waiting.set(this.#number, this.waiters);
      return PENDING;
    }
    return answer === null ? ENDED : this.#read(answer);
  }

  disarm() {
    waiting.delete(this.#number);
    this.#door.disarm(this.#handle);
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
