'use strict';

const { identity } = require('../store/media-cache.js');

const UNDEFINED_TABLE = '42P01';
const RETRY_MAX_MS = 30_000;

/**
 * Takes up rows that are `warming` in the database and unknown to the memory store: all of them at start, in portions
 * that fit; and those that were refused as 'full' later, when there is room again. So "full" delays a job, it does not
 * lose it.
 */
class Recovery {
  #parts;
  #running = null;
  #more = true;
  #failures = 0;
  #timer = null;
  #stopped = true;
  // What ended while a look was under way: its answer may show such a row as it was before.
  #ended = new Set();

  /**
   * @param {object} parts recorder; store; busy(): jobs on their way into or out of the store; onError(err);
   *   onRecovered({ recovered, refused }); keyOf(job)
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Resolves after the first look, found or failed; a failure is repeated in the background. */
  start() {
    this.#stopped = false;
    this.#more = true;
    return this.#look();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** A job was refused for lack of room: its row has to be looked for later. */
  missed() {
    this.#more = true;
  }

  /** After results: looks again when rows are outstanding and half the room is free. */
  check(results) {
    if (this.#running !== null) for (const { job } of results) this.#ended.add(identity(job));
    if (this.#due()) this.#look();
  }

  #due() {
    const { queued, capacity } = this.#parts.store.stats();
    return this.#more && queued <= capacity / 2;
  }

  #look() {
    if (this.#stopped || this.#timer !== null) return Promise.resolve();
    this.#running ??= this.#lookAll().finally(() => {
      this.#running = null;
      this.#ended.clear();
    });
    return this.#running;
  }

  /** One look, and further ones as long as rows were found that brought no job: no result will come to ask for them. */
  async #lookAll() {
    const { onError } = this.#parts;
    try {
      let moved = true;
      while (moved && !this.#stopped) moved = (await this.#recover()) && this.#due();
      this.#failures = 0;
    } catch (err) {
      if (this.#stopped) return;
      onError(err);
      // An app that records elsewhere may not have the tables at all; asking again would not make them.
      if (err.cause?.code === UNDEFINED_TABLE) return;
      this.#more = true;
      const waitMs = Math.min(1000 * 2 ** this.#failures++, RETRY_MAX_MS);
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#look();
      }, waitMs).unref();
    }
  }

  /** @returns {Promise<boolean>} whether the look moved anything on */
  async #recover() {
    const { recorder, store, keyOf, busy, onRecovered } = this.#parts;
    const { queued, capacity } = store.stats();
    const limit = capacity - queued;
    if (limit <= 0) return false;
    this.#more = false;
    const known = () => [...store.list().map(({ job }) => job), ...busy()];
    let over;
    const skip = (job) => {
      over ??= new Set([...known().map(identity), ...this.#ended]);
      return over.has(identity(job));
    };
    const { jobs, refused, more } = await recorder.recover({ limit, known: known(), skip });
    const statuses = store.enqueue(jobs.map((job) => ({ ...job, key: keyOf(job) })));
    if (more || statuses.includes('full')) this.#more = true;
    const recovered = statuses.filter((status) => status === 'queued').length;
    if (recovered > 0 || refused > 0) onRecovered({ recovered, refused });
    return recovered > 0 || refused > 0;
  }
}

module.exports = { Recovery };
