'use strict';

/**
 * The jobs between claim and outcome, by the key they have in the executor. That key names the claim, not only the job:
 * an outcome that arrives late, after the job was claimed anew, can so never be taken for the outcome of the new claim.
 */
class Inflight {
  #claims = new Map();

  get size() {
    return this.#claims.size;
  }

  /** @returns {object} the claim, with `handle`, `leaseEnd` (monotonic ms) and `submitted` */
  add(claim, leaseEnd) {
    const handle = `${claim.key}#${claim.fence}`;
    const entry = { waitedMs: 0, ...claim, handle, leaseEnd, submitted: false };
    this.#claims.set(handle, entry);
    return entry;
  }

  has(claim) {
    return this.#claims.has(claim.handle);
  }

  /** Takes a claim out; null when it is not here (any more). */
  take(handle) {
    const claim = this.#claims.get(handle) ?? null;
    this.#claims.delete(handle);
    return claim;
  }

  values() {
    return [...this.#claims.values()];
  }

  /** Takes out every claim that the executor has not seen. */
  takeUnsubmitted() {
    const claims = this.values().filter((claim) => !claim.submitted);
    for (const claim of claims) this.#claims.delete(claim.handle);
    return claims;
  }
}

module.exports = { Inflight };
