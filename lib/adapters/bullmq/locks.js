'use strict';

/**
 * The locks of the jobs that run here, tied to the executor's leases: a lock that was renewed in Redis renews the lease, a
 * lock that was lost ends the job, and a process whose event loop stands still (so that nobody renews anything) has its
 * jobs ended natively before their locks can fall to another worker. BullMQ's own renewal goes on beside this one.
 */
class Locks {
  #executor;
  #lockMs;
  #held = new Set();
  #timer = null;
  #fenced;

  /** @param {object} executor with extend(), or without: then a lost lock still ends its job, by its signal */
  constructor(executor, lockMs) {
    this.#executor = executor;
    this.#lockMs = lockMs;
    this.#fenced = typeof executor.extend === 'function';
  }

  /**
   * @param {object} job BullMQ's
   * @returns {{ signal: AbortSignal, lost: boolean, lease: () => { leaseMs?: number }, release: () => void }} signal fires
   *   with that of BullMQ, and when the lock is lost
   */
  hold(job, token, key, signal) {
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    const held = {
      signal: controller.signal,
      lost: false,
      // BullMQ took this time just before it asked for the lock. A system clock that jumped must not make it longer.
      endsAt: performance.now() + this.#lockMs - Math.max(0, Date.now() - (job.processedOn ?? Date.now())),
      lease: () => (this.#fenced ? { leaseMs: Math.max(1, Math.floor(held.endsAt - performance.now())) } : {}),
      release: () => {
        signal?.removeEventListener('abort', abort);
        this.#release(held);
      },
      renew: () => job.extendLock(token, this.#lockMs),
      abort: () => controller.abort(),
      key,
      renewing: false,
    };
    this.#held.add(held);
    this.#timer ??= setInterval(() => this.#renewAll(), this.#lockMs / 3);
    return held;
  }

  #release(held) {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #renewAll() {
    for (const held of this.#held) if (!held.renewing) this.#renew(held);
  }

  async #renew(held) {
    held.renewing = true;
    const startedAt = performance.now();
    try {
      if (await held.renew()) this.#renewed(held, startedAt);
      else this.#lose(held);
    } catch {
      // Redis is away, and so is everybody who could take the lock from it: the lease decides how long that may last.
    } finally {
      held.renewing = false;
    }
  }

  #renewed(held, startedAt) {
    held.endsAt = startedAt + this.#lockMs;
    const leftMs = Math.floor(held.endsAt - performance.now());
    if (this.#fenced && leftMs > 0 && this.#held.has(held)) this.#executor.extend([held.key], leftMs);
  }

  #lose(held) {
    if (!this.#held.has(held)) return;
    held.lost = true;
    held.abort();
  }
}

module.exports = { Locks };
