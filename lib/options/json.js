'use strict';

const { isPlainObject, describe } = require('./check.js');

// Deeper than this no parser on the other side has to follow.
const MOST_DEPTH = 32;

/**
 * An object that is passed on as JSON, whatever it holds: plain objects, arrays, well-formed text, finite numbers,
 * booleans, null. What JSON.stringify would drop or change without a word (a function, NaN, a Date, a bigint) is refused.
 */
function jsonObject({ maxBytes = 65_536 } = {}) {
  return (value, path, fail) => {
    if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
    walk(value, path, fail, MOST_DEPTH);
    if (Buffer.byteLength(JSON.stringify(value)) > maxBytes) fail(path, `must have at most ${maxBytes} bytes as JSON`);
    return value;
  };
}

function walk(value, path, fail, depth) {
  if (depth === 0) fail(path, `must not be nested deeper than ${MOST_DEPTH}`);
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) fail(path, 'must be well-formed text');
    return;
  }
  if (Array.isArray(value)) {
    // By index: an iterator would skip nothing either, but a hole must be named.
    for (let i = 0; i < value.length; i++) walk(value[i], `${path}[${i}]`, fail, depth - 1);
    return;
  }
  if (!isPlainObject(value)) fail(path, `must be a JSON value, not ${describe(value)}`);
  for (const name of Object.keys(value)) {
    if (name === 'toJSON') fail(path, 'must not have a field toJSON');
    if (value[name] !== undefined) walk(value[name], `${path}.${name}`, fail, depth - 1);
  }
}

module.exports = { jsonObject };
