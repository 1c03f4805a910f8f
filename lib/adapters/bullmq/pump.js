'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../../errors.js');
const { PumpLane } = require('./pump-lane.js');

/**
 * The last step before a queue, and the only one that waits for it: jobs are accepted into memory, and carried on in batches, in
 * order, for as long as it takes. Who brought one is answered when it has arrived, or after `deadlineMs` with the truth: that
 * it is still in memory. So a listener is never held up, by a queue that is away or by two thousand jobs before its own.
 *
 * Jobs that go different ways are lanes of their own: a way that is closed holds up those who want to go it, and nobody else.
 */
class Pump {
  #parts;
  #options;
  #laneOf;
  #lanes = new Map();
  #closed = false;

  /**
   * @param {object} parts laneOf(job): the name of the way it goes; carry(jobs, lane): one `{ status, via }` each, or rejects for
   *   all; deadlineMs; capacity; keep: whether jobs that could not be carried stay, and are tried again; onError(err);
   *   onStranded(job, err): a job that was accepted, and can go nowhere
   */
  constructor({ laneOf, deadlineMs, capacity, ...parts }) {
    this.#parts = parts;
    this.#laneOf = laneOf;
    this.#options = { deadlineMs, capacity };
  }

  #lane(name) {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = new PumpLane({ ...this.#parts, carry: (jobs) => this.#parts.carry(jobs, name) });
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Jobs that are in memory only. */
  get size() {
    return Array.from(this.#lanes.values(), ({ size }) => size).reduce((sum, n) => sum + n, 0);
  }

  /** The jobs that are in memory only, in the order of their lane. */
  jobs() {
    return Array.from(this.#lanes.values(), (lane) => lane.jobs()).flat();
  }

  /**
   * @returns {Promise<{ status: string, via: string, key: string }>} within `deadlineMs`
   * @throws {WarmpathError} ERR_WARMPATH_QUEUE_FULL, ERR_WARMPATH_CLOSED, or why the job can go nowhere
   */
  accept(job) {
    const { capacity, deadlineMs } = this.#options;
    if (this.#closed) return Promise.reject(new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is closed'));
    if (this.size >= capacity) {
      return Promise.reject(
        new WarmpathError('ERR_WARMPATH_QUEUE_FULL', `${capacity} jobs are waiting in memory already`),
      );
    }
    return new Promise((resolve, reject) => {
      const entry = { job, answered: false };
      const answer = (settle) => (value) => {
        clearTimeout(timer);
        entry.answered = true;
        settle(value);
      };
      entry.resolve = answer(resolve);
      entry.reject = answer(reject);
      const timer = setTimeout(() => entry.resolve({ status: 'queued', via: 'memory', key: job.key }), deadlineMs);
      this.#lane(this.#laneOf(job)).push(entry);
    });
  }

  /**
   * Takes nothing more, and tries once more, at once, to carry on what is left. Resolves when that is over, or `timeoutMs` have
   * passed: what is in memory then, jobs() says.
   */
  async close(timeoutMs) {
    this.#closed = true;
    const over = new AbortController();
    const passed = sleep(timeoutMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([Promise.all(Array.from(this.#lanes.values(), (lane) => lane.close())), passed]);
    over.abort();
  }
}

module.exports = { Pump };
