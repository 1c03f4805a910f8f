'use strict';

const { bucket: checkBucket } = require('../options/signer.js');

const PLAIN = /^[A-Za-z0-9\-._~/]*$/;

/** RFC 3986: everything but letters, digits and `-._~` is escaped, in upper-case hex. */
function escapeStrict(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** An object key as it goes over the wire: slashes stay, a `+` becomes `%2B`. */
function encodeKey(key) {
  return PLAIN.test(key) ? key : escapeStrict(key).replaceAll('%2F', '/');
}

/** URLs of buckets and keys under one endpoint, so that nobody has to build them by hand. */
class Address {
  #scheme;
  #host;
  #path;
  #bucket;
  #virtualHost;
  #name = '';
  #base = null;

  constructor({ scheme, host, path, bucket, virtualHost }) {
    this.#scheme = scheme;
    this.#host = host;
    this.#path = path;
    this.#bucket = bucket;
    this.#virtualHost = virtualHost;
  }

  /**
   * The URL of a key, or of the bucket when there is no key.
   *
   * @param {string | undefined} bucket default: the signer's
   * @param {string | undefined} key
   * @param {Record<string, string | number | boolean | undefined> | undefined} query
   * @param {(field: string, text: string) => never} fail
   * @returns {{ url: string, host: string }}
   */
  of(bucket, key, query, fail) {
    const name = bucket ?? this.#bucket;
    if (name === undefined) return fail('bucket', 'is required: neither the request nor the signer names one');
    const base = this.#at(name, fail);
    let url = key === undefined ? base.bucket : base.prefix + this.#key(key, fail);
    if (query !== undefined) url += this.#query(query, fail);
    return { url, host: base.host };
  }

  #at(name, fail) {
    if (name !== this.#name) {
      checkBucket(name, 'bucket', fail);
      const host = this.#virtualHost ? `${name}.${this.#host}` : this.#host;
      const bucket = `${this.#scheme}://${host}${this.#path}/${this.#virtualHost ? '' : name}`;
      this.#base = { host, bucket, prefix: bucket.endsWith('/') ? bucket : `${bucket}/` };
      this.#name = name;
    }
    return this.#base;
  }

  #key(key, fail) {
    if (typeof key !== 'string' || key === '') return fail('key', 'must be a string, not empty');
    if (PLAIN.test(key) && key.length <= 1024) return key;
    if (!key.isWellFormed()) return fail('key', 'must be well-formed text');
    if (Buffer.byteLength(key) > 1024) return fail('key', 'must have at most 1024 bytes of UTF-8');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\x00-\x1f\x7f]/.test(key)) return fail('key', 'must not hold control characters');
    return encodeKey(key);
  }

  #query(query, fail) {
    const pairs = [];
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue;
      if (!['string', 'number', 'boolean'].includes(typeof value) || !String(value).isWellFormed()) {
        return fail(`query.${name}`, 'must be well-formed text, a number or a boolean');
      }
      if (!name.isWellFormed()) return fail('query', 'holds a name that is no well-formed text');
      pairs.push(`${escapeStrict(name)}=${escapeStrict(String(value))}`);
    }
    return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  }
}

module.exports = { Address };
