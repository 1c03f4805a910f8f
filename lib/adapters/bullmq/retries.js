'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

/** How soon a Redis that came back is used again, at the latest: BullMQ's own waits grow up to 20 s. */
const MAX_MS = 2000;

/** A queue, and a worker with its connection that waits. */
const MOST_CLIENTS = 3;

/**
 * When clients connect anew, and that they stop it. A client that is told to disconnect while it waits for its next try says nothing
 * any more, and BullMQ's worker, which waits for its word, never closes: so the client has to come to its end by itself first.
 */
class Retries {
  #ended = false;
  #clients = 0;
  #tell = () => {};

  /** @param {((times: number) => number | null) | undefined} given the app's own strategy */
  over(given) {
    return (times) => {
      if (this.#ended) {
        if (++this.#clients >= MOST_CLIENTS) this.#tell();
        return null;
      }
      const waitMs = given === undefined ? 100 * times : given(times);
      return typeof waitMs === 'number' ? Math.min(waitMs, MAX_MS) : waitMs;
    };
  }

  /** No client tries again from now on. Resolves when those that do now have come to their end. */
  async end() {
    this.#ended = true;
    if (this.#clients >= MOST_CLIENTS) return;
    const told = new Promise((resolve) => {
      this.#tell = resolve;
    });
    await Promise.race([told, sleep(MAX_MS + 100, undefined, { ref: false })]);
  }
}

module.exports = { Retries };
