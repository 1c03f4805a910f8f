'use strict';

/** The last `limit` entries of something, oldest first: under load a journal must not become the memory leak. */
class Journal extends Array {
  static get [Symbol.species]() {
    return Array;
  }

  static of(limit) {
    const journal = new Journal();
    Object.defineProperty(journal, 'limit', { value: limit });
    Object.defineProperty(journal, 'last', { value: 0, writable: true });
    return journal;
  }

  /** 1, 2, 3 … over the whole life of the sandbox, cleared or not. */
  nextSequence() {
    this.last += 1;
    return this.last;
  }

  add(entry) {
    this.push(entry);
    // A tenth at a time, so that trimming stays cheap.
    if (this.length > this.limit * 1.1) this.splice(0, this.length - this.limit);
    return entry;
  }

  clear() {
    this.length = 0;
  }
}

module.exports = { Journal };
