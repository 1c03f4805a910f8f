'use strict';

const { isArray, isPlainObject, read, describe } = require('./check.js');

// Deeper than this no parser on the other side has to follow.
const MOST_DEPTH = 32;

/**
 * An object that is passed on as JSON, whatever it holds: plain objects, arrays, well-formed text, finite numbers,
 * booleans, null. What JSON.stringify would drop or change without a word (a function, NaN, a Date, a bigint) is refused.
 * Hands back a copy, for which everything is read once: what was checked is what is sent, whatever a getter says the next time.
 */
function jsonObject({ maxBytes = 65_536 } = {}) {
  return (value, path, fail) => {
    if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
    const copy = copyOf(value, path, fail, MOST_DEPTH);
    if (Buffer.byteLength(JSON.stringify(copy)) > maxBytes) fail(path, `must have at most ${maxBytes} bytes as JSON`);
    return copy;
  };
}

function copyOf(value, path, fail, depth) {
  if (depth === 0) fail(path, `must not be nested deeper than ${MOST_DEPTH}`);
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) fail(path, 'must be well-formed text');
    return value;
  }
  if (isArray(value)) return copyOfArray(value, path, fail, depth);
  if (!isPlainObject(value)) fail(path, `must be a JSON value, not ${describe(value)}`);
  // Without a prototype, so that a field of the name __proto__ is a field.
  const copy = Object.create(null);
  for (const name of fieldsOf(value, path, fail)) {
    if (name === 'toJSON') fail(path, 'must not have a field toJSON');
    const item = read(value, name, (_name, text) => fail(`${path}.${name}`, text));
    if (item !== undefined) copy[name] = copyOf(item, `${path}.${name}`, fail, depth - 1);
  }
  return copy;
}

/** Those that JSON.stringify would write: what is hidden from it stays hidden. */
function fieldsOf(value, path, fail) {
  try {
    return Object.keys(value);
  } catch {
    return fail(path, 'cannot be read: a proxy throws');
  }
}

function copyOfArray(value, path, fail, depth) {
  const failAt = (_name, text) => fail(path, text);
  const length = read(value, 'length', failAt);
  const copy = [];
  // By index: an iterator would skip nothing either, but a hole must be named.
  for (let i = 0; i < length; i++) copy.push(copyOf(read(value, i, failAt), `${path}[${i}]`, fail, depth - 1));
  return copy;
}

module.exports = { jsonObject };
