'use strict';

// What native code hands over many at a time, taken apart: the other half of src/queue/pack.rs.

const { TEXT, JSON_TEXT, BYTES, fromBytes } = require('./codec.js');
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

/** A copy of what stands in the memory; what is too long for it is fetched. */
function copyBytes(door, handle, kind, length, at) {
  if (length > MEMORY) {
    const own = kind === BYTES ? new Uint8Array(length) : Buffer.allocUnsafeSlow(length);
    door.fetch(handle, own);
    return own;
  }
  return door.bytes.slice(at, at + length);
}

function unpackMixed(door, handle, part, items) {
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
      items.push(fromBytes(kind, copyBytes(door, handle, kind, length, at)));
      at += length;
      continue;
    }
    if (cut === text.length && length > 0) {
      text = strings[next++];
      cut = 0;
      rowEnd = -1;
    }
    if (kind === JSON_TEXT && text.charCodeAt(cut) === ROW) {
      items.push(fromRow(text, cut, cut === rowEnd));
      cut += length;
      rowEnd = cut;
      continue;
    }
    const value = text.slice(cut, cut + length);
    cut += length;
    items.push(kind === TEXT ? value : JSON.parse(value));
  }
}

/** The items of a batch, from all its parts, appended to `items`. */
function unpack(door, handle, first, items = []) {
  const { integers } = door;
  for (let part = first; ; part = door.more(handle)) {
    const left = integers[1];
    if (integers[2] === 1) {
      const cut = cutAll(part, integers);
      // The usual case: there is no other part.
      if (left === 0 && items.length === 0) return cut;
      for (const item of cut) items.push(item);
    } else {
      unpackMixed(door, handle, part, items);
    }
    if (left === 0) return items;
  }
}

module.exports = { copyBytes, unpack };
