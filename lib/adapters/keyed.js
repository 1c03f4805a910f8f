'use strict';

const { createHmac, createSecretKey, hash, randomBytes } = require('node:crypto');

// One per process, so that a digest kept to recognise a secret means nothing outside of it.
const SALT = randomBytes(32).toString('base64');

/**
 * One secret, and the signing key last derived from it. The only place where the adapters meet the keyed part of a
 * signature: they write the canonical request themselves, because each peer has its own rules for that text.
 *
 * The secret lives in memory outside of the JavaScript heap; nothing of it is in a property, in inspect output or in
 * an error.
 */
class Keyed {
  #secret;
  #mark;
  #day = null;
  #region;
  #service;
  #key;

  /** @param {string} secret not empty, any length */
  constructor(secret) {
    this.#secret = createSecretKey(`AWS4${secret}`, 'utf8');
    this.#mark = hash('sha256', SALT + secret, 'base64');
  }

  /** Whether this is the secret it was made of. */
  matches(secret) {
    return typeof secret === 'string' && hash('sha256', SALT + secret, 'base64') === this.#mark;
  }

  /**
   * @param {string} amzDate `yyyymmddThhmmssZ`
   * @param {string} canonicalRequest the whole text, payload hash included
   * @returns {string} 64 hex characters
   */
  signRequest(amzDate, region, service, canonicalRequest) {
    const day = amzDate.slice(0, 8);
    const digest = hash('sha256', canonicalRequest, 'hex');
    return this.signText(
      day,
      region,
      service,
      `AWS4-HMAC-SHA256\n${amzDate}\n${day}/${region}/${service}/aws4_request\n${digest}`,
    );
  }

  /** The text (or bytes), signed with the key of that day, region and service, as 64 hex characters. */
  signText(day, region, service, text) {
    if (day !== this.#day || region !== this.#region || service !== this.#service) {
      this.#key = this.#derive(day, region, service);
      this.#day = day;
      this.#region = region;
      this.#service = service;
    }
    return createHmac('sha256', this.#key).update(text).digest('hex');
  }

  #derive(...scope) {
    let key = this.#secret;
    for (const part of [...scope, 'aws4_request']) {
      const bytes = createHmac('sha256', key).update(part).digest();
      key = createSecretKey(bytes);
      bytes.fill(0);
    }
    return key;
  }
}

module.exports = { Keyed };
