'use strict';

// Path and query: as they go over the wire, and as they are signed.

const querystring = require('node:querystring');
const { escapeStrict, sortFew } = require('../text.js');

/** A character that may not stand in a request target unescaped. */
const NEEDS_ESCAPE = /[^0-9A-Za-z;,/?:@&=+$\-_.!~*'()#%]/;
const SIMPLE_PATH = /^\/[\w.~/-]*$/;
const SIMPLE_PAIR = /^[\w.~-]+=[\w.~-]*$/;
const ALL_KEYS = { maxKeys: 0 };

/**
 * Splits `/path?query`.
 *
 * @returns {{ path: string, pairs: [name: string, value: string][] | null }} the pairs escaped, in the order in which
 *   they are sent; null where there is no query
 */
function parseTarget(target) {
  if (SIMPLE_PATH.test(target)) return { path: target, pairs: null };
  // What is escaped already stays so: decodeURI gives back only what encodeURI would escape again.
  const whole = NEEDS_ESCAPE.test(target) ? encodeURI(decodeURI(target)) : target;
  const mark = whole.indexOf('?');
  if (mark < 0) return { path: whole, pairs: null };
  return { path: whole.slice(0, mark), pairs: parseQuery(whole.slice(mark + 1)) };
}

/** No service accepts an empty name: it is left out. */
function parseQuery(text) {
  if (SIMPLE_PAIR.test(text)) return [text.split('=')];
  const query = querystring.parse(text, '&', '=', ALL_KEYS);
  const pairs = [];
  for (const name of Object.keys(query)) {
    if (name === '') continue;
    const value = query[name];
    const escaped = escapeStrict(name);
    if (typeof value === 'string') pairs.push([escaped, escapeStrict(value)]);
    else for (const one of value) pairs.push([escaped, escapeStrict(one)]);
  }
  return pairs;
}

/** Gives a name one value: at its place, or at the end. */
function setPair(pairs, name, value) {
  let found = false;
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i][0] !== name) continue;
    if (found) pairs.splice(i--, 1);
    else pairs[i][1] = value;
    found = true;
  }
  if (!found) pairs.push([name, value]);
}

/** The value of a name, escaped; undefined where there is none. */
function getPair(pairs, name) {
  for (const pair of pairs) if (pair[0] === name) return pair[1];
  return undefined;
}

function joinPairs(pairs) {
  if (pairs.length === 0) return '';
  let text = `${pairs[0][0]}=${pairs[0][1]}`;
  for (let i = 1; i < pairs.length; i++) text += `&${pairs[i][0]}=${pairs[i][1]}`;
  return text;
}

/** Sorted as pairs: joined text would put `a-b=` before `a=`. */
function canonicalQuery(pairs) {
  return joinPairs(pairs.length < 2 ? pairs : sortFew(pairs.slice(), isBefore));
}

function isBefore(a, b) {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

/**
 * The path as it is signed.
 *
 * @param {boolean} s3 nothing is folded, the escapes are decoded first, an escaped slash is signed as a plain one
 * @param {boolean} decode for other services: the caller says that the path is escaped already
 */
function canonicalPath(path, s3, decode) {
  // Nothing to escape, nothing to fold: most keys.
  if (path === '/' || (s3 && SIMPLE_PATH.test(path))) return path;
  const pieces = [];
  for (const piece of (s3 ? path : path.replace(/\/{2,}/g, '/')).split('/')) {
    if (!s3 && piece === '..') pieces.pop();
    else if (s3 || piece !== '.')
      pieces.push(escapeStrict(s3 || decode ? decodeURIComponent(piece.replaceAll('+', ' ')) : piece));
  }
  let text = pieces.join('/');
  if (text[0] !== '/') text = `/${text}`;
  return s3 ? text.replaceAll('%2F', '/') : text;
}

module.exports = { parseTarget, setPair, getPair, joinPairs, canonicalQuery, canonicalPath };
