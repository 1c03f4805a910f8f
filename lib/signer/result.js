'use strict';

/** Origins remembered: a signer talks to a bucket or two. */
const REMEMBERED = 4;

/** Header names whose given value is replaced. */
const OURS = { __proto__: null, host: true, authorization: true, 'x-amz-date': true, 'x-amz-content-sha256': true };

/**
 * The host of a URL text, known from an earlier one with the same beginning: native code is the only one that parses URLs.
 */
class OriginCache {
  #prefixes = [];
  #hosts = [];

  /** The host, or undefined where it must be asked for. */
  hostOf(url) {
    const prefixes = this.#prefixes;
    for (let i = 0; i < prefixes.length; i++) {
      const prefix = prefixes[i];
      // Not startsWith: compiled code compares that character by character, equality by words.
      if (url.slice(0, prefix.length) === prefix) return this.#hosts[i];
    }
    return undefined;
  }

  /** `host` is what native code read from `url`. The slash behind it ends every authority that begins like this one. */
  learn(url, host) {
    const end = url.indexOf('/', url.indexOf('://') + 3);
    if (end < 0) return;
    this.#prefixes.unshift(url.slice(0, end + 1));
    this.#hosts.unshift(host);
    this.#prefixes.length = Math.min(this.#prefixes.length, REMEMBERED);
    this.#hosts.length = this.#prefixes.length;
  }
}

/** All headers to send. Values are as they were given: native code answers in full where one had to be changed. */
function headersOf(taken, host, amzDate, payloadHash, authorization, token, checksum) {
  const { given } = taken;
  if (given === undefined && token === undefined) {
    return checksum
      ? { host, 'x-amz-content-sha256': payloadHash, 'x-amz-date': amzDate, authorization }
      : { host, 'x-amz-date': amzDate, authorization };
  }
  const headers = { host };
  let hashGiven = checksum;
  if (given !== undefined) {
    for (const name in given) {
      if (!Object.hasOwn(given, name)) continue;
      const value = given[name];
      if (value === undefined) continue;
      const lower = name.toLowerCase();
      if (OURS[lower] === true) {
        if (lower === 'x-amz-content-sha256') hashGiven = true;
        continue;
      }
      headers[lower] = typeof value === 'string' ? value : String(value);
    }
  }
  if (hashGiven) headers['x-amz-content-sha256'] = payloadHash;
  headers['x-amz-date'] = amzDate;
  if (token !== undefined) headers['x-amz-security-token'] = token;
  headers.authorization = authorization;
  return headers;
}

module.exports = { OriginCache, headersOf };
