'use strict';

const { KINDS } = require('../../options/fields.js');

/**
 * The claims this store has handed out and not seen again, and how many of them each bot has. A claim is named by key and
 * fence in the contract, by its key columns in the table.
 */
class Held {
  #claims = new Map();
  #lanes = new Map();

  static #handle({ key, fence }) {
    return `${key}#${fence}`;
  }

  add({ key, fence }, identity) {
    this.#claims.set(Held.#handle({ key, fence }), { ...identity, fence });
    this.#lanes.set(identity.botSlug, (this.#lanes.get(identity.botSlug) ?? 0) + 1);
  }

  /** @returns {{ botSlug: string, sha256: string, kind: string, fence: number } | null} null: never seen, and not to be read */
  find(lease) {
    return this.#claims.get(Held.#handle(lease)) ?? parse(lease);
  }

  /** Whether this store has handed that claim out, and not seen its end. */
  holds(lease) {
    return this.#claims.has(Held.#handle(lease));
  }

  remove(lease) {
    const handle = Held.#handle(lease);
    const claim = this.#claims.get(handle);
    if (claim === undefined) return;
    this.#claims.delete(handle);
    const left = this.#lanes.get(claim.botSlug) - 1;
    if (left === 0) this.#lanes.delete(claim.botSlug);
    else this.#lanes.set(claim.botSlug, left);
  }

  all() {
    return [...this.#claims.values()];
  }

  /** The bots in which something is claimed. */
  lanes() {
    return [...this.#lanes.keys()];
  }

  has(lane) {
    return this.#lanes.has(lane);
  }
}

/** The key that jobKey() makes says everything: a claim of an earlier life of this process can be settled, too. */
function parse({ key, fence }) {
  const [kind, sha256, ...slug] = String(key).split(':');
  if (!KINDS.includes(kind) || slug.length === 0) return null;
  return { kind, sha256, botSlug: slug.join(':'), fence };
}

module.exports = { Held };
