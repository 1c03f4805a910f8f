'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5000;
const MOST = 200;

/**
 * Writes what comes together in one statement, one statement at a time. What fails is repeated until it succeeds, or until
 * there is no more use in it: an item whose lease is over belongs to somebody else.
 */
class Batch {
  #write;
  #done;
  #onError;
  #items = [];
  #running = false;
  #closed = false;
  #hurry = new AbortController();

  /**
   * @param {object} parts write(items): one result each; done(item, result | null): null where it was given up;
   *   onError(err). An item has `until()`: the monotonic ms when it is given up
   */
  constructor({ write, done, onError }) {
    this.#write = write;
    this.#done = done;
    this.#onError = onError;
  }

  push(item) {
    this.#items.push(item);
    if (!this.#running) this.#run();
  }

  /** Repeats nothing any more: every item gets the try that it has, or one. */
  close() {
    this.#closed = true;
    this.#hurry.abort();
  }

  async #run() {
    this.#running = true;
    // Items of one turn go together.
    await null;
    for (let failures = 0; this.#items.length > 0; ) {
      const items = this.#items.splice(0, failures > 0 ? 1 : MOST);
      let results;
      try {
        results = await this.#write(items);
      } catch (err) {
        this.#onError(err);
        failures += 1;
        this.#again(items);
        const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** failures, BACKOFF_MAX_MS);
        await sleep(waitMs, undefined, { signal: this.#hurry.signal }).catch(() => {});
        continue;
      }
      failures = 0;
      for (const [i, item] of items.entries()) this.#done(item, results[i]);
    }
    this.#running = false;
  }

  /** One item that always fails must not hold up the others: after a failure they go singly, and a failing one to the end. */
  #again(items) {
    for (const item of items) {
      if (this.#closed || item.until() <= performance.now()) this.#done(item, null);
      else this.#items.push(item);
    }
  }
}

module.exports = { Batch };
