'use strict';

// How an item of a shared queue crosses: strings and bytes as they are, plain objects as rows (rows.js), other plain data as JSON text
// where JSON says exactly what structured clone would, everything else by structured clone (clone.js).

const { constants } = require('node:buffer');
const { WarmpathError } = require('../errors.js');
const clone = require('./clone.js');
const { lengthOf, checkMemory } = require('./views.js');

/** As in src/queue/item.rs. */
const TEXT = 0;
const JSON_TEXT = 1;
const BYTES = 2;
const BUFFER = 3;
const CLONE = 4;

/** Objects and arrays in one item up to which JSON is considered. */
const CONTAINERS = 16;

/** Characters of JSON text: a consumer is given it behind a tab. */
const MOST_JSON = constants.MAX_STRING_LENGTH - 1;

const OBJECT = Object.prototype;
const ARRAY = Array.prototype;

/**
 * Whether JSON text says all of a value. Not so with -0, NaN, undefined and holes, class instances, cycles, one object in two places
 * (structured clone keeps it one), and what has a `toJSON`, also one that no loop finds.
 *
 * @param {object} value
 * @param {object[]} seen the containers above and before
 */
function isPlainData(value, seen) {
  const isArray = Array.isArray(value);
  if (Object.getPrototypeOf(value) !== (isArray ? ARRAY : OBJECT)) return false;
  if (seen.length === CONTAINERS || seen.includes(value) || value.toJSON !== undefined) return false;
  seen.push(value);
  let count = 0;
  let last = '';
  for (const name in value) {
    count++;
    last = name;
    const field = value[name];
    switch (typeof field) {
      case 'string':
      case 'boolean':
        break;
      case 'number':
        if (!Number.isFinite(field) || Object.is(field, -0)) return false;
        break;
      case 'object':
        if (field !== null && !isPlainData(field, seen)) return false;
        break;
      default:
        return false;
    }
  }
  // Indices come first, in order: as many names as elements, of which the last is the last index, leave no room for holes and for
  // fields beside the elements, which JSON leaves out.
  return !isArray || (count === value.length && (count === 0 || last === `${count - 1}`));
}

/** How the item is to cross; its form by payload(). */
function kindOf(item) {
  switch (typeof item) {
    case 'string':
      // UTF-8 cannot hold a lone surrogate.
      return item.isWellFormed() ? TEXT : CLONE;
    case 'boolean':
      return JSON_TEXT;
    case 'number':
      return Number.isFinite(item) && !Object.is(item, -0) ? JSON_TEXT : CLONE;
    case 'object': {
      const prototype = Object.getPrototypeOf(item);
      if (prototype === Buffer.prototype) return BUFFER;
      if (prototype === Uint8Array.prototype) return BYTES;
      return isPlainData(item, []) ? JSON_TEXT : CLONE;
    }
    default:
      return CLONE;
  }
}

/** What crosses: a string, or a Uint8Array. Throws, whatever it may be, where the item cannot be read or cloned. */
function payload(kind, item) {
  switch (kind) {
    case TEXT:
      return item;
    case JSON_TEXT: {
      const text = JSON.stringify(item);
      if (text.length > MOST_JSON) throw new RangeError('the text is too long');
      return text;
    }
    case CLONE:
      return clone.write(item);
    default:
      // Only one of none can have lost its memory: asking costs, and nearly all have some.
      if (lengthOf(item) === 0) checkMemory(item);
      return item;
  }
}

/** An item that payload() cannot make cross: that of the `index`th entry of `list`, or the only one. */
function refused(cause, list, index) {
  const option = list === undefined ? 'item' : `${list}[${index}].item`;
  return new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', `${option} cannot be cloned for another thread`, {
    option,
    cause,
  });
}

/** An item of bytes that nobody else will write to. */
function fromBytes(kind, bytes) {
  switch (kind) {
    case BYTES:
      return bytes;
    case BUFFER:
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    default:
      return clone.read(bytes);
  }
}

/** An item that was taken and cannot be made again here: its nesting is deeper than this thread's stack, say. */
function undecodable(cause) {
  return new WarmpathError('ERR_WARMPATH_INTERNAL', 'an item of the queue cannot be made again in this thread', {
    cause,
  });
}

module.exports = { TEXT, JSON_TEXT, BYTES, BUFFER, isPlainData, kindOf, payload, refused, fromBytes, undecodable };
