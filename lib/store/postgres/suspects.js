'use strict';

/** How long a suspect waits for its turn; it is told nothing when the one before it ends. */
const TURN_MS = 1000;

/** How often a claim of a job may end without a word before that is held against it. */
const CHANCE = 2;

/**
 * A job that was lost more than once runs as the only one of its kind in its process. What ends a process takes all its claims
 * along, and the next claim brings the same jobs together again: without this, the innocent would be put aside with the
 * guilty.
 */
class Suspects {
  #held;
  #from;
  #postpone;
  #running = null;

  /**
   * @param {object} parts held; maxLostLeases; postpone(claims, ms): gives claims back for later, uncharged, and with what they
   *   have lost until now
   */
  constructor({ held, maxLostLeases, postpone }) {
    this.#held = held;
    // Who is put aside at the first or second loss has its last run alone.
    this.#from = Math.max(1, Math.min(CHANCE, maxLostLeases - 1));
    this.#postpone = postpone;
  }

  /** The claims that may be run now; the others are given back before any of these can do harm. */
  async sift(claims) {
    const suspects = claims.filter(({ lostLeases, error }) => error === undefined && lostLeases >= this.#from);
    if (suspects.length === 0) return claims;
    const [next] = this.#isBusy() ? [] : suspects;
    const later = new Set(suspects.filter((claim) => claim !== next));
    if (later.size > 0) await this.#postpone([...later], TURN_MS);
    if (next !== undefined) this.#running = next;
    return claims.filter((claim) => !later.has(claim));
  }

  #isBusy() {
    return this.#running !== null && this.#held.holds(this.#running);
  }
}

module.exports = { Suspects };
