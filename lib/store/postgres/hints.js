'use strict';

const { CHANNEL } = require('./listener.js');

const QUIET_MS = 100;

/**
 * What instances tell each other over NOTIFY: `<id> <kind> <queue>`, kinds `work`, `free` (a bot has no owner now) and `join`.
 *
 * At most ten a second from one process: a commit with a NOTIFY waits for all others that have one, so a hint per job
 * would put the whole database in single file. The last one of a burst is sent after the pause.
 */
class Hints {
  #database;
  #queue;
  #id;
  #enabled;
  #lastAt = Number.NEGATIVE_INFINITY;
  #timer = null;

  constructor({ database, queue, id, enabled }) {
    this.#database = database;
    this.#queue = queue;
    this.#id = id;
    this.#enabled = enabled;
  }

  /** @returns {string | null} null: hints are switched off */
  payload(kind) {
    return this.#enabled ? `${this.#id} ${kind} ${this.#queue}` : null;
  }

  /** The payload of a hint that may go with the statement at hand; null: none, or later by itself. */
  work() {
    if (!this.#enabled) return null;
    const waitMs = this.#lastAt + QUIET_MS - performance.now();
    if (waitMs <= 0) {
      this.#lastAt = performance.now();
      return this.payload('work');
    }
    this.#timer ??= setTimeout(() => this.#late(), waitMs).unref();
    return null;
  }

  #late() {
    this.#timer = null;
    this.#lastAt = performance.now();
    const params = [CHANNEL, this.payload('work')];
    // Only a hint: who is not told now finds the job by polling.
    this.#database.run('telling others', 'SELECT pg_notify($1, $2)', params).catch(() => {});
  }

  /** @returns {string | null} the kind of a hint that another instance of this queue gave; anybody may write to the channel */
  read(payload) {
    const [, id, kind, queue] = /^(\S+) (\S+) (.*)$/s.exec(payload ?? '') ?? [];
    return id === undefined || id === this.#id || queue !== this.#queue ? null : kind;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

module.exports = { Hints };
