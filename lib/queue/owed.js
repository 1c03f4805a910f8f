'use strict';

const { TEXT } = require('./codec.js');
const { decode, unpack } = require('./unpack.js');

/**
 * What a handle has taken of a shared queue and not handed out, because an item among it cannot be made again: kept as it crossed, and
 * the next to come. An entry is an item as decode() takes it; where `error` is one, the item is gone and the error comes in its place.
 */
class Owed {
  /** The last is the next. */
  #entries = [];

  get length() {
    return this.#entries.length;
  }

  /** Where there is nothing yet. */
  put(entries) {
    this.#entries = entries.reverse();
  }

  /** The first of them. @throws {WarmpathError} ERR_WARMPATH_INTERNAL; the others stay */
  take() {
    const { kind, value, error } = this.#entries.pop();
    if (error !== null) throw error;
    return decode(kind, value);
  }

  /** Up to `max`, up to the first that cannot be made again. @throws {WarmpathError} as take(), where that one is the first */
  takeMany(max) {
    const items = [];
    while (items.length < max && this.#entries.length > 0) {
      try {
        items.push(this.take());
      } catch (error) {
        if (items.length === 0) throw error;
        this.#entries.push({ kind: TEXT, value: '', error });
        break;
      }
    }
    return items;
  }

  /** Copies, in order; they stay. */
  *copies() {
    for (const { kind, value, error } of this.#entries.toReversed()) {
      if (error !== null) throw error;
      yield decode(kind, typeof value === 'string' ? value : new Uint8Array(value));
    }
  }

  /** Nothing is owed any more; how many items that were. */
  clear() {
    const count = this.#entries.length;
    this.#entries = [];
    return count;
  }
}

/** What the last push of a handle dropped, appended to `gathered`. Whatever it is, the push is done: this throws nothing. */
function gatherDropped(door, handle, gathered) {
  const owed = [];
  let items = [];
  try {
    items = unpack(door, handle, door.dropped(handle), items, owed);
  } catch {
    // There is no room for one of them.
    free(door, handle);
  }
  for (const item of items) gathered.push(item);
  for (const { kind, value, error } of owed) {
    try {
      if (error === null) gathered.push(decode(kind, value));
    } catch {
      // Nobody can be shown it.
    }
  }
}

/** As gatherDropped(), where nobody wants to see it. */
function freeDropped(door, handle) {
  door.dropped(handle);
  free(door, handle);
}

/** What is being handed over is pending until it has been read: to take none frees it. */
function free(door, handle) {
  door.takeMany(handle, 0);
}

module.exports = { Owed, gatherDropped, freeDropped };
