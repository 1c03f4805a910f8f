'use strict';

/** Bytes are looked at this often, and only where somebody wants to know. */
const EVERY_MS = 100;

/** Counts what an upload of files has done, and tells it. */
class Progress {
  #tell;
  #counts;
  #settledBytes = 0;
  #told = 0;
  #watched = new Set();
  #timer = null;

  /** @param {(progress: object) => unknown} [tell] */
  constructor(total, tell) {
    this.#tell = tell;
    this.#counts = { total, settled: 0, uploaded: 0, skipped: 0, failed: 0 };
  }

  /** Follows a native upload until `end(outcome)`. */
  watch(upload) {
    this.#watched.add(upload);
    if (this.#tell) this.#timer ??= setInterval(() => this.#look(), EVERY_MS);
    return {
      end: (outcome) => {
        this.#watched.delete(upload);
        this.#settledBytes += outcome.bytes ?? 0;
        this.#counts.settled++;
        this.#counts[outcome.status]++;
        this.#call({ outcome });
      },
    };
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #bytes() {
    let sum = this.#settledBytes;
    for (const upload of this.#watched) sum += upload.sent();
    return sum;
  }

  #look() {
    if (this.#bytes() !== this.#told) this.#call({});
  }

  #call(more) {
    const bytes = this.#bytes();
    this.#told = bytes;
    try {
      this.#tell?.({ ...this.#counts, bytes, ...more });
    } catch (err) {
      // A listener's mistake must neither stop the upload nor go unseen.
      process.nextTick(() => {
        throw err;
      });
    }
  }
}

module.exports = { Progress };
