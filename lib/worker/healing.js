'use strict';

// Above everything an app would choose by itself: somebody is looking at a message without its picture.
const TOP_PRIORITY = 2 ** 31 - 1;

// Some 5 MB; the results of a store that keeps none are known for this many sends.
const MOST_REMEMBERED = 10_000;

/**
 * Finds the job whose result a file_id was, and makes that result invalid. Where results are rows, the rows know; else
 * the last results of this process are remembered.
 */
class Healing {
  #recorder;
  #store;
  #keyOf;
  #jobs = new Map();

  /** @param {{ recorder: object | null, store: object, keyOf: (job: object) => string }} parts */
  constructor({ recorder, store, keyOf }) {
    this.#recorder = recorder;
    this.#store = store;
    this.#keyOf = keyOf;
  }

  get #remembers() {
    return this.#recorder === null && typeof this.#store.invalidate !== 'function';
  }

  /** Results that were recorded. */
  learn(results) {
    if (!this.#remembers) return;
    for (const { job, value } of results) {
      if (value === undefined) continue;
      this.#jobs.set(value.fileId, job);
      if (this.#jobs.size > MOST_REMEMBERED) this.#jobs.delete(this.#jobs.keys().next().value);
    }
  }

  /**
   * Forgets the result.
   *
   * @returns {Promise<object[]>} the jobs to run again, at top priority; none for a file_id that is not known (any more)
   */
  async invalidate(fileId) {
    const jobs = await this.#take(fileId);
    return jobs.map((job) => ({ ...job, key: job.key ?? this.#keyOf(job), priority: TOP_PRIORITY }));
  }

  async #take(fileId) {
    if (this.#recorder !== null) return (await this.#recorder.invalidate?.(fileId)) ?? [];
    if (!this.#remembers) return this.#store.invalidate(fileId);
    const job = this.#jobs.get(fileId);
    this.#jobs.delete(fileId);
    return job === undefined ? [] : [job];
  }
}

module.exports = { Healing };
