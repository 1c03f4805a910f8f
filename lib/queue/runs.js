'use strict';

// Batches of a shared queue whose items are alike and have neither key nor priority: native code takes them as one thing, a run, and
// gives them out as many.

const { TEXT, JSON_TEXT, BYTES, BUFFER } = require('./codec.js');
const { BYTES: MEMORY, SHARED_INTEGERS } = require('./core.js');
const { rowsOf } = require('./rows.js');
const { lengthOf } = require('./views.js');

/** Most characters of keys and texts that cross in one string: V8 keeps longer ones apart from its young objects, which costs far more. */
const TEXTS = 64 * 1024;

/** Most items of a run: behind their lengths there is to be room for one number more. */
const MOST = SHARED_INTEGERS - 1;

/**
 * Of which kind all of these are, where a run needs to know no more, by the first: TEXT, JSON_TEXT (then it is a plain object), BYTES or
 * BUFFER; else -1. putRuns() sees to the others, as it looks at them anyway.
 */
function commonKind(items) {
  if (items.length === 0) return -1;
  if (typeof items[0] === 'string') return TEXT;
  try {
    const prototype = Object.getPrototypeOf(items[0]);
    if (prototype === Object.prototype) return JSON_TEXT;
    if (prototype === Uint8Array.prototype) return BYTES;
    return prototype === Buffer.prototype ? BUFFER : -1;
  } catch {
    // It cannot even be looked at: whoever takes them one by one says so.
    return -1;
  }
}

function areStrings(items, start) {
  for (let i = start; i < items.length; i++) if (typeof items[i] !== 'string') return false;
  return true;
}

/** The length of an item of a run of bytes; -1: it can be in none. One of none may be detached, one that is long crosses alone. */
function lengthInRun(item, prototype) {
  if (Object.getPrototypeOf(item) !== prototype) return -1;
  const length = lengthOf(item);
  return length === 0 || length > MEMORY ? -1 : length;
}

function areBytes(items, start, prototype) {
  for (let i = start; i < items.length; i++) if (lengthInRun(items[i], prototype) < 0) return false;
  return true;
}

function areJson(kinds) {
  for (let i = 0; i < kinds.length; i++) if (kinds[i] !== JSON_TEXT) return false;
  return kinds.length > 0;
}

/**
 * A unit that does not fit into a byte. Where V8 holds a text in bytes, this can match nowhere, and it knows: the answer costs a
 * fraction of a look at each character. In any other it stops at the first.
 */
const WIDE = /[^\0-\xff]/;

/**
 * The texts from `start` on that fit into one run, as one; their lengths go into the memory.
 *
 * @returns {{ count: number, length: number, latin: number, text: string } | null} null: one of them is no string
 */
function textRun({ integers }, texts, start) {
  const end = Math.min(texts.length, start + MOST);
  let text = '';
  let seen = 0;
  let i = start;
  for (; i < end; i++) {
    const next = texts[i];
    if (typeof next !== 'string') return null;
    const { length } = next;
    if (text.length + length > TEXTS && i > start) break;
    integers[i - start] = length;
    // Makes one piece of a text that was put together from many, which is read faster, and may be sent again.
    if (length > 0) seen |= next.charCodeAt(0);
    // V8 makes one piece of it when it is read: two thirds of what join() costs.
    text += next;
  }
  return { count: i - start, length: text.length, latin: seen > 0xff || WIDE.test(text) ? 0 : 1, text };
}

/** As textRun(), of bytes, which go into the memory; null: one of them all is not of this kind, or can be in no run. */
function byteRun({ integers, bytes }, kind, items, start) {
  const { prototype } = kind === BYTES ? Uint8Array : Buffer;
  const end = Math.min(items.length, start + MOST);
  let used = 0;
  let i = start;
  for (; i < end; i++) {
    const item = items[i];
    const length = lengthInRun(item, prototype);
    if (length < 0) return null;
    if (used + length > MEMORY) break;
    integers[i - start] = length;
    bytes.set(item, used);
    used += length;
  }
  if (start === 0 && !areBytes(items, i, prototype)) return null;
  return { count: i - start, length: used, latin: 0, text: undefined };
}

