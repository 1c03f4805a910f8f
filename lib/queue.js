'use strict';

const { WarmpathError, guard } = require('./errors.js');
const { native } = require('./native.js');
const { isPlainObject, describe } = require('./options/check.js');
const { queueOptions, enqueueOptions, checkItem, checkKey, checkMax, invalidArgument } = require('./options/queue.js');

const STATUS = ['queued', 'duplicate', 'full'];
const CLOSED = 3;

/**
 * A bounded queue with duplicate check and priorities. Order, keys, bound and waiting are native; the items stay in JS
 * (native holds small handles), so they keep their identity and nothing of them is copied or mutated.
 *
 * One total order: higher priority first, first in first out among equals.
 */
class Queue {
  #native;
  #items = [];
  #free = [];
  #counts = { enqueued: 0, dequeued: 0, removed: 0, duplicates: 0, full: 0 };
  #capacity;

  /**
   * @param {{ capacity?: number }} [options] capacity: most items held at once, 500
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
   */
  constructor(options) {
    const { capacity } = queueOptions(options);
    const { NativeQueue } = native();
    this.#capacity = capacity;
    this.#native = guard(() => new NativeQueue(capacity));
  }

  /**
   * @param {*} item anything but null and undefined
   * @param {{ key?: string, priority?: number }} [options] an equal key that is still queued makes this a duplicate
   * @returns {'queued' | 'duplicate' | 'full'}
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_CLOSED
   */
  enqueue(item, options) {
    checkItem(item, 'item');
    if (options === undefined) return this.#put(item, undefined, 0);
    const { key, priority } = enqueueOptions(options, 'options');
    return this.#put(item, key, priority);
  }

  /** `enqueue(item, { priority })`. */
  enqueuePriority(item, priority) {
    return this.enqueue(item, { priority });
  }

  /** All entries are checked before the first is queued; one status per entry. */
  enqueueMany(entries) {
    if (!Array.isArray(entries)) invalidArgument('entries', `must be an array, not ${describe(entries)}`);
    const checked = Array.from(entries, (entry, i) => {
      const path = `entries[${i}]`;
      if (!isPlainObject(entry)) invalidArgument(path, `must be { item, key?, priority? }, not ${describe(entry)}`);
      const { item, ...options } = entry;
      return { item: checkItem(item, `${path}.item`), ...enqueueOptions(options, path) };
    });
    return checked.map(({ item, key, priority }) => this.#put(item, key, priority));
  }

  #put(item, key, priority) {
    const reused = this.#free.length > 0;
    const handle = reused ? this.#free.pop() : this.#items.length;
    const answer = guard(() => this.#native.enqueue(handle, key, priority));
    if (answer === 0) {
      this.#items[handle] = item;
      this.#counts.enqueued++;
      return 'queued';
    }
    if (reused) this.#free.push(handle);
    if (answer === CLOSED) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is closed');
    this.#counts[answer === 1 ? 'duplicates' : 'full']++;
    return STATUS[answer];
  }

  #take(handle, count) {
    if (handle < 0) return null;
    const item = this.#items[handle];
    this.#items[handle] = undefined;
    this.#free.push(handle);
    this.#counts[count]++;
    return item;
  }

  /** The first item, or null when the queue is empty. */
  dequeue() {
    return this.#take(this.#native.dequeue(), 'dequeued');
  }

  /** Up to `max` items in order. */
  dequeueMany(max) {
    return this.#native.dequeueMany(checkMax(max)).map((handle) => this.#take(handle, 'dequeued'));
  }

  /** The item that dequeue() would give, left in place; null when empty. */
  peek() {
    const handle = this.#native.peek();
    return handle < 0 ? null : this.#items[handle];
  }

  /** The items in order, as a snapshot. */
  toArray() {
    return this.#native.toArray().map((handle) => this.#items[handle]);
  }

  isEmpty() {
    return this.#native.length === 0;
  }

  get length() {
    return this.#native.length;
  }

  /** Whether an item with this key is queued. */
  has(key) {
    return this.#native.has(checkKey(key));
  }

  /** Takes the item with this key out and returns it; null when there is none. */
  remove(key) {
    return this.#take(this.#native.remove(checkKey(key)), 'removed');
  }

  /** Drops everything that is queued; returns how many items that were. */
  clear() {
    const handles = this.#native.clear();
    for (const handle of handles) this.#take(handle, 'removed');
    return handles.length;
  }

  /** Refuses producers from now on; consumers drain what is left, then their loops end. */
  close() {
    this.#native.close();
  }

  /** Counters since creation, and the state now. */
  stats() {
    const { length, closed } = this.#native;
    return { queued: length, capacity: this.#capacity, closed, dropped: 0, ...this.#counts };
  }

  /** Waits for items without polling; ends when the queue is closed and drained. Several loops share the items. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      const item = this.dequeue();
      if (item !== null) yield item;
      else if (this.#native.closed) return;
      else await this.#native.wait();
    }
  }

  async [Symbol.asyncDispose]() {
    this.close();
  }
}

module.exports = { Queue };
