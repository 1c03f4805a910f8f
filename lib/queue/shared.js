'use strict';

const { fromNative } = require('../errors.js');
const { TEXT, JSON_TEXT, BYTES, kindOf, payload, fromBytes } = require('./codec.js');
const { BYTES: MEMORY, SHARED_ENTRIES, SHARED_INTEGERS, sharedDoor, waiting, nextNumber } = require('./core.js');
const { FULL_POLICIES } = require('./local.js');
const { Waiters, PENDING, ENDED } = require('./waiters.js');

/** Most characters of keys and texts that cross in one string. */
const TEXTS = 1024 * 1024;

/** First character of JSON among single answers: a tab. */
const TAB = 9;

/** Where the records of a batch begin in the memory: kind and length of each. */
const RECORDS = 3;

/** Not `every`: a call for each costs more than the answer. */
function areTexts(items) {
  for (let i = 0; i < items.length; i++) if (typeof items[i] !== 'string') return false;
  return true;
}

function areJson(kinds) {
  for (let i = 0; i < kinds.length; i++) if (kinds[i] !== JSON_TEXT) return false;
  return true;
}

/** Strings that stand behind each other, by the lengths in the memory. */
function cutAll(strings, integers) {
  const count = integers[0];
  const items = new Array(count);
  let text = '';
  let next = 0;
  let cut = 0;
  for (let i = 0, record = RECORDS + 1; i < count; i++, record += 2) {
    const length = integers[record];
    if (cut === text.length && length > 0) {
      text = strings[next++];
      cut = 0;
    }
    const end = cut + length;
    items[i] = text.slice(cut, end);
    cut = end;
  }
  return items;
}

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

  /** A code for each; null: all are queued. */
  putMany(items, keys, priorities) {
    const alike = keys === null && priorities === null;
    if (alike && areTexts(items)) return this.#putRun(TEXT, items);
    const count = items.length;
    const kinds = new Array(count);
    const values = new Array(count);
    // All of it before the first is queued: one that cannot be cloned must leave the queue as it was.
    for (let i = 0; i < count; i++) {
      kinds[i] = kindOf(items[i]);
      values[i] = payload(kinds[i], items[i], `entries[${i}].item`);
    }
    if (alike && areJson(kinds)) return this.#putRun(JSON_TEXT, values);
    const codes = [];
    while (codes.length < count) this.#putSome(codes, kinds, values, keys, priorities);
    return codes;
  }

  /** Texts of one kind that have nothing else: native code takes them as one, and gives them out as many. */
  #putRun(kind, texts) {
    const { integers } = this.#door;
    let codes = null;
    for (let start = 0, i = 0; i < texts.length; start = i) {
      const end = Math.min(texts.length, start + SHARED_INTEGERS - 1);
      let characters = 0;
      let seen = 0;
      for (; i < end; i++) {
        const text = texts[i];
        const { length } = text;
        if (characters + length > TEXTS && i > start) break;
        integers[i - start] = length;
        characters += length;
        // Also makes one piece of a text that was put together from many: it may be sent again.
        if (length > 0) seen |= text.charCodeAt(0);
      }
      const all = (i - start === texts.length ? texts : texts.slice(start, i)).join('');
      const queued = this.#door.putRun(this.#handle, kind, i - start, all, seen > 127 ? 1 : 0);
      if (queued !== undefined) codes = this.#codesOfRest(codes, start + queued, i);
      else if (codes !== null) while (codes.length < i) codes.push(0);
    }
    return codes;
  }

  /** The codes in the memory, of a run from its item `first` on. */
  #codesOfRest(given, first, end) {
    const { integers } = this.#door;
    const codes = given ?? [];
    while (codes.length < first) codes.push(0);
    for (let at = 0; at < end - first; at++) codes.push(integers[at]);
    if (integers[end - first] > 0) this.#reportDropped();
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
    // A string that begins with a tab.
    if (typeof answer === 'object') return answer[0];
    const kind = answer % 8;
    return fromBytes(kind, this.#bytes(kind, (answer - kind) / 8, 0));
  }

  /** #read() of an item that was taken: where there is no room for it, it is the next to come. */
  #readTaken(answer) {
    try {
      return this.#read(answer);
    } catch (err) {
      this.#door.owe(this.#handle);
      throw err;
    }
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

  /** The items of a batch, from all its parts, appended to `items`. */
  #unpack(strings, items = []) {
    const { integers } = this.#door;
    for (let part = strings; ; part = this.#door.more(this.#handle)) {
      const left = integers[1];
      if (integers[2] === 1) {
        const cut = cutAll(part, integers);
        // The usual case: there is no other part.
        if (left === 0 && items.length === 0) return cut;
        for (const item of cut) items.push(item);
      } else {
        this.#unpackMixed(part, items);
      }
      if (left === 0) return items;
    }
  }

  #unpackMixed(strings, items) {
    const { integers } = this.#door;
    const end = RECORDS + 2 * integers[0];
    let text = '';
    let next = 0;
    let cut = 0;
    let at = 0;
    for (let record = RECORDS; record < end; record += 2) {
      const kind = integers[record];
      const length = integers[record + 1];
      if (kind > JSON_TEXT) {
        items.push(fromBytes(kind, this.#bytes(kind, length, at)));
        at += length;
        continue;
      }
      if (cut === text.length && length > 0) {
        text = strings[next++];
        cut = 0;
      }
      const value = text.slice(cut, cut + length);
      cut += length;
      items.push(kind === TEXT ? value : JSON.parse(value));
    }
  }

  take() {
    const answer = this.#door.take(this.#handle);
    return answer === undefined ? null : this.#readTaken(answer);
  }

  takeMany(max) {
    const items = [];
    try {
      return this.#unpack(this.#door.takeMany(this.#handle, max), items);
    } catch (err) {
      // What there was room for is handed out; the rest is the next to come.
      this.#door.owe(this.#handle);
      if (items.length === 0) throw err;
      return items;
    }
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
    return answer === undefined ? null : this.#readTaken(answer);
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
    return answer === undefined ? PENDING : this.#readTaken(answer);
  }

  /** For the waiters. */
  poll() {
    const answer = this.#door.poll(this.#handle);
    if (answer === undefined) {
      waiting.set(this.#number, this.waiters);
      return PENDING;
    }
    return answer === null ? ENDED : this.#readTaken(answer);
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
