'use strict';

const FALLBACK_MAX_MS = 30_000;

// Many processes that poll should not do it in step.
const JITTER = 0.1;

/**
 * Claims work whenever there may be some: woken by an enqueue, by a settled job, and by the time of the next due job.
 * The poll is only a fallback for a store that cannot tell, and one that finds nothing again and again gets rarer, up to
 * 30 s. One claim is in flight at a time; nothing here keeps the process alive.
 */
class ClaimLoop {
  #store;
  #room;
  #isHeld;
  #take;
  #onError;
  #options;
  #timer = null;
  #running = null;
  #again = false;
  #stopped = true;
  #failures = 0;
  #idlePolls = 0;
  #unsubscribe = () => {};

  /**
   * @param {object} parts store; room(): how many jobs may be claimed now; isHeld(): whether none is to begin; take(claims, claimedAt); onError(err);
   *   options: { leaseMs, pollMs, owner }
   */
  constructor({ store, room, isHeld, take, onError, options }) {
    this.#store = store;
    this.#room = room;
    this.#isHeld = isHeld;
    this.#take = take;
    this.#onError = onError;
    this.#options = options;
  }

  start() {
    this.#stopped = false;
    this.#idlePolls = 0;
    this.#unsubscribe = this.#store.onWork(() => this.wake());
    this.wake();
  }

  wake() {
    this.#idlePolls = 0;
    this.#look();
  }

  #look() {
    if (this.#stopped) return;
    if (this.#running !== null) this.#again = true;
    else this.#running = this.#run();
  }

  /** Claims nothing from now on; resolves when a claim in flight has been taken or handed back. */
  async stop() {
    this.#stopped = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run() {
    // Lets several wake-ups of one turn (a batch of enqueues, a batch of outcomes) become one claim.
    await null;
    clearTimeout(this.#timer);
    let waitMs;
    try {
      do {
        this.#again = false;
        await this.#claimAll();
      } while (this.#again && !this.#stopped);
      this.#failures = 0;
      const dueMs = this.#room() > 0 ? await this.#store.nextDueMs() : null;
      waitMs = this.#pollMs();
      // 5 ms: a due job that the claim did not get is somebody else's; asking again at once would be a busy loop.
      if (dueMs !== null) waitMs = Math.min(waitMs, Math.max(dueMs, 5));
    } catch (err) {
      waitMs = Math.min(Math.max(this.#options.pollMs, 1000) * 2 ** this.#failures++, FALLBACK_MAX_MS);
      this.#onError(err);
    }
    this.#running = null;
    if (this.#stopped) return;
    if (this.#again) this.#look();
    else this.#timer = setTimeout(() => this.#look(), waitMs).unref();
  }

  #pollMs() {
    const { pollMs } = this.#options;
    const waitMs = Math.min(pollMs * 2 ** this.#idlePolls++, Math.max(FALLBACK_MAX_MS, pollMs));
    return waitMs * (1 - JITTER + 2 * JITTER * Math.random());
  }

  async #claimAll() {
    for (;;) {
      const limit = this.#room();
      if (limit <= 0 || this.#stopped) return;
      const { leaseMs, owner } = this.#options;
      const claimedAt = performance.now();
      const claims = await this.#store.claim({ limit, leaseMs, owner });
      if (claims.length === 0) return;
      // A claim was on its way when the worker was held.
      if (this.#stopped || this.#isHeld()) {
        await this.#store.release(claims.map(({ key, fence }) => ({ key, fence })));
        return;
      }
      this.#idlePolls = 0;
      this.#take(claims, claimedAt);
    }
  }
}

module.exports = { ClaimLoop };
