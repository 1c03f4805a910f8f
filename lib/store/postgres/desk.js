'use strict';

const { jobKey } = require('../../key.js');
const { KINDS } = require('../../options/fields.js');
const { fateOf } = require('../seen.js');
const { jobsOf } = require('./rows.js');
const {
  BY_COLUMNS,
  BY_KEY,
  laterSql,
  pageSql,
  findSql,
  cancelSql,
  retrySql,
  retryFailedSql,
  purgeSql,
} = require('./sql-desk.js');

// Rows of one statement, so that no click locks a table for long.
const PURGE_BATCH = 5000;

const CANCELLED = 'ERR_WARMPATH_CANCELLED: cancelled by an operator';

const OWN_KEY = new RegExp(`^(${KINDS.join('|')}):([0-9a-f]{64}):(.+)$`, 's');

/** What an operator may do with the jobs of a PostgresStore; see contract.js, "desk". */
class Desk {
  #database;
  #sql;

  /** @param {{ database: object, names: object }} parts */
  constructor({ database, names }) {
    this.#database = database;
    this.#sql = {
      page: pageSql(names),
      later: laterSql(names),
      find: both(names, findSql),
      cancel: both(names, cancelSql),
      retry: both(names, retrySql),
      retryFailed: retryFailedSql(names),
      purge: purgeSql(names),
    };
  }

  async page({ state, search, limit, after }) {
    const params = [...(Array.isArray(after) ? after : [null, null, null]), state ?? null, search ?? null, limit + 1];
    const rows = await this.#database.run('listing jobs', this.#sql.page, params);
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : null;
    return { rows: shown.map(rowOf), next: last && [last.bot_slug, last.sha256, last.kind] };
  }

  async later({ most }) {
    const rows = await this.#database.run('looking at what waits', this.#sql.later, [most]);
    return rows.map(({ bot, code, count, next, last }) => ({
      ...{ botSlug: bot, code: code ?? undefined, count },
      ...{ nextAtMs: Math.round(next), lastAtMs: Math.round(last) },
    }));
  }

  async find(keys) {
    const rows = await this.#each('finding jobs', this.#sql.find, keys);
    return rows.map((row) => (row === undefined || row.state === null ? undefined : rowOf(row)));
  }

  async cancel(keys) {
    const rows = await this.#each('cancelling jobs', this.#sql.cancel, keys, [CANCELLED]);
    return rows.map((row) => (row === undefined ? null : (jobsOf([{ ...row, media: null }])[0] ?? identityOf(row))));
  }

  async retry(keys) {
    const rows = await this.#each('retrying jobs', this.#sql.retry, keys);
    return rows.map((row) => row !== undefined);
  }

  /** The row of the answer that belongs to each key. */
  async #each(what, { byColumns, byKey }, keys, more = []) {
    const parts = keys.map((key, place) => ({ place, key, columns: OWN_KEY.exec(key)?.slice(1) }));
    const answers = new Array(keys.length).fill(undefined);
    const ask = async (text, chosen, columns) => {
      if (chosen.length === 0) return;
      const rows = await this.#database.run(what, text, [...columns, ...more]);
      for (const row of rows) answers[chosen[row.n - 1].place] = row;
    };
    const own = parts.filter(({ columns }) => columns !== undefined);
    const given = parts.filter(({ columns }) => columns === undefined);
    const column = (i) => own.map(({ columns }) => plain(columns[i]));
    await ask(byColumns, own, [column(2), column(1), column(0)]);
    await ask(byKey, given, [given.map(({ key }) => plain(key))]);
    return answers;
  }

  async retryFailed({ limit }) {
    const [{ count }] = await this.#database.run('retrying failed jobs', this.#sql.retryFailed, [limit]);
    return count;
  }

  async purge({ state }) {
    let total = 0;
    for (;;) {
      const [{ count }] = await this.#database.run('purging jobs', this.#sql.purge, [state, PURGE_BATCH]);
      total += count;
      if (count < PURGE_BATCH) return total;
    }
  }
}

const identityOf = ({ bot_slug: botSlug, sha256, kind }) => ({ botSlug, sha256, kind });

/** Postgres text cannot hold NUL: no row has such a key. */
const plain = (text) => text.replaceAll('\0', '\u{fffd}');

const both = (names, make) => ({ byColumns: make(names, BY_COLUMNS), byKey: make(names, BY_KEY) });

function rowOf(row) {
  const identity = identityOf(row);
  const job = { ...row.job, ...identity, ...(row.priority !== 0 && { priority: row.priority }) };
  return { key: typeof row.job?.key === 'string' ? row.job.key : jobKey(identity), job, ...fateOf(row) };
}

module.exports = { Desk };
