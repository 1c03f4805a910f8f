'use strict';

const { Keyed } = require('./keyed.js');
const { invalid } = require('./text.js');

/** How many credentials are remembered that come as a new object with every call. */
const MAX_RECENT = 64;

// The usual case: one credentials object for the life of the process. Weak, so that the key goes with it.
const byObject = new WeakMap();
// The other case: `{ accessKeyId, secretAccessKey }` written at the place of the call. By the public half of the key, oldest first.
const recent = new Map();

/**
 * The key of these credentials. Whatever is remembered is compared with the secret given now, so that a rotation takes
 * effect at once, whichever way it was done: a new object, or another secret in the old one.
 *
 * @param {{ accessKeyId: string, secretAccessKey: string }} credentials
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT when either is missing or holds what a header cannot
 */
function keyOf(credentials) {
  const secret = credentials.secretAccessKey;
  const known = byObject.get(credentials);
  if (known !== undefined && known.id === credentials.accessKeyId && known.key.matches(secret)) return known.key;
  const entry = recall(credentials.accessKeyId, secret);
  byObject.set(credentials, entry);
  return entry.key;
}

function recall(id, secret) {
  let entry = recent.get(id);
  if (!entry?.key.matches(secret)) {
    checkText(id, 'accessKeyId');
    checkText(secret, 'secretAccessKey');
    entry = { id, key: new Keyed(secret) };
  }
  // The order of insertion is the order of age: what was used goes to the end.
  recent.delete(id);
  recent.set(id, entry);
  if (recent.size > MAX_RECENT) recent.delete(recent.keys().next().value);
  return entry;
}

function checkText(value, name) {
  if (typeof value !== 'string' || value === '') invalid(`credentials.${name}`, 'must be a string, and not empty');
  // The value is not repeated: it may be the secret.
  if (/[^\x20-\x7e]/.test(value)) invalid(`credentials.${name}`, 'must be printable ASCII');
}

module.exports = { keyOf, MAX_RECENT };
