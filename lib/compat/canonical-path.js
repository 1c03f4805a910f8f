'use strict';

/** RFC 3986: everything but letters, digits and `-._~` is escaped, in upper-case hex. */
function encodeStrict(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * A path as it may come, raw (`/a b+é`) or escaped (`/a%20b`), in the one form that S3 computes from what it receives: each
 * segment decoded, then escaped strictly. Slashes are kept as they are; a `%` that begins no escape is a literal one.
 */
function canonicalPath(path) {
  return path
    .split('/')
    .map((segment) => encodeStrict(decode(segment)))
    .join('/');
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Valid escapes beside broken ones, or bytes that are no UTF-8: take the text as it stands.
    return segment;
  }
}

module.exports = { canonicalPath };
