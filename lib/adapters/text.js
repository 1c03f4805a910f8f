'use strict';

// What both adapters write into a canonical request.

const { createHash, hash } = require('node:crypto');
const { failWith } = require('../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/** sha256 of no bytes. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const UNRESERVED = /^[\w.~-]*$/;

/** Everything but `A-Za-z0-9-._~` as %XX. Throws a URIError for half a surrogate pair. */
function escapeStrict(text) {
  // Most names and values need nothing, and the test costs a fifth of the work.
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

let second = Number.NaN;
let secondText = '';

/** `yyyymmddThhmmssZ`; milliseconds are cut off. Throws a RangeError for what is no time. */
function amzDate(ms) {
  const now = Math.floor(ms / 1000);
  if (now !== second) {
    secondText = new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, '');
    second = now;
  }
  return secondText;
}

/** sha256 in hex of text (as UTF-8), any view of bytes, or an ArrayBuffer. */
function sha256Hex(data) {
  if (data.byteLength !== undefined && !ArrayBuffer.isView(data))
    return createHash('sha256').update(Buffer.from(data)).digest('hex');
  return hash('sha256', data, 'hex');
}

/** Sorts in place: faster than Array.sort for the few entries that a request has, and stable. */
function sortFew(list, before) {
  for (let i = 1; i < list.length; i++) {
    const item = list[i];
    let j = i - 1;
    for (; j >= 0 && before(item, list[j]); j--) list[j + 1] = list[j];
    list[j + 1] = item;
  }
  return list;
}

module.exports = { EMPTY_SHA256, escapeStrict, amzDate, sha256Hex, sortFew, invalid };
