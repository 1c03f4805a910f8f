'use strict';

// The flat door to the native signer: the other half of src/signer/call.rs. Internal: the face (signer.js) and the adapters
// call it; it checks nothing that native code checks.

const { WarmpathError } = require('../errors.js');
const { native } = require('../native.js');

/** Bits 0–2 of the mode; 0: the method comes as text. */
const METHOD = { __proto__: null, GET: 1, PUT: 2, HEAD: 3, POST: 4, DELETE: 5 };

/** Bits 3–5 of the mode: how the payload comes. */
const PAYLOAD_DEFAULT = 0;
const PAYLOAD_HASH = 1 << 3;
const PAYLOAD_UNSIGNED = 2 << 3;
const PAYLOAD_TEXT = 3 << 3;
const PAYLOAD_BYTES = 4 << 3;

/** The address comes as host, path and query. */
const PARTS = 1 << 6;
/** With PARTS: the scheme is http. */
const HTTP = 1 << 7;
/** Answer with everything, as JSON. */
const WHOLE = 1 << 8;
/** presign: move `x-amz-*` headers into the query. */
const HOIST = 1 << 9;
/** Sign every header given, those too that proxies rewrite. */
const SIGN_ALL = 1 << 10;
/** Answer with the session token before `authorization` (behind the hash), where the signer has one. */
const TOKEN = 1 << 11;
/** The number of headers is the upper half of the mode. */
const ONE_HEADER = 1 << 16;

let door = null;

/** The raw functions, once per thread. */
function functions() {
  if (door === null) door = native().signerDoor();
  return door;
}

/** First character of an answer that is a failure. */
const FAILED = 33;

/**
 * A native failure as an error: `!CODE\nfield: what is wrong`.
 *
 * @param {string} answer
 * @param {string} prefix put before the field's name: 'request.' or ''
 */
function refused(answer, prefix = 'request.') {
  const end = answer.indexOf('\n');
  const code = answer.slice(1, end);
  const text = answer.slice(end + 1);
  const [, field, what] = /^([^\s:]+): (.*)$/s.exec(text) ?? [null, null, text];
  if (field === null) return new WarmpathError(code, what);
  const option = field.startsWith('[') ? `requests${field}` : `${prefix}${field}`;
  return new WarmpathError(code, `${option} ${what}`, { option });
}

/**
 * A native signer. It is freed when the handle is collected.
 *
 * @param {{ credentials: { accessKeyId: string, secretAccessKey: string, sessionToken?: string }, region: string, service: string,
 *   uriEscapePath: boolean, normalizePath: boolean, applyChecksum: boolean }} options
 * @returns {object} a handle for the functions below
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
 */
function open(options) {
  const handle = functions().open(JSON.stringify(options));
  if (typeof handle === 'string') throw refused(handle, '');
  return handle;
}

/** Swaps the credential and empties the key cache. */
function setCredentials(handle, credentials) {
  const answer = functions().setCredentials(handle, JSON.stringify(credentials));
  if (answer !== '') throw refused(answer, '');
}

/** The answer, unless it is a failure. */
function checked(answer) {
  if (answer.charCodeAt(0) === FAILED) throw refused(answer);
  return answer;
}

/**
 * Signs by headers.
 *
 * @param {object} handle
 * @param {number} mode bits: METHOD[…] | PAYLOAD_… | PARTS | HTTP | WHOLE | SIGN_ALL | count × ONE_HEADER
 * @param {number} seconds since 1970, whole
 * @param {string} url with PARTS the host
 * @param {string | undefined} headers `name\nvalue\nname\nvalue`; may hold a host, else the URL's is signed
 * @param {string | Uint8Array | undefined} payload what the mode says
 * @param {string} [method] where the mode holds none
 * @param {string} [path] with PARTS
 * @param {string} [query] with PARTS, without the question mark
 * @returns {string} the value of `authorization`; with PAYLOAD_TEXT or PAYLOAD_BYTES behind the 64 digits of the hash; with WHOLE,
 *   or when a header's value had to be trimmed or repeated names joined (the answer begins with `{` then), JSON
 *   `{ headers, authorization, payloadHash }`
 */
function sign(handle, mode, seconds, url, headers, payload, method, path, query) {
  return checked(functions().sign(handle, mode, seconds, 0, url, headers, payload, method, path, query));
}

/** Signs by query: the URL. `expires` in seconds; the other arguments as sign(), HOIST beside them. */
function presign(handle, mode, seconds, expires, url, headers, payload, method, path, query) {
  return checked(functions().presign(handle, mode, seconds, expires, url, headers, payload, method, path, query));
}

/** The stages `{ canonicalRequest, stringToSign, signature }`; `expires` 0: of sign(), else of presign(). */
function explain(handle, mode, seconds, expires, url, headers, payload, method, path, query) {
  return JSON.parse(
    checked(functions().explain(handle, mode, seconds, expires, url, headers, payload, method, path, query)),
  );
}

/**
 * The signature (hex) of a canonical request that the caller made by rules of its own. It comes in two parts, so that the
 * second, where it is the same again and again, need not be copied behind the first each time.
 */
function signCanonical(handle, begin, seconds, end) {
  return checked(functions().signCanonical(handle, begin, seconds, end));
}

/** The HMAC (hex) of any text under the day's key. */
function signText(handle, text, seconds) {
  return checked(functions().signText(handle, text, seconds));
}

let lastSecond = -1;
let lastText = '';

/** `yyyymmddThhmmssZ` of whole seconds since 1970. */
function amzDate(seconds) {
  if (seconds !== lastSecond) {
    lastText = `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
    lastSecond = seconds;
  }
  return lastText;
}

module.exports = {
  METHOD,
  PAYLOAD_DEFAULT,
  PAYLOAD_HASH,
  PAYLOAD_UNSIGNED,
  PAYLOAD_TEXT,
  PAYLOAD_BYTES,
  PARTS,
  HTTP,
  WHOLE,
  HOIST,
  SIGN_ALL,
  TOKEN,
  ONE_HEADER,
  FAILED,
  functions,
  refused,
  checked,
  open,
  setCredentials,
  sign,
  presign,
  explain,
  signCanonical,
  signText,
  amzDate,
};
