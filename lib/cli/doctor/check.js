'use strict';

/**
 * The findings of a doctor: what was looked at, how it is, and what to do about it.
 *
 * A finding is `{ check, status: 'ok' | 'warn' | 'fail' | 'skip', message, fix? }`.
 */
class Findings {
  #list = [];
  #onFinding;

  /** @param {(finding: object) => void} onFinding called as each is made */
  constructor(onFinding) {
    this.#onFinding = onFinding;
  }

  #add(check, status, message, fix) {
    const finding = { check, status, message, ...(fix !== undefined && { fix }) };
    this.#list.push(finding);
    this.#onFinding(finding);
  }

  ok(check, message) {
    this.#add(check, 'ok', message);
  }

  warn(check, message, fix) {
    this.#add(check, 'warn', message, fix);
  }

  fail(check, message, fix) {
    this.#add(check, 'fail', message, fix);
  }

  skip(check, message, fix) {
    this.#add(check, 'skip', message, fix);
  }

  get list() {
    return this.#list;
  }

  has(status) {
    return this.#list.some((finding) => finding.status === status);
  }
}

module.exports = { Findings };
