'use strict';

const { EventEmitter } = require('node:events');
const { WarmpathError } = require('./errors.js');
const { emitSafely } = require('./executor/emit.js');
const options = require('./options/queue.js');
const { LocalForm } = require('./queue/local.js');
const { SharedForm } = require('./queue/shared.js');

const STATUS = ['queued', 'duplicate', 'full'];
const CLOSED = 3;

/** Answers to so many items that were all queued, to be copied: a copy costs a fraction of writing them down. */
const QUEUED = new Array(1024).fill('queued');

const asItem = (item) => item;
const asItems = (items, ended) => (ended ? [] : items);
const asResult = (item, ended) => (ended ? { value: undefined, done: true } : { value: item, done: false });

function closed(queued, count) {
  const part = queued > 0 ? ` after ${queued} of ${count} entries were queued` : '';
  return new WarmpathError('ERR_WARMPATH_CLOSED', `the queue is closed${part}`);
}

/**
 * A bounded queue with duplicate check and priorities; docs/queue.md has the semantics as a table.
 *
 * One total order: higher priority first, first in first out among equals. Without a name it belongs to this thread and holds the
 * items as they are; with a name every thread of the process that opens that name shares it, and items are copied.
 */
class Queue extends EventEmitter {
  #form;
  #settings;

  /**
   * @param {object} [given]
   * @param {number} [given.capacity=500] most items held at once, 1 to 2^24
   * @param {string} [given.name] shared by every thread of the process that opens this name; options must be equal
   * @param {'reject' | 'drop-oldest' | 'drop-lowest'} [given.full='reject'] what happens to an item when there is no room
   * @param {number} [given.agingMs=0] an item counts one priority higher for each of these it has waited; 0: never
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
   */
  constructor(given) {
    super();
    const settings = options.queueOptions(given);
    const dropped = {
      isHeard: () => this.listenerCount('dropped') > 0,
      tell: (items) => {
        for (const item of items) emitSafely(this, 'dropped', item);
      },
    };
    this.#form = settings.name === undefined ? new LocalForm(settings, dropped) : new SharedForm(settings, dropped);
    this.#settings = settings;
  }

  /**
   * @param {*} item anything but null and undefined; with a name, anything that can be cloned
   * @param {{ key?: string, priority?: number }} [given] an equal key that is still queued makes this a duplicate
   * @returns {'queued' | 'duplicate' | 'full'}
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_CLOSED
   */
  enqueue(item, given) {
    if (item === null || item === undefined) options.checkItem(item, 'item');
    let key;
    let priority = 0;
    if (given !== undefined) {
      ({ key, priority = 0 } = options.enqueueOptions(given));
      options.refuseChanged(key, priority, 'options');
    }
    const code = this.#form.put(item, key, priority);
    if (code === CLOSED) throw closed(0, 1);
    return STATUS[code];
  }

  /** `enqueue(item, { priority })`. */
  enqueuePriority(item, priority) {
    options.checkItem(item, 'item');
    const code = this.#form.put(item, undefined, options.checkPriority(priority));
    if (code === CLOSED) throw closed(0, 1);
    return STATUS[code];
  }

  /** All entries are checked before the first is queued; one status per entry. */
  enqueueMany(entries) {
    const { items, keys, text, priorities } = options.checkEntries(entries);
    if (items.length === 0 && this.#form.closed) throw closed(0, 0);
    const codes = this.#form.putMany(items, keys, priorities, text);
    if (codes === null) {
      return items.length <= QUEUED.length ? QUEUED.slice(0, items.length) : new Array(items.length).fill('queued');
    }
    for (let i = 0; i < codes.length; i++) {
      if (codes[i] === CLOSED) throw closed(codes.filter((code) => code === STATUS[0]).length, codes.length);
      codes[i] = STATUS[codes[i]];
    }
    return codes;
  }

  /** The first item, or null when the queue is empty. */
  dequeue() {
    return this.#form.take();
  }

  /** Up to `max` items in order. */
  dequeueMany(max) {
    return this.#form.takeMany(options.checkMax(max));
  }

  /**
   * The first item as soon as there is one; null when the time is over, or the queue is closed and empty. Sleeps until then.
   *
   * @param {{ timeoutMs?: number, signal?: AbortSignal }} [given] timeoutMs: 0 looks once; default: waits for ever
   * @returns {Promise<*>} rejects with ERR_WARMPATH_ABORTED (named AbortError) or ERR_WARMPATH_INVALID_ARGUMENT
   */
  dequeueWait(given) {
    if (given === undefined) return this.#form.waiters.next(asItem);
    try {
      const { timeoutMs, signal } = options.waitOptions(given);
      return this.#form.waiters.next(asItem, timeoutMs, signal);
    } catch (err) {
      return Promise.reject(err);
    }
  }

  /**
   * Up to `max` items in order, as soon as there is one; none when the time is over, or the queue is closed and empty.
   *
   * @param {number} max
   * @param {{ timeoutMs?: number, signal?: AbortSignal }} [given] as of dequeueWait()
   * @returns {Promise<Array>} rejects as dequeueWait() does
   */
  dequeueManyWait(max, given) {
    try {
      const most = options.checkMax(max);
      if (given === undefined) return this.#form.waiters.next(asItems, undefined, undefined, most);
      const { timeoutMs, signal } = options.waitOptions(given);
      return this.#form.waiters.next(asItems, timeoutMs, signal, most);
    } catch (err) {
      return Promise.reject(err);
    }
  }

  /** The item that dequeue() would give, left in place; null when empty. With a name, a copy. */
  peek() {
    return this.#form.peek();
  }

  /** The items in order, as a snapshot. */
  toArray() {
    return this.#form.toArray();
  }

  isEmpty() {
    return this.#form.length === 0;
  }

  get length() {
    return this.#form.length;
  }

  /** Whether an item with this key is queued. */
  has(key) {
    return this.#form.has(options.checkKey(key));
  }

  /** Takes the item with this key out and returns it; null when there is none. */
  remove(key) {
    return this.#form.remove(options.checkKey(key));
  }

  /** Drops everything that is queued; returns how many items that were. */
  clear() {
    return this.#form.clear();
  }

  /** Refuses producers from now on, in every thread; consumers drain what is left, then their waits end. */
  close() {
    this.#form.close();
  }

  /** Counters since the queue was made, of all its threads, and the state now. */
  stats() {
    const { capacity, name = null } = this.#settings;
    const { queued, closed: isClosed, enqueued, dequeued, bytesIn, bytesOut, ...counts } = this.#form.stats();
    return {
      // The fields that every class has. An item is done with, for the queue, when it is taken.
      queued,
      waiting: 0,
      running: 0,
      succeeded: dequeued,
      failed: 0,
      byClass: {},
      bytesIn,
      bytesOut,
      phases: {},
      name,
      capacity,
      closed: isClosed,
      waiters: this.#form.waiters.size,
      enqueued,
      dequeued,
      ...counts,
    };
  }

  /** Waits for items without polling; ends when the queue is closed and drained. Several loops share the items. */
  [Symbol.asyncIterator]() {
    const { waiters } = this.#form;
    /** What this loop waits for: left, it must take no item any more, and keep nothing alive. */
    const pending = new Set();
    let left = false;
    return {
      next: () =>
        left ? Promise.resolve(asResult(null, true)) : waiters.next(asResult, undefined, undefined, undefined, pending),
      return() {
        left = true;
        waiters.giveUp(pending);
        return Promise.resolve(asResult(null, true));
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** close(). */
  async [Symbol.asyncDispose]() {
    this.close();
  }
}

module.exports = { Queue };
