'use strict';

const { invalid } = require('../text.js');

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Changed on the way, or written after the signature. */
const NEVER_SIGNED = new Set([
  'authorization',
  'connection',
  'x-amzn-trace-id',
  'user-agent',
  'expect',
  'presigned-expires',
  'range',
]);

/** The headers that signing adds where the caller has none, in whatever case; one bit each. */
const HAS = { date: 1, token: 2, sha256: 4, type: 8, length: 16 };
const BIT = new Map([
  ['x-amz-date', HAS.date],
  ['x-amz-security-token', HAS.token],
  ['x-amz-content-sha256', HAS.sha256],
  ['content-type', HAS.type],
  ['content-length', HAS.length],
]);

const MAX_NAMES = 512;
const names = new Map();

/** What is to know about a header's name. A name is checked once, and remembered. */
function known(name) {
  let entry = names.get(name);
  if (entry === undefined) {
    if (!TOKEN.test(name)) invalid('request.headers', 'holds a name that is not an HTTP token');
    const lower = name.toLowerCase();
    entry = { lower, signed: !NEVER_SIGNED.has(lower), bit: BIT.get(lower) ?? 0 };
    if (names.size >= MAX_NAMES) names.clear();
    names.set(name, entry);
  }
  return entry;
}

/** Which of the headers that signing would add are there, as bits of HAS. */
function present(headers) {
  let bits = 0;
  for (const name of Object.keys(headers)) if (headers[name]) bits |= known(name).bit;
  return bits;
}

/** The value of a header, in whatever case it is written. */
function headerValue(headers, bit) {
  for (const name of Object.keys(headers)) if (headers[name] && known(name).bit === bit) return headers[name];
  return undefined;
}

/**
 * The headers that are signed, in order of their names.
 *
 * @returns {{ names: string, lines: string }} `a;b` and `a:1\nb:2`
 */
function canonicalHeaders(headers, include, ignore) {
  const lower = [];
  const values = [];
  for (const name of Object.keys(headers)) {
    const entry = known(name);
    if (!include[entry.lower] && (!entry.signed || ignore[entry.lower])) continue;
    // Insertion sort: a request has a handful of headers.
    let at = lower.length;
    for (; at > 0 && entry.lower < lower[at - 1]; at--) {
      lower[at] = lower[at - 1];
      values[at] = values[at - 1];
    }
    lower[at] = entry.lower;
    values[at] = canonicalValue(entry.lower, headers[name]);
  }
  if (lower.length === 0) return { names: '', lines: '' };
  let names = lower[0];
  let lines = `${names}:${values[0]}`;
  for (let i = 1; i < lower.length; i++) {
    names += `;${lower[i]}`;
    lines += `\n${lower[i]}:${values[i]}`;
  }
  return { names, lines };
}

/** Nothing to fold: what nearly all values are. */
const PLAIN = /^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$/;

/** A value as it is signed: trimmed, each run of white space one space. */
function canonicalValue(name, value) {
  if (value === undefined || value === null) invalid(`request.headers.${name}`, 'must have a value');
  const text = typeof value === 'string' ? value : value.toString();
  if (PLAIN.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) invalid(`request.headers.${name}`, 'must not hold control characters');
  return text.trim().replace(/\s+/g, ' ');
}

module.exports = { HAS, present, headerValue, canonicalHeaders };