/** As textRun(), of rows, whose lengths are known. */
function rowRun({ integers }, { text, lengths }) {
  const count = lengths.length;
  for (let i = 0; i < count; i++) integers[i] = lengths[i];
  return { count, length: text.length, latin: WIDE.test(text) ? 0 : 1, text };
}

/**
 * What makes the next run of these values, where the one before it ended.
 *
 * @returns {((start: number) => object | null) | null} null: there is no row for one of the objects
 */
function runner(door, kind, values) {
  if (kind > JSON_TEXT) return (start) => orNull(() => byteRun(door, kind, values, start));
  if (typeof values[0] === 'string') return (start) => textRun(door, values, start);
  const rows = orNull(() => rowsOf(values, TEXTS, MOST));
  let next = 0;
  return rows && (() => rowRun(door, rows[next++]));
}

/** null: one of the items cannot be read, for a getter that throws, say. Whoever takes them one by one says which. */
function orNull(read) {
  try {
    return read();
  } catch {
    return null;
  }
}

/**
 * Queues items of one kind, in as many runs as it takes.
 *
 * @param {object} door
 * @param {object} handle
 * @param {number} kind
 * @param {string[] | Uint8Array[] | object[]} values the first is of this kind; objects go as rows
 * @param {() => void} onDropped called at once where something was dropped for them
 * @returns {number[] | null | undefined} a code for each; null: all are queued; undefined: one of them is not of this kind, or there is
 *   no row for one of the objects, and none is queued
 */
function putRuns(door, handle, kind, values, onDropped) {
  const { integers } = door;
  const runAt = runner(door, kind, values);
  let codes = null;
  for (let start = 0; start < values.length; ) {
    const run = runAt?.(start) ?? null;
    if (run === null) return undefined;
    const { count } = run;
    // All of them before the first is queued.
    if (start === 0 && count < values.length && kind === TEXT && !areStrings(values, count)) return undefined;
    const queued = door.putRun(handle, kind, count, run.length, run.latin, run.text);
    if (queued !== undefined || codes !== null) {
      codes ??= [];
      const first = start + (queued ?? count);
      while (codes.length < first) codes.push(0);
      const left = start + count - first;
      for (let at = 0; at < left; at++) codes.push(integers[at]);
      if (left > 0 && integers[left] > 0) onDropped();
    }
    start += count;
  }
  return codes;
}

/**
 * Queues items of one kind that all have a key, as one run.
 *
 * @param {object} door
 * @param {object} handle
 * @param {number} kind
 * @param {string[] | Uint8Array[] | object[]} values as of putRuns()
 * @param {string[]} keys
 * @param {string} text the keys, behind each other
 * @returns {number[] | null | undefined} a code for each; null: all are queued; undefined: they are no one run, there is no room for all
 *   of them or the queue is closed, and none is queued
 */
function putKeyedRun(door, handle, kind, values, keys, text) {
  const { integers } = door;
  const count = values.length;
  if (2 * count > SHARED_INTEGERS || text.length > TEXTS) return undefined;
  const run = runner(door, kind, values)?.(0) ?? null;
  if (run === null || run.count < count) return undefined;
  for (let i = 0; i < count; i++) integers[count + i] = keys[i].length;
  const duplicates = door.putKeyedRun(handle, kind, count, run.length, run.latin, run.text, text, text.length);
  if (duplicates === undefined) return null;
  if (duplicates < 0) return undefined;
  const codes = new Array(count).fill(0);
  for (let i = 0; i < duplicates; i++) codes[integers[i]] = 1;
  return codes;
}

module.exports = { TEXTS, commonKind, areJson, putRuns, putKeyedRun };
