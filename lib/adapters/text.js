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

/** 9999-12-31T23:59:59Z: the year of a signature has four digits. */
const LAST_SECOND = 253_402_300_799;

let second = Number.NaN;
let secondText = '';

/** `yyyymmddThhmmssZ` of whole seconds since 1970. @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT naming `option` */
function amzDate(seconds, option) {
  if (seconds !== second) {
    if (!(seconds >= 0 && seconds <= LAST_SECOND)) invalid(option, 'must be a time between 1970 and 9999');
    secondText = new Date(seconds * 1000).toISOString().replace(/[:-]|\.\d{3}/g, '');
    second = seconds;
  }
  return secondText;
}

const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Seconds since 1970 of such a text; NaN for any other, also for a 30 February. */
function amzSeconds(text) {
  if (text === secondText) return second;
  const match = AMZ_DATE.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, ...rest] = match.map(Number);
  const seconds = Date.UTC(year, month - 1, ...rest) / 1000;
  return seconds >= 0 && amzDate(seconds) === text ? seconds : Number.NaN;
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

module.exports = { EMPTY_SHA256, escapeStrict, amzDate, amzSeconds, sha256Hex, sortFew, invalid };
