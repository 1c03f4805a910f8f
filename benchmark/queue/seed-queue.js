'use strict';

// The queue of the first document that warmpath grew from, written down again from its description: an object with head and tail,
// a duplicate check that copies the queue, a priority insert that sorts and rebuilds it.

class SeedQueue {
  constructor() {
    this.items = {};
    this.head = 0;
    this.tail = 0;
  }

  enqueue(item) {
    this.items[this.tail] = item;
    this.tail++;
  }

  dequeue() {
    if (this.head === this.tail) return null;
    const item = this.items[this.head];
    delete this.items[this.head];
    this.head++;
    return item;
  }

  toArray() {
    const items = [];
    for (let i = this.head; i < this.tail; i++) items.push(this.items[i]);
    return items;
  }

  enqueueUnique(item) {
    if (this.toArray().some((queued) => queued.jobId === item.jobId)) return false;
    this.enqueue(item);
    return true;
  }

  enqueuePriority(item, priority) {
    item._priority = priority;
    if (this.head === this.tail || priority <= this.items[this.tail - 1]?._priority) {
      this.enqueue(item);
      return;
    }
    const items = this.toArray();
    items.push(item);
    items.sort((a, b) => (b._priority || 0) - (a._priority || 0));
    this.items = {};
    this.head = 0;
    this.tail = 0;
    for (const each of items) this.enqueue(each);
  }
}

module.exports = { SeedQueue };
