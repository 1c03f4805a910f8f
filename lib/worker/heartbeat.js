'use strict';

/**
 * Renews leases at a third of their time: first in the store, then (only where the store agreed) in the executor, which
 * stops a job by itself when its lease is not renewed. A lease that the store calls lost ends the job here.
 */
class Heartbeat {
  #parts;
  #timer = null;
  #beating = false;

  /** @param {object} parts store; executor; inflight; outbox; leaseMs; onError(err) */
  constructor(parts) {
    this.#parts = parts;
  }

  start() {
    this.#timer = setInterval(() => this.beat(), this.#parts.leaseMs / 3).unref();
  }

  stop() {
    clearInterval(this.#timer);
  }

  async beat() {
    const { store, inflight, outbox, leaseMs, onError } = this.#parts;
    const claims = [...inflight.values(), ...outbox.claims()];
    if (claims.length === 0 || this.#beating) return;
    this.#beating = true;
    const startedAt = performance.now();
    try {
      const kept = await store.extend(
        claims.map(({ key, fence }) => ({ key, fence })),
        leaseMs,
      );
      this.#apply(claims, kept, startedAt + leaseMs);
      outbox.hurry();
    } catch (err) {
      onError(err);
    } finally {
      this.#beating = false;
    }
  }

  #apply(claims, kept, leaseEnd) {
    const { inflight, executor } = this.#parts;
    const renewed = [];
    claims.forEach((claim, i) => {
      if (kept[i]) {
        claim.leaseEnd = leaseEnd;
        if (claim.submitted && inflight.has(claim)) renewed.push(claim.handle);
      } else if (claim.submitted) {
        executor.cancel(claim.handle);
      } else {
        inflight.take(claim.handle);
      }
    });
    const leftMs = Math.floor(leaseEnd - performance.now());
    if (leftMs > 0) executor.extend(renewed, leftMs);
  }
}

module.exports = { Heartbeat };
