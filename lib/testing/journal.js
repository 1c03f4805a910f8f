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

/**
 * Writes into an entry, as `ms`, how long its request took: until its answer had gone, or its connection. Both are asked: the end of an
 * answer that waits behind another one on its connection is not told where that is reset. `over` is called then.
 */
function timed(entry, req, res, over) {
  const { socket } = req;
  const end = () => {
    res.off('close', end);
    socket.off('close', end);
    entry.ms = Date.now() - entry.at;
    over?.();
  };
  res.once('close', end);
  socket.once('close', end);
}

module.exports = { Journal, timed };
