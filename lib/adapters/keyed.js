'use strict';

// The only place where the adapters meet the keyed part of a signature. They write the canonical request themselves,
// because each peer has its own rules for that text; the secret, the keys and the hashing are native.

const { hash, randomBytes } = require('node:crypto');
const core = require('../signer/core.js');
const { invalid } = require('./text.js');

/** How many credentials are remembered that come as a new object with every call. */
const MAX_RECENT = 64;
/** How many regions and services of one credential. */
const MAX_SCOPES = 64;
/** Which of the objects that carry a known credential are remembered themselves: the first, the ninth, … */
const REMEMBER_EVERY = 8;

// One per process: a digest that is kept to recognise a secret means nothing outside of it.
const SALT = randomBytes(32).toString('base64');

/** The native signers of one credential, by what they sign for. */
class Keys {
  #region = null;
  #service;
  #handle;
  #others = new Map();

  handle(secretAccessKey, region, service) {
    if (region === this.#region && service === this.#service) return this.#handle;
    const scope = `${region}/${service}`;
    let handle = this.#others.get(scope);
    if (handle === undefined) {
      handle = open(secretAccessKey, region, service);
      if (this.#others.size >= MAX_SCOPES) this.#others.clear();
      this.#others.set(scope, handle);
    }
    this.#region = region;
    this.#service = service;
    this.#handle = handle;
    return handle;
  }
}

function open(secretAccessKey, region, service) {
  checkScope('region', region);
  checkScope('service', service);
  return core.open({
    // Written into the request by the adapters, so that native code need not know it.
    credentials: { accessKeyId: '-', secretAccessKey },
    ...{ region, service, uriEscapePath: false, normalizePath: false, applyChecksum: false },
  });
}

function checkScope(name, text) {
  if (typeof text !== 'string' || !/^[\x21-\x2e\x30-\x7e]+$/.test(text))
    invalid(name, "must be printable ASCII without spaces and '/', and not empty");
}

// The usual case: one credentials object for the life of the process. Weak, so that what is known of it goes with it: the
// text of the secret is the object's own, and is let go when the object has another.
const byObject = new WeakMap();
// The other case: `{ accessKeyId, secretAccessKey }` written at the place of the call. By the public half of the key, oldest
// first; the secret is known by a digest.
const recent = new Map();

/**
 * Whatever is remembered is compared with the secret given now, so that a rotation takes effect at once, whichever way it
 * was done: a new object, or another secret in the old one.
 */
function keysOf(credentials) {
  const { accessKeyId, secretAccessKey } = credentials;
  const known = byObject.get(credentials);
  if (known !== undefined && known.secret === secretAccessKey && known.id === accessKeyId) return known.keys;
  checkCredential('accessKeyId', accessKeyId);
  checkCredential('secretAccessKey', secretAccessKey);
  const mark = hash('sha256', SALT + secretAccessKey, 'base64');
  let entry = recent.get(accessKeyId);
  if (entry?.mark !== mark) entry = { mark, keys: new Keys(), calls: 0 };
  // The order of insertion is the order of age: what was used goes to the end.
  recent.delete(accessKeyId);
  recent.set(accessKeyId, entry);
  if (recent.size > MAX_RECENT) recent.delete(recent.keys().next().value);
  // An object that is seen again and again comes by here until it is remembered. One that is not would only be work for
  // the garbage collector, so where there are many of them few are remembered.
  if (known !== undefined || entry.calls++ % REMEMBER_EVERY === 0)
    byObject.set(credentials, { id: accessKeyId, secret: secretAccessKey, keys: entry.keys });
  return entry.keys;
}

function checkCredential(name, value) {
  if (typeof value !== 'string' || value === '') invalid(`credentials.${name}`, 'must be a string, and not empty');
  // The value is not repeated: it may be the secret.
  if (/[^\x20-\x7e]/.test(value)) invalid(`credentials.${name}`, 'must be printable ASCII');
}

/**
 * The signature of a canonical request, 64 hex characters.
 *
 * @param {{ accessKeyId: string, secretAccessKey: string }} credentials
 * @param {number} seconds since 1970, whole
 * @param {string} canonicalRequest the whole text, payload hash included, or its first part
 * @param {string} [end] what follows it
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_NATIVE_LOAD
 */
function signRequest(credentials, seconds, region, service, canonicalRequest, end = '') {
  const handle = keysOf(credentials).handle(credentials.secretAccessKey, region, service);
  return core.signCanonical(handle, canonicalRequest, seconds, end);
}

/** Any text, signed with the key of that day: 64 hex characters. Arguments and errors as signRequest(). */
function signText(credentials, seconds, region, service, text) {
  return core.signText(keysOf(credentials).handle(credentials.secretAccessKey, region, service), text, seconds);
}

module.exports = { signRequest, signText };
