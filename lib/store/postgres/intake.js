'use strict';

const { CHANNEL } = require('./listener.js');
const { patiently } = require('./patience.js');
const { restOf, columnsOf } = require('./rows.js');

const BATCH = 5000;

/**
 * The way in. A statement that meets a restarting server is repeated until the deadline (it is harmless to repeat: a job
 * that is there already is a duplicate), so a restart of some seconds is a slow answer and not a failure.
 */
class Intake {
  #database;
  #sql;
  #timeoutMs;

  constructor({ database, sql, timeoutMs }) {
    this.#database = database;
    this.#sql = sql;
    this.#timeoutMs = timeoutMs;
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
    const run = (timeoutMs) => this.#database.run('queueing jobs', this.#sql, params, { timeoutMs, keepAlive: true });
    const answer = await patiently(run, deadline);
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
