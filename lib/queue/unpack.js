'use strict';

// What native code hands over many at a time, taken apart: the other half of src/queue/pack.rs.

const { TEXT, JSON_TEXT, BYTES, fromBytes, undecodable } = require('./codec.js');
const { BYTES: MEMORY } = require('./core.js');
const { ROW, fromRow } = require('./rows.js');

/** Where the records of a batch begin in the memory: kind and length of each. */
const RECORDS = 3;

/** Strings that stand behind each other, by the lengths in the memory. */
function cutAll(part, integers) {
  const count = integers[0];
  const items = new Array(count);
  const strings = typeof part === 'string' ? [] : part;
  let text = typeof part === 'string' ? part : '';
  let next = 0;
  let cut = 0;
  for (let i = 0, record = RECORDS + 1; i < count; i++, record += 2) {
    const length = integers[record];
    if (cut === text.length && length > 0) {
      text = strings[next++];
      cut = 0;
    }
    const end = cut + length;
    items[i] = text.slice(cut, end);
    cut = end;
  }
  return items;
}

/** An item that is too long for the memory. Where there is no room for it, it stays where it is. */
function fetched(door, handle, kind, length) {
  const own = kind === BYTES ? new Uint8Array(length) : Buffer.allocUnsafeSlow(length);
  door.fetch(handle, own);
  return own;
}

/** A copy of the bytes that begin the memory; what is too long for it is fetched. */
function copyBytes(door, handle, kind, length) {
  if (length > MEMORY) return fetched(door, handle, kind, length);
  try {
    return door.bytes.slice(0, length);
  } catch (cause) {
    throw undecodable(cause);
  }
}

/** The item of a text, or of bytes that nobody else will write to. @throws {WarmpathError} ERR_WARMPATH_INTERNAL */
function decode(kind, value) {
  if (kind === TEXT) return value;
  try {
    if (kind > JSON_TEXT) return fromBytes(kind, value);
    return value.charCodeAt(0) === ROW ? fromRow(value, 0, false) : JSON.parse(value);
  } catch (cause) {
    throw undecodable(cause);
  }
}

function unpackMixed(door, handle, part, items, owed) {
  const { integers } = door;
  const end = RECORDS + 2 * integers[0];
  const strings = typeof part === 'string' ? [] : part;
  let text = typeof part === 'string' ? part : '';
  let next = 0;
  let cut = 0;
  let at = 0;
  // Where a row of the same text ended.
  let rowEnd = -1;
  for (let record = RECORDS; record < end; record += 2) {
    const kind = integers[record];
    const length = integers[record + 1];
    if (kind > JSON_TEXT) {
      const long = length > MEMORY ? fetched(door, handle, kind, length) : null;
      try {
        const value = long ?? door.bytes.slice(at, at + length);
        if (owed.length > 0) owed.push({ kind, value, error: null });
        else items.push(fromBytes(kind, value));
      } catch (cause) {
        owed.push(failed(cause));
      }
      at += length;
      continue;
    }
    if (cut === text.length && length > 0) {
      text = strings[next++];
      cut = 0;
      rowEnd = -1;
    }
    const begin = cut;
    cut += length;
    if (kind === TEXT || owed.length > 0) {
      const value = text.slice(begin, cut);
      if (owed.length > 0) owed.push({ kind, value, error: null });
      else items.push(value);
      continue;
    }
    try {
      if (text.charCodeAt(begin) === ROW) {
        items.push(fromRow(text, begin, begin === rowEnd));
        rowEnd = cut;
      } else {
        items.push(JSON.parse(text.slice(begin, cut)));
      }
    } catch (cause) {
      owed.push(failed(cause));
    }
  }
}

const failed = (cause) => ({ kind: TEXT, value: '', error: undecodable(cause) });

/**
 * The items of a batch, from all its parts, appended to `items`: up to the first that cannot be made again. What comes from that one
 * on is appended to `owed`, as decode() takes it; `error` says of an item that it is gone.
 */
function unpack(door, handle, first, items, owed) {
  const { integers } = door;
  for (let part = first; ; part = door.more(handle)) {
    const left = integers[1];
    if (integers[2] === 1 && owed.length === 0) {
      const cut = cutAll(part, integers);
      // The usual case: there is no other part.
      if (left === 0 && items.length === 0) return cut;
      for (const item of cut) items.push(item);
    } else {
      unpackMixed(door, handle, part, items, owed);
    }
    if (left === 0) return items;
  }
}

module.exports = { copyBytes, decode, unpack };
