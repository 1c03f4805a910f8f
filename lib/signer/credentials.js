'use strict';

const { WarmpathError } = require('../errors.js');
const { credentials, providedCredentials, invalidOption } = require('../options/signer.js');

/** How long before their end credentials are renewed, ms; a quarter of their life where that is shorter. */
const RENEW_BEFORE_MS = 300_000;

/** The wait after a failed renewal, ms: doubled with each failure. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/**
 * Where a signer's credentials come from: given once, or by a provider that is asked again before they expire. There is
 * no timer: use is what starts a renewal, so a signer that nobody uses does nothing and keeps no process alive.
 *
 * It holds no credentials itself: they go straight through `adopt` to native memory.
 */
class CredentialSource {
  /** Nothing needs to be done before this time (ms); Infinity: ever. */
  dueAt = Number.NEGATIVE_INFINITY;
  #expiresAt = Number.NEGATIVE_INFINITY;
  #retryAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #cause;
  #pending = null;
  #generation = 0;
  #provider;
  #adopt;
  #now;

  /**
   * @param {object | (() => object | Promise<object>)} given
   * @param {(credentials: object) => void} adopt takes them into use
   * @param {() => number} now
   */
  constructor(given, adopt, now) {
    this.#adopt = adopt;
    this.#now = now;
    this.#provider = typeof given === 'function' ? given : null;
    if (this.#provider === null) this.#take(given);
  }

  /** Puts these in the place of the present ones, and of those that a provider is about to give. */
  set(given) {
    const checked = credentials(given, 'credentials', invalidOption);
    this.#generation++;
    this.#pending = null;
    this.#take(checked);
  }

  /**
   * Called before a signature when `dueAt` has come: starts a renewal, and throws when nothing valid is at hand.
   *
   * @throws {WarmpathError} ERR_WARMPATH_CREDENTIALS_NOT_READY
   */
  use() {
    const now = this.#now();
    if (now < this.dueAt) return;
    if (this.#provider !== null && this.#pending === null && now >= this.#retryAt) this.#renew();
    if (this.#now() >= this.#expiresAt) throw this.#notReady();
  }

  /** Resolves when a signature can be made. */
  async ready() {
    if (this.#now() < this.#expiresAt) {
      if (this.dueAt !== Number.POSITIVE_INFINITY) this.use();
      return;
    }
    if (this.#provider !== null) await (this.#pending ?? this.#renew());
    if (this.#now() >= this.#expiresAt) throw this.#notReady();
  }

  /** Asks the provider, once at a time. Never rejects: what failed is told to those who need the credentials. */
  #renew() {
    const generation = this.#generation;
    const current = () => generation === this.#generation;
    const arrived = (value) => {
      if (!current()) return;
      this.#pending = null;
      this.#take(providedCredentials(value, 'credentials', invalidOption));
    };
    const failed = (cause) => {
      if (!current()) return;
      this.#pending = null;
      this.#cause = cause;
      this.#retryAt = this.#now() + Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#failures);
      this.#failures = Math.min(this.#failures + 1, 16);
    };
    let answer;
    try {
      answer = this.#provider();
      if (typeof answer?.then !== 'function') {
        arrived(answer);
        return null;
      }
    } catch (err) {
      failed(err);
      return null;
    }
    // Catches what `arrived` throws as well.
    this.#pending = Promise.resolve(answer).then(arrived).catch(failed);
    return this.#pending;
  }

  #take({ expiration, ...parts }) {
    this.#adopt(parts);
    const now = this.#now();
    this.#cause = undefined;
    this.#failures = 0;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#expiresAt = expiration ?? Number.POSITIVE_INFINITY;
    const life = this.#expiresAt - now;
    this.dueAt =
      this.#provider === null || life === Number.POSITIVE_INFINITY
        ? this.#expiresAt
        : this.#expiresAt - Math.min(RENEW_BEFORE_MS, life / 4);
  }

  #notReady() {
    const expired = this.#expiresAt !== Number.NEGATIVE_INFINITY;
    let why = 'none have been given yet: await signer.ready()';
    if (expired) why = 'they have expired';
    if (this.#cause !== undefined) why = `${expired ? 'they have expired, and ' : ''}the provider failed`;
    return new WarmpathError('ERR_WARMPATH_CREDENTIALS_NOT_READY', `no valid credentials: ${why}`, {
      cause: this.#cause,
    });
  }
}

module.exports = { CredentialSource };
