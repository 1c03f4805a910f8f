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
 * Of which kind all of these are, where a run needs to know no more: TEXT or JSON_TEXT (then it is the first that is a string, or a plain
 * object; putRuns() sees to the others, as it looks at them anyway), BYTES or BUFFER; else -1. Loops, not `every`: a call for each costs
 * more than the answer.
 */
function commonKind(items) {
  try {
    return kindOfAll(items);
  } catch {
    // One of them cannot even be looked at: whoever takes them one by one says which.
    return -1;
  }
}

function kindOfAll(items) {
  if (items.length === 0) return -1;
  if (typeof items[0] === 'string') return TEXT;
  const prototype = Object.getPrototypeOf(items[0]);
  if (prototype === Object.prototype) return JSON_TEXT;
  if (prototype !== Uint8Array.prototype && prototype !== Buffer.prototype) return -1;
  for (let i = 0; i < items.length; i++) {
    // One of none may be detached, one that is long crosses alone.
    const item = items[i];
    if (Object.getPrototypeOf(item) !== prototype) return -1;
    const length = lengthOf(item);
    if (length === 0 || length > MEMORY) return -1;
  }
  return prototype === Buffer.prototype ? BUFFER : BYTES;
}

function areStrings(items, start) {
  for (let i = start; i < items.length; i++) if (typeof items[i] !== 'string') return false;
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

/** As textRun(), of bytes, which go into the memory. */
function byteRun({ integers, bytes }, items, start) {
  const end = Math.min(items.length, start + MOST);
  let used = 0;
  let i = start;
  for (; i < end; i++) {
    const item = items[i];
    const length = lengthOf(item);
    if (used + length > MEMORY) break;
    integers[i - start] = length;
    bytes.set(item, used);
    used += length;
  }
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
  if (kind > JSON_TEXT) return (start) => byteRun(door, values, start);
  if (typeof values[0] === 'string') return (start) => textRun(door, values, start);
  const rows = readRows(values);
  let next = 0;
  return rows && (() => rowRun(door, rows[next++]));
}

function readRows(objects) {
  try {
    return rowsOf(objects, TEXTS, MOST);
  } catch {
    // A getter that throws, say: whoever takes them one by one says whose.
    return null;
  }
}

/**
 * Queues items of one kind, in as many runs as it takes.
 *
 * @param {object} door
 * @param {object} handle
 * @param {number} kind
 * @param {string[] | Uint8Array[] | object[]} values of bytes, each fits into the memory; objects go as rows
 * @param {() => void} onDropped called at once where something was dropped for them
 * @returns {number[] | null | undefined} a code for each; null: all are queued; undefined: one of the texts is no string, or there is
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
