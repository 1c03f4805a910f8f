'use strict';

// How an item of a shared queue crosses: strings and bytes as they are, plain objects as rows (rows.js), other plain data as JSON text
// where JSON says exactly what structured clone would, everything else by structured clone (node:v8).

const v8 = require('node:v8');
const { WarmpathError } = require('../errors.js');

/** As in src/queue/item.rs. */
const TEXT = 0;
const JSON_TEXT = 1;
const BYTES = 2;
const BUFFER = 3;
const CLONE = 4;

/** Objects and arrays in one item up to which JSON is considered. */
const CONTAINERS = 16;

const OBJECT = Object.prototype;
const ARRAY = Array.prototype;

/**
 * Whether JSON text says all of a value. Not so with -0, NaN, undefined and holes, class instances, cycles, and one object in two
 * places (structured clone keeps it one).
 *
 * @param {object} value
 * @param {object[]} seen the containers above and before
 */
function isPlainData(value, seen) {
  const isArray = Array.isArray(value);
  if (Object.getPrototypeOf(value) !== (isArray ? ARRAY : OBJECT)) return false;
  if (seen.length === CONTAINERS || seen.includes(value)) return false;
  seen.push(value);
  let count = 0;
  for (const name in value) {
    count++;
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
  // Fewer: holes. More: fields beside the elements, which JSON leaves out.
  return !isArray || count === value.length;
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
      // ARRAY inherits from OBJECT.
      return ARRAY.toJSON === undefined && isPlainData(item, []) ? JSON_TEXT : CLONE;
    }
    default:
      return CLONE;
  }
}

/**
 * What crosses: a string, or a Uint8Array. The item is that of the `index`th entry of `list`, or the only one.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT for what cannot be cloned: functions, symbols, ports; for bytes that were
 *   given away
 */
function payload(kind, item, list, index) {
  if (kind === JSON_TEXT) return JSON.stringify(item);
  // Only of none can they be detached: asking costs, and nearly all have some.
  if (kind !== CLONE && item.length === 0 && kind !== TEXT && isDetached(item.buffer)) {
    throw refused(list, index, 'has no bytes: its buffer was transferred');
  }
  if (kind !== CLONE) return item;
  try {
    return v8.serialize(item);
  } catch (err) {
    throw refused(list, index, 'cannot be cloned for another thread', err);
  }
}

function refused(list, index, what, cause) {
  const option = list === undefined ? 'item' : `${list}[${index}].item`;
  return new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', `${option} ${what}`, { option, cause });
}

/** ArrayBuffer.prototype.detached is newer than the oldest Node here. */
function isDetached(buffer) {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** An item of bytes that nobody else will write to. */
function fromBytes(kind, bytes) {
  switch (kind) {
    case BYTES:
      return bytes;
    case BUFFER:
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    case CLONE:
      return v8.deserialize(bytes);
    default:
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }
}

module.exports = { TEXT, JSON_TEXT, BYTES, BUFFER, isPlainData, kindOf, payload, fromBytes };
