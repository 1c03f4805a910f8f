'use strict';

const RETRY_MAX_MS = 30_000;

/**
 * Writes the durable copy of queued jobs, their `warming` rows, after the fact: enqueuePrewarm() answers at once. Jobs of
 * one turn share a statement; what could not be written is tried again, and what is over is left out, because a row
 * marked after its job failed would say `warming` with nobody working on it.
 */
class Marks {
  #waiting = new Map();
  #recorder = null;
  #onError;
  #writing = null;
  #scheduled = null;
  #timer = null;
  #failures = 0;

  get size() {
    return this.#waiting.size;
  }

  has(key) {
    return this.#waiting.has(key);
  }

  /** What is not written yet, oldest first. */
  jobs() {
    return [...this.#waiting.values()];
  }

  add(job) {
    this.#waiting.set(job.key, job);
    this.#schedule();
  }

  /** From now on rows can be written: what was added before, too. */
  connect(recorder, onError) {
    this.#recorder = recorder;
    this.#onError = onError;
    this.#schedule();
  }

  /** These jobs are over. Resolves when no statement that might hold them is under way. */
  async forget(jobs) {
    for (const job of jobs) {
      // An equal job that was queued anew since keeps its mark.
      if (this.#waiting.get(job.key) === job) this.#waiting.delete(job.key);
    }
    await this.#writing;
  }

  /** Writes what is left, once, and nothing more until the next connect(). */
  async close() {
    const recorder = this.#recorder;
    this.#recorder = null;
    clearImmediate(this.#scheduled);
    clearTimeout(this.#timer);
    this.#scheduled = null;
    this.#timer = null;
    await this.#writing;
    if (recorder !== null) await this.#write(recorder);
  }

  #schedule() {
    if (this.#recorder === null || this.#waiting.size === 0) return;
    if (this.#scheduled !== null || this.#writing !== null || this.#timer !== null) return;
    this.#scheduled = setImmediate(() => {
      this.#scheduled = null;
      this.#write(this.#recorder);
    });
  }

  #write(recorder) {
    this.#writing ??= this.#writeAll(recorder).finally(() => {
      this.#writing = null;
      this.#schedule();
    });
    return this.#writing;
  }

  async #writeAll(recorder) {
    const batch = new Map(this.#waiting);
    if (batch.size === 0) return;
    try {
      await recorder.markWarming([...batch.values()]);
      this.#failures = 0;
      for (const [key, job] of batch) if (this.#waiting.get(key) === job) this.#waiting.delete(key);
    } catch (err) {
      this.#onError(err);
      if (this.#recorder === null) return;
      const waitMs = Math.min(1000 * 2 ** this.#failures++, RETRY_MAX_MS);
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#schedule();
      }, waitMs).unref();
    }
  }
}

module.exports = { Marks };
