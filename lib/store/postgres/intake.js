'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../../errors.js');
const { isPassing } = require('./database.js');
const { CHANNEL } = require('./listener.js');
const { restOf, columnsOf } = require('./rows.js');

const BATCH = 5000;
const BACKOFF_BASE_MS = 50;
const BACKOFF_MAX_MS = 500;

/** Failures after which it is certain that the statement had no effect. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|[0-9A-Z]{5})$/;

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
    const answer = await this.#patiently(params, deadline);
    const byPlace = new Map(answer.map(({ n, status }) => [n - 1, status]));
    return settleEqual(rows, byPlace);
  }

  async #patiently(params, deadline) {
    let certain = true;
    for (let tries = 0; ; tries++) {
      const leftMs = Math.max(1, Math.floor(deadline - performance.now()));
      try {
        return await this.#database.run('queueing jobs', this.#sql, params, { timeoutMs: leftMs, keepAlive: true });
      } catch (err) {
        certain &&= NOT_SENT.test(err.cause?.code ?? '');
        const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** tries, BACKOFF_MAX_MS);
        if (!isPassing(err) || performance.now() + waitMs >= deadline) throw withCertainty(err, certain);
        await sleep(waitMs);
      }
    }
  }
}

function withCertainty(err, certain) {
  const { code, message, cause, phase } = err;
  const fields = { class: err.class, cause, phase, certainty: certain ? 'not-sent' : 'maybe-sent' };
  return new WarmpathError(code, message, fields);
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
