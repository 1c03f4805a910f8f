'use strict';

const { CHANNEL } = require('./listener.js');
const { patiently } = require('./patience.js');
const { restOf, columnsOf } = require('./rows.js');

const BATCH = 5000;

/** The part of the free room that may be filled without counting again. */
const TRUSTED = 1 / 20;

/**
 * The way in. A statement that meets a restarting server is repeated until the deadline (it is harmless to repeat: a job
 * that is there already is a duplicate), so a restart of some seconds is a slow answer and not a failure.
 */
class Intake {
  #database;
  #sql;
  #capacity;
  #timeoutMs;
  // How many more may be put in before the table is counted again.
  #trusted = 0;

  /**
   * @param {object} parts database; sql: the statements enqueue and enqueueBounded; capacity: most unfinished rows, Infinity for no
   *   bound; timeoutMs
   */
  constructor({ database, sql, capacity, timeoutMs }) {
    this.#database = database;
    this.#sql = sql;
    this.#capacity = capacity;
    this.#timeoutMs = timeoutMs;
  }

  /** Counting costs in proportion to what waits: so not for every call, as long as there is much room. */
  #isToBeCounted(count) {
    if (this.#capacity === Number.POSITIVE_INFINITY) return false;
    if (count > this.#trusted) return true;
    this.#trusted -= count;
    return false;
  }

  /**
   * @param {object[]} jobs checked
   * @param {string | null} hint payload for the instances that work
   * @returns {Promise<string[]>} one status per job
   * @throws {WarmpathError} ERR_WARMPATH_DATABASE; `certainty` says whether jobs may have been queued all the same
   */
  async put(jobs, hint) {
    const deadline = performance.now() + this.#timeoutMs;
    const statuses = [];
    for (let at = 0; at < jobs.length; at += BATCH) {
      statuses.push(...(await this.#batch(jobs.slice(at, at + BATCH), hint, deadline)));
    }
    return statuses;
  }

  async #batch(jobs, hint, deadline) {
    const rows = jobs.map((job) => [job.botSlug, job.sha256, job.kind, job.priority ?? 0, restOf(job)]);
    const params = [...columnsOf(rows, 5), hint === null ? null : CHANNEL, hint];
    const counts = this.#isToBeCounted(jobs.length);
    if (counts) params.push(this.#capacity);
    const sql = counts ? this.#sql.enqueueBounded : this.#sql.enqueue;
    const run = (timeoutMs) => this.#database.run('queueing jobs', sql, params, { timeoutMs, keepAlive: true });
    const answer = await patiently(run, deadline);
    if (counts) this.#trusted = Math.max(0, Math.floor((Number(answer[0].room) - jobs.length) * TRUSTED));
    const byPlace = new Map(answer.map(({ n, status }) => [n - 1, status]));
    return settleEqual(rows, byPlace);
  }
}

/** The statement answers once per row; of equal jobs in one call the first wins, and the others are its duplicates. */
function settleEqual(rows, byPlace) {
  const first = new Map();
  return rows.map(([botSlug, sha256, kind], i) => {
    const identity = `${kind}:${sha256}:${botSlug}`;
    const status = byPlace.get(i);
    if (status !== undefined) {
      first.set(identity, status);
      return status;
    }
    const known = first.get(identity);
    return known === 'queued' || known === undefined ? 'duplicate' : known;
  });
}

module.exports = { Intake };
