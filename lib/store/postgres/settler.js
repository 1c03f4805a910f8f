'use strict';

const { isRefusedValue } = require('./database.js');
const { resultOf, columnsOf, claimKey } = require('./rows.js');

/** Records results: one statement for all of them, and another way for one that the table refuses. */
class Settler {
  #parts;

  /** @param {object} parts database; sql; delaysMs; onRetry(waitMs); onError(err) */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * @param {{ at: object, outcome: object }[]} entries at: key and fence of the claim
   * @returns {Promise<object[]>} what the contract's settle() answers, one each
   */
  async settle(entries) {
    const { database, sql, delaysMs } = this.#parts;
    const rows = entries.map(({ at, outcome }) => [...claimKey(at), ...resultOf(outcome)]);
    let answer;
    try {
      answer = await database.run('recording results', sql, [...columnsOf(rows, 13), delaysMs]);
    } catch (err) {
      if (!isRefusedValue(err)) throw err;
      return this.#refused(entries, err);
    }
    const results = entries.map(() => ({ applied: false }));
    for (const row of answer) results[row.n - 1] = this.#result(row);
    return results;
  }

  #result({ applied, status, delay }) {
    if (!applied) return { applied: false };
    if (status === 'ready') return { applied: true, state: 'done' };
    if (status === 'error') return { applied: true, state: 'dead' };
    this.#parts.onRetry(delay);
    return { applied: true, state: 'retry', runAtMs: Date.now() + Math.round(delay) };
  }

  /** One result that the table refuses (a value out of range, a constraint) must not hold up the others, nor its own job. */
  async #refused(entries, err) {
    if (entries.length > 1) {
      const results = [];
      for (const one of entries) results.push(...(await this.settle([one])));
      return results;
    }
    const [{ at, outcome }] = entries;
    if (outcome.refused) throw err;
    this.#parts.onError(err);
    const message = `the database refused the result (${err.cause.code})`;
    const error = { code: 'ERR_WARMPATH_DATABASE', class: 'permanent', message };
    return this.settle([{ at, outcome: { status: 'failed', error, charged: true, refused: true } }]);
  }
}

module.exports = { Settler };
