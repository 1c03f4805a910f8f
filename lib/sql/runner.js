'use strict';

const { WarmpathError } = require('../errors.js');
const { quote } = require('./names.js');
const { patiently } = require('./session.js');

/**
 * Runs migrations on one connection, every statement by itself: CREATE INDEX CONCURRENTLY cannot be part of a transaction,
 * and a text of several statements is one. What was interrupted is simply run again, so every statement can be.
 */
class Runner {
  #client;
  #context;
  #log;
  #dryRun;
  #written = [];

  /** @param {object} parts client; context: { names, bots, tokenColumn }; log(sql); dryRun */
  constructor({ client, context, log, dryRun }) {
    this.#client = client;
    this.#context = context;
    this.#log = log;
    this.#dryRun = dryRun;
  }

  /** The statements that were run, or would have been. */
  get statements() {
    return this.#written;
  }

  async #do(sql) {
    this.#written.push(sql);
    this.#log(sql);
    if (this.#dryRun) return null;
    return patiently(this.#client, sql);
  }

  /** @returns {Promise<Set<number>>} the ids of what this database has already */
  async applied() {
    const { journal, queue } = this.#context.names;
    const { rows } = await this.#client.query('SELECT to_regclass($1) IS NOT NULL AS there', [journal]);
    if (!rows[0].there) return new Set();
    const found = await this.#client.query(`SELECT id FROM ${journal} WHERE queue = $1`, [queue]);
    return new Set(found.rows.map(({ id }) => id));
  }

  /** @returns {Promise<string[]>} the names of the migrations that were applied now */
  async up(migrations) {
    const done = await this.applied();
    const names = [];
    for (const migration of migrations) {
      const statements = migration.up(this.#context);
      if (done.has(migration.id)) {
        // An index can be lost after it was built; looking costs nothing.
        for (const one of statements.filter(({ index }) => index !== undefined)) await this.#index(one);
        continue;
      }
      for (const one of statements) await this.#statement(one);
      await this.#record(migration);
      names.push(migration.name);
    }
    return names;
  }

  /** @returns {Promise<string[]>} the names of the migrations that were taken back */
  async down(migrations) {
    const done = await this.applied();
    const { journal, queue } = this.#context.names;
    const names = [];
    for (const migration of migrations.toReversed()) {
      if (!done.has(migration.id)) continue;
      for (const sql of migration.down(this.#context)) await this.#do(sql);
      await this.#do(`DELETE FROM ${journal} WHERE queue = ${literal(queue)} AND id = ${migration.id}`);
      names.push(migration.name);
    }
    return names;
  }

  async #statement(one) {
    if (typeof one === 'string') return this.#do(one);
    if (one.index !== undefined) return this.#index(one);
    if (this.#dryRun) return this.#do(`${one.sql}\n-- again, until it changes no row`);
    while ((await this.#do(one.sql)).rowCount > 0);
  }

  /** null: there is none; else whether its build came to its end. */
  async #indexState({ index, schema }) {
    const { rows } = await this.#client.query(
      'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
      [`${schema}${quote(index)}`],
    );
    return rows[0]?.valid ?? null;
  }

  /** A build that was cancelled leaves an invalid index behind, and `IF NOT EXISTS` would take it for the real one. */
  async #index(one) {
    const { index, schema, sql, repairOnly } = one;
    const name = `${schema}${quote(index)}`;
    const valid = await this.#indexState(one);
    if (valid === true || (valid === null && repairOnly)) return;
    if (repairOnly) {
      await this.#do(`REINDEX INDEX CONCURRENTLY ${name}`);
    } else {
      if (valid === false) await this.#do(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
      await this.#do(sql);
    }
    if (!this.#dryRun && (await this.#indexState(one)) !== true) {
      throw new WarmpathError('ERR_WARMPATH_DATABASE', `the index ${index} was built, but is not valid; migrate again`);
    }
  }

  async #record({ id, name }) {
    const { journal, queue } = this.#context.names;
    if (!this.#journalThere) {
      await this.#do(`CREATE TABLE IF NOT EXISTS ${journal} (
  queue text NOT NULL,
  id int NOT NULL,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (queue, id)
)`);
      this.#journalThere = true;
    }
    await this.#do(
      `INSERT INTO ${journal} (queue, id, name) VALUES (${literal(queue)}, ${id}, ${literal(name)}) ON CONFLICT DO NOTHING`,
    );
  }

  #journalThere = false;
}

/** As an SQL string constant; for text that is printed too, where a parameter would not say what is run. */
function literal(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

module.exports = { Runner };
