'use strict';

// The canonical request by the rules of @smithy/signature-v4.

const { EMPTY_SHA256, escapeStrict, invalid, sha256Hex, sortFew } = require('../text.js');

const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
/** Changed on the way, or written after the signature; signed only where `signableHeaders` asks for it. */
const NEVER_SIGNED = new Set([
  ...['authorization', 'cache-control', 'connection', 'expect', 'from', 'keep-alive', 'max-forwards', 'pragma'],
  ...['referer', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'user-agent', 'x-amzn-trace-id'],
]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/;

const MAX_NAMES = 512;
const names = new Map();

/** What is to know about a header's name. A name is looked at once, and remembered. */
function known(name) {
  let entry = names.get(name);
  if (entry === undefined) {
    if (CONTROL.test(name)) invalid('request.headers', 'holds a name with control characters');
    const lower = name.toLowerCase();
    entry = { lower, signed: !NEVER_SIGNED.has(lower) && !/^(?:proxy|sec)-/.test(lower) };
    if (names.size >= MAX_NAMES) names.clear();
    names.set(name, entry);
  }
  return entry;
}

/**
 * The headers that are signed, in order of their names.
 *
 * @param {Set<string>} [unsignable] lower-case names to leave out
 * @param {Set<string>} [signable] lower-case names to sign all the same
 * @returns {{ names: string, lines: string }} `a;b` and `a:1\nb:2`
 */
function canonicalHeaders(headers, unsignable, signable) {
  const entries = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || value === null) continue;
    const { lower, signed } = known(name);
    if ((!signed || unsignable?.has(lower)) && !signable?.has(lower)) continue;
    entries.push({ name, lower, value });
  }
  sortFew(entries, (a, b) => a.lower < b.lower || (a.lower === b.lower && a.name < b.name));
  let names = '';
  let lines = '';
  for (let i = 0; i < entries.length; i++) {
    const { lower, value } = entries[i];
    // One header in two spellings: the last in order is the one that is signed.
    if (entries[i + 1]?.lower === lower) continue;
    const line = `${lower}:${fold(value)}`;
    names = names === '' ? lower : `${names};${lower}`;
    lines = lines === '' ? line : `${lines}\n${line}`;
  }
  return { names, lines };
}

function fold(value) {
  const text = typeof value === 'string' ? value : String(value);
  if (!/[\t\n\r ]/.test(text)) return text;
  return text.replace(/[\t\n\r ]+/g, ' ').replace(/^ | $/g, '');
}

/** Names sorted as they are escaped; `X-Amz-Signature` itself is never signed. */
function canonicalQuery(query) {
  const parts = [];
  for (const name of Object.keys(query)) {
    if (name.length === 15 && name.toLowerCase() === 'x-amz-signature') continue;
    const value = query[name];
    const escaped = escapeStrict(name);
    if (typeof value === 'string') parts.push([escaped, `${escaped}=${escapeStrict(value)}`]);
    else if (Array.isArray(value) && value.length > 0)
      parts.push([
        escaped,
        value
          .map((one) => `${escaped}=${escapeStrict(String(one))}`)
          .sort()
          .join('&'),
      ]);
  }
  sortFew(parts, (a, b) => a[0] < b[0]);
  let text = '';
  for (const part of parts) text = text === '' ? part[1] : `${text}&${part[1]}`;
  return text;
}

/** Nothing to fold and nothing to escape. */
const SIMPLE = /^(?:\/[\w~-][\w.~-]*)+\/?$/;

/** @param {boolean} escapeAgain every service but S3: dot segments are removed and what is escaped is escaped again */
function canonicalPath(path, escapeAgain) {
  if (SIMPLE.test(path)) return path;
  if (!escapeAgain) {
    if (CONTROL.test(path)) invalid('request.path', 'must not hold control characters');
    return path;
  }
  const pieces = [];
  for (const piece of path.split('/')) {
    if (piece === '..') pieces.pop();
    else if (piece !== '' && piece !== '.') pieces.push(escapeStrict(piece));
  }
  return `/${pieces.join('/')}${pieces.length > 0 && path.endsWith('/') ? '/' : ''}`;
}

/** The header `x-amz-content-sha256` in any case, else the body's hash, or the marker for a body that is a stream. */
function payloadHash(headers = {}, body) {
  for (const name of Object.keys(headers)) {
    if (name.length === 20 && name.toLowerCase() === 'x-amz-content-sha256') return headers[name];
  }
  if (body === undefined || body === null) return EMPTY_SHA256;
  if (typeof body === 'string' || isBytes(body)) return body.length === 0 ? EMPTY_SHA256 : sha256Hex(body);
  return UNSIGNED_PAYLOAD;
}

function isBytes(body) {
  return ArrayBuffer.isView(body) || Object.prototype.toString.call(body) === '[object ArrayBuffer]';
}

function canonicalRequest(request, headers, hash, escapeAgain) {
  if (CONTROL.test(request.method)) invalid('request.method', 'must not hold control characters');
  const path = canonicalPath(request.path, escapeAgain);
  return `${request.method}\n${path}\n${canonicalQuery(request.query)}\n${headers.lines}\n\n${headers.names}\n${hash}`;
}

module.exports = { canonicalHeaders, canonicalRequest, payloadHash };
