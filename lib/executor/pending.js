'use strict';

/**
 * Keys of accepted jobs whose outcome is not delivered yet. A key can be there more than once: its first job settled natively, the
 * second accepted, and the first outcome still waiting for the event loop. Rare as that is, it has a table of its own: each look
 * into the large one is a miss of the processor's cache, and so there is one a job on either way.
 */
class Pending {
  #keys = new Set();
  // How many more there are of a key.
  #more = new Map();

  /** How many different keys. */
  get size() {
    return this.#keys.size;
  }

  /** How many jobs of this key. */
  count(key) {
    return this.#keys.has(key) ? 1 + (this.#more.get(key) ?? 0) : 0;
  }

  add(key) {
    const { size } = this.#keys;
    if (this.#keys.add(key).size === size) this.#more.set(key, (this.#more.get(key) ?? 0) + 1);
  }

  /** One job of this key is over. */
  remove(key) {
    const more = this.#more.size === 0 ? 0 : (this.#more.get(key) ?? 0);
    if (more === 0) this.#keys.delete(key);
    else if (more === 1) this.#more.delete(key);
    else this.#more.set(key, more - 1);
  }
}

module.exports = { Pending };
