'use strict';

// A heartbeat that failed is not late yet: a database that comes back soon must hear the next one before leases run out.
const RETRIES_PER_LEASE = 30;
const RETRY_MAX_MS = 1000;

/**
 * Renews leases at a third of their time: first in the store, then (only where the store agreed) in the executor, which
 * stops a job by itself when its lease is not renewed. A lease that the store calls lost ends the job here. One that fails
 * is repeated every second (with a short lease, more often) until the store answers.
 */
class Heartbeat {
  #parts;
  #timer = null;
  #retry = null;
  #beating = false;
  #stopped = true;
  #awaited = false;

  /** @param {object} parts store; executor; inflight; outbox; leaseMs; onError(err); onRenewed(): see lapsed() */
  constructor(parts) {
    this.#parts = parts;
  }

  start() {
    this.#stopped = false;
    this.#timer = setInterval(() => this.beat(), this.#parts.leaseMs / 3).unref();
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
  }

  #soon() {
    if (this.#stopped) return;
    clearTimeout(this.#retry);
    const waitMs = Math.min(this.#parts.leaseMs / RETRIES_PER_LEASE, RETRY_MAX_MS);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.beat();
    }, waitMs).unref();
  }

  /**
   * Whether a lease has run out here that may still be this worker's own: the database was away, or the process stood still. A
   * claim would take those rows once more, beside a job that has just ended, or a result on its way. So they are renewed first;
   * `onRenewed` says when that is done.
   */
  lapsed() {
    const { inflight, outbox } = this.#parts;
    const now = performance.now();
    const isOver = ({ leaseEnd, lost }) => leaseEnd <= now && lost !== true;
    if (!inflight.values().some(isOver) && !outbox.claims().some(isOver)) return false;
    this.#awaited = true;
    if (this.#retry === null) this.beat();
    return true;
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
      this.#soon();
    } finally {
      this.#beating = false;
    }
    if (this.#retry === null && this.#awaited) {
      this.#awaited = false;
      this.#parts.onRenewed();
    }
  }

  #apply(claims, kept, leaseEnd) {
    const { inflight, executor } = this.#parts;
    const renewed = [];
    claims.forEach((claim, i) => {
      if (kept[i]) {
        claim.leaseEnd = leaseEnd;
        if (claim.submitted && inflight.has(claim)) renewed.push(claim.handle);
        return;
      }
      claim.lost = true;
      if (claim.submitted) {
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
