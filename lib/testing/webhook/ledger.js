'use strict';

const { createHash } = require('node:crypto');

/**
 * What a receiver knows of every idempotency key: with which body it came, when, and when it was accepted. The judge of a
 * sender: a key that comes with another body is on record, whatever was answered.
 */
class Ledger {
  #deliveries = new Map();
  #violations = [];

  /** @param {{ keepTexts: boolean, textOf: (body: unknown) => string | undefined }} options */
  constructor({ keepTexts, textOf }) {
    this.keepTexts = keepTexts;
    this.textOf = textOf;
  }

  /** @returns {{ delivery: object, known: 'new' | 'same' | 'other' }} `other`: the key is known with another body */
  see(key, bytes, body, at) {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const before = this.#deliveries.get(key);
    if (before !== undefined) {
      before.times.push(at);
      const known = before.sha256 === hash ? 'same' : 'other';
      if (known === 'other') this.violate('other-body', key, at);
      return { delivery: before, known };
    }
    const text = this.textOf(body);
    const delivery = {
      key,
      sha256: hash,
      ...(this.keepTexts && { text, body }),
      times: [at],
      acceptedAt: null,
    };
    this.#deliveries.set(key, delivery);
    return { delivery, known: 'new' };
  }

  violate(kind, key, at) {
    this.#violations.push({ kind, key, at });
  }

  get deliveries() {
    return [...this.#deliveries.values()];
  }

  get violations() {
    return [...this.#violations];
  }

  get(key) {
    return this.#deliveries.get(key);
  }

  clear() {
    this.#deliveries.clear();
    this.#violations.length = 0;
  }
}

module.exports = { Ledger };
