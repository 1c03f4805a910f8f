'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const BATCH = 500;
const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 5000;

/** What comes again with the same job however often it is tried. */
const isHopeless = (err) => err.code === 'ERR_WARMPATH_INVALID_JOB';

/** Jobs of a Pump that go the same way: carried on in batches, in order, for as long as it takes. */
class PumpLane {
  #carry;
  #keep;
  #onError;
  #onStranded;
  #entries = [];
  #running = null;
  #failures = 0;
  #closed = false;
  #wake = () => {};

  /** @param {object} parts as of a Pump; carry(jobs) is told of this lane's only */
  constructor({ carry, keep, onError, onStranded }) {
    this.#carry = carry;
    this.#keep = keep;
    this.#onError = onError;
    this.#onStranded = onStranded;
  }

  get size() {
    return this.#entries.length;
  }

  jobs() {
    return this.#entries.map(({ job }) => job);
  }

  /** @param {{ job: object, answered: boolean, resolve: Function, reject: Function }} entry */
  push(entry) {
    this.#entries.push(entry);
    this.#work();
  }

  #work() {
    if (this.#running !== null) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#entries.length > 0 && !this.#closed) this.#work();
    });
  }

  async #run() {
    // Jobs of one turn go together.
    await null;
    while (this.#entries.length > 0) {
      const full = await this.#carryOn(this.#entries.slice(0, BATCH));
      if (this.#failures === 0 && !full) continue;
      if (this.#closed) return;
      await this.#backoff();
    }
  }

  /**
   * @param {object[]} batch the first entries
   * @returns {Promise<boolean>} whether some have to wait, because there was no room for them
   */
  async #carryOn(batch) {
    let answers;
    try {
      answers = await this.#carry(batch.map(({ job }) => job));
    } catch (err) {
      return this.#failed(batch, err);
    }
    this.#failures = 0;
    const through = batch.filter((_, i) => answers[i].status !== 'full');
    this.#drop(through);
    batch.forEach((entry, i) => {
      const { status, via } = answers[i];
      if (status !== 'full' && !entry.answered) entry.resolve({ status, via, key: entry.job.key });
    });
    return through.length < batch.length;
  }

  #drop(entries) {
    const gone = new Set(entries);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
  }

  async #failed(batch, err) {
    if (isHopeless(err) && batch.length > 1) {
      // One that can go nowhere must not hold up the others.
      let full = false;
      for (const entry of batch) full = (await this.#carryOn([entry])) || full;
      return full;
    }
    if (isHopeless(err) || !this.#keep) {
      this.#drop(batch);
      for (const entry of batch) this.#strand(entry, err);
      return false;
    }
    this.#failures++;
    this.#onError(err);
    return false;
  }

  #strand(entry, err) {
    if (entry.answered) this.#onStranded(entry.job, err);
    else entry.reject(err);
  }

  async #backoff() {
    const stop = new AbortController();
    this.#wake = () => stop.abort();
    const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** Math.max(0, this.#failures - 1), BACKOFF_MAX_MS);
    // Ref'd: jobs in memory are a reason to stay alive.
    await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    this.#wake = () => {};
  }

  /** Waits no longer: what is left is carried on once more, at once. Resolves when that is over. */
  async close() {
    this.#closed = true;
    this.#wake();
    await this.#running;
    if (this.#entries.length > 0) await this.#run();
  }
}

module.exports = { PumpLane };
