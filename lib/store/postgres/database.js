'use strict';

const { createHash } = require('node:crypto');
const { WarmpathError, databaseError } = require('../../errors.js');
const { isPooled } = require('../../sql/session.js');
const { arrayLiteral } = require('./array-literal.js');

// SQLSTATEs that say: the same statement can succeed later. https://www.postgresql.org/docs/current/errcodes-appendix.html
const PASSING = /^(08...|57P0[1-5]|57014|53...|40001|40P01|25006|55P03|58...|26000|42P05)$/;
const READ_ONLY = '25006';

// A statement that was prepared is not there, or another one of that name is: a pooler has come between after all.
const NOT_PREPARED = /^(26000|42P05)$/;
const NOT_MIGRATED = /^(42P01|42703|42883|3F000)$/;
const REFUSED_VALUE = /^2[23][0-9A-Z]{3}$/;

/** Whether a failed statement may succeed when it is repeated; a broken connection has no SQLSTATE. */
function isPassing(err) {
  const code = err?.cause?.code;
  if (code === undefined) return err?.class === 'transient';
  return PASSING.test(code) || !/^[0-9A-Z]{5}$/.test(code);
}

/** A value the database can never take: repeating the statement cannot help. */
const isRefusedValue = (err) => REFUSED_VALUE.test(err?.cause?.code ?? '');

/**
 * Runs statements on a pool, each with a deadline of its own, and gives every failure its type. Nothing is set in a session
 * and no transaction is ever open between two statements, so that a pooler in transaction mode may hand every statement to
 * another server connection. Only where it was seen that there is none, statements are prepared under a name: that halves
 * what they cost.
 */
class Database {
  #pool;
  #timeoutMs;
  #isPg;
  // Whether statements may be prepared; null: not known yet.
  #direct;
  #looking = false;
  #names = new Map();

  /**
   * @param {object} pool pg.Pool, or anything with query(text, params)
   * @param {{ timeoutMs: number, prepare: boolean }} options timeoutMs: the default deadline; prepare: where it is safe
   */
  constructor(pool, { timeoutMs, prepare }) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
    // pg itself can end a query that hangs, and the connection with it; a look-alike only gets the two arguments.
    this.#isPg = typeof pool.connect === 'function' && typeof pool.options === 'object' && pool.options !== null;
    this.#direct = this.#isPg && prepare ? null : false;
  }

  /** Finds out whether a pooler is between, once, beside whatever else is going on. */
  look() {
    if (this.#direct !== null || this.#looking) return;
    this.#looking = true;
    this.#look().finally(() => {
      this.#looking = false;
    });
  }

  async #look() {
    try {
      const client = await this.#pool.connect();
      const pooled = await isPooled(client).finally(() => client.release());
      this.#direct = !pooled;
    } catch {
      // The database is away: the next claim looks again.
    }
  }

  /** The same text has the same name, in every process and version. */
  #nameOf(text) {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `warmpath_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
      this.#names.set(text, name);
    }
    return name;
  }

  get pool() {
    return this.#pool;
  }

  /** The pool's own settings, where it is a pg.Pool: for one more connection of the same kind. */
  get settings() {
    return this.#isPg && typeof this.#pool.Client === 'function' ? this.#pool : null;
  }

  /**
   * @param {string} what for the message: 'claiming jobs'
   * @param {string} text
   * @param {unknown[]} params
   * @param {{ timeoutMs?: number, keepAlive?: boolean, late?: (rows: object[]) => void }} [options] keepAlive: the process
   *   waits for the deadline; late: gets the rows of an answer that comes after it
   * @returns {Promise<object[]>}
   * @throws {WarmpathError} ERR_WARMPATH_DATABASE
   */
  async run(what, text, params, { timeoutMs = this.#timeoutMs, keepAlive = false, late } = {}) {
    let timer;
    let over = false;
    const passed = new Promise((_, reject) => {
      timer = setTimeout(() => {
        over = true;
        reject(
          new WarmpathError('ERR_WARMPATH_DATABASE', `${what}: no answer in ${timeoutMs} ms`, { phase: 'settle' }),
        );
      }, timeoutMs);
      if (!keepAlive) timer.unref();
    });
    const answer = this.#query(text, params, timeoutMs).then(({ rows }) => {
      if (over) late?.(rows ?? []);
      return rows ?? [];
    });
    // After the deadline nobody waits for it.
    answer.catch(() => {});
    try {
      return await Promise.race([answer, passed]);
    } catch (err) {
      throw this.#typed(what, err);
    } finally {
      clearTimeout(timer);
    }
  }

  async #query(text, params, timeoutMs) {
    if (!this.#isPg) return this.#pool.query(text, params);
    const values = params.map((param) => (Array.isArray(param) ? arrayLiteral(param) : param));
    // A little later than the deadline, so that this one speaks.
    const query_timeout = timeoutMs + 250;
    if (this.#direct !== true) return this.#pool.query({ text, values, query_timeout });
    return this.#pool.query({ name: this.#nameOf(text), text, values, query_timeout });
  }

  #typed(what, err) {
    if (err instanceof WarmpathError) return err;
    if (err?.code === READ_ONLY) this.#dropIdle();
    if (NOT_PREPARED.test(err?.code ?? '')) this.#direct = false;
    if (NOT_MIGRATED.test(err?.code ?? '')) {
      const text = `${what} failed (${err.code}): the database is not prepared for this store; run: npx warmpath migrate`;
      return new WarmpathError('ERR_WARMPATH_DATABASE', text, { cause: err, class: 'config', phase: 'settle' });
    }
    return databaseError(what, err);
  }

  /** After a failover, connections to the former primary go on answering, but take no write: they are let go. */
  #dropIdle() {
    if (!this.#isPg) return;
    for (let i = this.#pool.idleCount ?? 0; i > 0; i--) {
      this.#pool.connect().then(
        (client) => client.release(true),
        () => {},
      );
    }
  }
}

module.exports = { Database, isPassing, isRefusedValue };
