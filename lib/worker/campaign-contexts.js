'use strict';

const { WarmpathError, databaseError } = require('../errors.js');

// A hook that never answers would hold its messages for as long as this process lives: their leases are renewed.
const HOOK_MS = 30_000;

// How long messages wait when their contexts could not be had; no attempt is charged, so this alone slows the loop down.
const RETRY_MS = 5000;

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer in ${HOOK_MS} ms`)), HOOK_MS).unref();
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/**
 * What a message needs beyond its row: prompt, recipient, or a reason to leave it out. Looked up for many messages at once;
 * where that brings nothing, one by one, but never more than `window` at a time: a batch that fails must not become a
 * storm of single lookups.
 */
class Contexts {
  #batch;
  #single;
  #onError;
  #free;
  #waiting = [];

  /** @param {object} parts contexts, context: the hooks; window; onError(err) */
  constructor({ contexts, context, window, onError }) {
    this.#batch = contexts;
    this.#single = context;
    this.#free = window;
    this.#onError = onError;
  }

  /**
   * @param {object[]} claims
   * @param {(claim: object, context: object) => void} found
   * @param {(claims: object[], err: WarmpathError, how: { charged: boolean, retryAfterMs?: number }) => void} failed
   */
  async get(claims, found, failed) {
    const known = await this.#ask(claims);
    if (known.error !== undefined && this.#single === undefined) {
      failed(claims, known.error, { charged: false, retryAfterMs: RETRY_MS });
      return;
    }
    await Promise.all(
      claims.map(async (claim) => {
        try {
          const context = known.map?.get(claim.key) ?? (await this.#one(claim.job)) ?? claim.job.payload;
          if (context === null || typeof context !== 'object') throw this.#none();
          found(claim, context);
        } catch (err) {
          if (err instanceof WarmpathError && err.class === 'permanent') failed([claim], err, { charged: true });
          else failed([claim], databaseErrorOf(err), { charged: false, retryAfterMs: RETRY_MS });
        }
      }),
    );
  }

  #none() {
    const text = 'there is neither a context for this message nor a payload in its row';
    return new WarmpathError('ERR_WARMPATH_INVALID_JOB', text, { phase: 'queue' });
  }

  async #ask(claims) {
    if (this.#batch === undefined) return {};
    try {
      const map = await within('contexts', Promise.resolve(this.#batch(claims.map(({ job }) => job))));
      if (!(map instanceof Map)) throw new TypeError('the hook contexts must give a Map, by messageId');
      return { map };
    } catch (err) {
      const error = databaseErrorOf(err);
      this.#onError(error);
      return { error };
    }
  }

  async #one(job) {
    if (this.#single === undefined) return null;
    if (this.#free === 0) await new Promise((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await within('context', Promise.resolve(this.#single(job)));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

const databaseErrorOf = (err) => (err instanceof WarmpathError ? err : databaseError('looking up contexts', err));

module.exports = { Contexts };
