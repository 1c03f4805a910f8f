'use strict';

const { isRefusedValue } = require('./database.js');
const { resultOf, columnsOf, claimKey } = require('./rows.js');

/** Whether the file_id has another kind than its job. */
const isOther = ({ at, outcome: { status, value } }) =>
  status === 'succeeded' && value?.kind !== undefined && value.kind !== at.kind;

/** Why a job's own row has no file_id although its media was sent. */
function otherKind({ kind: wanted }, { kind, kindReason }) {
  const why = kindReason === 'telegram' ? 'Telegram made it one' : `${wanted} was not possible`;
  return { code: 'ERR_WARMPATH_TELEGRAM_KIND', class: 'permanent', message: `recorded as ${kind}: ${why}` };
}

/** Records results: one statement for all of them, and another way for one that the table refuses. */
class Settler {
  #parts;

  /** @param {object} parts database; sql; record: SQL; delaysMs; onRetry(waitMs); onError(err) */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * @param {{ at: object, outcome: object }[]} entries at: key and fence of the claim
   * @returns {Promise<object[]>} what the contract's settle() answers, one each
   */
  async settle(entries) {
    const { database, sql, delaysMs } = this.#parts;
    const others = entries.filter(isOther);
    if (others.length > 0) return this.#settleOthers(entries, others);
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

  /**
   * The kind of a file_id can never change: it goes into the row of the kind that it has, and the job's own row says so as
   * its error. First the one, then the other: what is cut off between them is sent again, and not lost.
   */
  async #settleOthers(entries, others) {
    const { database, record } = this.#parts;
    const rows = others.map(({ at, outcome }) => {
      const [, , , , , ...file] = resultOf(outcome);
      return [at.botSlug, at.sha256, outcome.value.kind, ...file];
    });
    await database.run('recording results', record, columnsOf(rows, 7));
    const open = entries.map((entry) => {
      if (!isOther(entry)) return entry;
      const error = otherKind(entry.at, entry.outcome.value);
      return { at: entry.at, outcome: { status: 'failed', error, charged: true } };
    });
    const results = await this.settle(open);
    return results.map((result, i) =>
      result.applied && isOther(entries[i]) ? { applied: true, state: 'done' } : result,
    );
  }

  #result({ status, delay }) {
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
