'use strict';

const MOST = 1000;

/**
 * Values of jobs that succeeded here, for when BullMQ delivers one of them again as stalled: its completion could not be
 * recorded (Redis was away until the lock ran out), so the value is what it needs, not a second run. A job that somebody
 * retried by hand has not stalled, and runs.
 */
class Finished {
  #values = new Map();

  keep(job, value) {
    this.#values.set(job.id, { value, timestamp: job.timestamp, stalls: job.stalledCounter ?? 0 });
    if (this.#values.size > MOST) this.#values.delete(this.#values.keys().next().value);
  }

  /** @returns {{ value: * } | null} */
  find(job) {
    const known = this.#values.get(job.id);
    if (known === undefined) return null;
    this.#values.delete(job.id);
    // An equal id with another time is another job: the first one was removed from the queue.
    return known.timestamp === job.timestamp && (job.stalledCounter ?? 0) > known.stalls ? known : null;
  }
}

module.exports = { Finished };
