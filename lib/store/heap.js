'use strict';

/** A binary heap: O(log n) push and pop. `before(a, b)` says whether a comes out first. */
class Heap {
  #items = [];
  #before;

  constructor(before) {
    this.#before = before;
  }

  get size() {
    return this.#items.length;
  }

  peek() {
    return this.#items[0];
  }

  /** So many of its items, in no order but that the first is the first. */
  first(most) {
    return this.#items.slice(0, most);
  }

  push(item) {
    const items = this.#items;
    let i = items.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(item, items[parent])) break;
      items[i] = items[parent];
      i = parent;
    }
    items[i] = item;
  }

  pop() {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length > 0) this.#sink(last);
    return top;
  }

  /** Takes out every item that `test` says; O(n log n), for what an operator does by hand. */
  remove(test) {
    const left = this.#items.filter((item) => !test(item));
    const removed = this.#items.length - left.length;
    this.#items = [];
    for (const item of left) this.push(item);
    return removed;
  }

  #sink(item) {
    const items = this.#items;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1], items[child])) child++;
      if (!this.#before(items[child], item)) break;
      items[i] = items[child];
      i = child;
    }
    items[i] = item;
  }
}

module.exports = { Heap };
