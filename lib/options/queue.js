'use strict';

const check = require('./check.js');
const { priority } = require('./fields.js');

const { shape, withDefault, integer, oneOf, having, milliseconds, isPlainObject, describe } = check;

const invalidOption = check.failWith('ERR_WARMPATH_INVALID_OPTION');
const invalidArgument = check.failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const KEY_LENGTH = 4096;

const fields = shape({
  capacity: withDefault(integer(1, 2 ** 24), 500),
  name: check.text({ max: 255 }),
  full: withDefault(oneOf('reject', 'drop-oldest', 'drop-lowest'), 'reject'),
  agingMs: withDefault(milliseconds(0), 0),
});

/** Checked options of a Queue. `agingMs` 0: none. */
function queueOptions(options = {}) {
  return fields(options, '', invalidOption);
}

const enqueueFields = shape({ key: check.text({ min: 0, max: KEY_LENGTH }), priority: withDefault(priority, 0) });
const entryFields = shape({ item: (value) => value, key: check.text({ min: 0, max: KEY_LENGTH }), priority });

const OBJECT = Object.prototype;

/**
 * Whether the names of our fields, read from a plain object, are read from the object itself: somebody may have put one on
 * Object.prototype.
 */
function isClean() {
  return OBJECT.key === undefined && OBJECT.priority === undefined && OBJECT.item === undefined;
}

// Called so, and in a for-in loop, it costs nothing; Object.hasOwn does.
const owns = OBJECT.hasOwnProperty;

/**
 * Whether an object looks like `{ … }` written down here: cheaper than to ask for its prototype. One that inherits from such an
 * object is told by its fields: what is read of it must have been seen in it, by a loop.
 */
function looksPlain(value) {
  return typeof value === 'object' && value !== null && value.constructor === Object;
}

function isKey(key) {
  return typeof key === 'string' && key.length <= KEY_LENGTH && key.isWellFormed() && !key.includes('\0');
}

/**
 * Checked `{ key?, priority? }`; `undefined` is absent. The usual object is looked at in place, which costs a fraction of a copy;
 * whatever is not usual goes through the checker, which says what is wrong.
 */
function enqueueOptions(options) {
  try {
    if (isUsual(options)) return options;
  } catch {
    // A getter or a proxy that throws: the checker says which.
  }
  return enqueueFields(options, 'options', invalidArgument);
}

function isUsual(options) {
  if (looksPlain(options) && isClean()) {
    let usual = true;
    let hasKey = false;
    let hasRank = false;
    for (const name in options) {
      if (name === 'key' && owns.call(options, name)) hasKey = true;
      else if (name === 'priority' && owns.call(options, name)) hasRank = true;
      else usual = false;
    }
    const { key, priority: rank } = options;
    return (
      usual && (key === undefined || (hasKey && isKey(key))) && (rank === undefined || (hasRank && (rank | 0) === rank))
    );
  }
  return false;
}

/** Checked `{ item, key?, priority? }`, as enqueueOptions(). */
function checkEntry(entry, index, clean) {
  try {
    if (clean && isUsualEntry(entry)) return entry;
  } catch {
    // As above.
  }
  const path = `entries[${index}]`;
  if (!isPlainObject(entry)) invalidArgument(path, `must be { item, key?, priority? }, not ${describe(entry)}`);
  const checked = entryFields(entry, path, invalidArgument);
  checkItem(checked.item, `${path}.item`);
  return checked;
}

function isUsualEntry(entry) {
  if (looksPlain(entry)) {
    let usual = true;
    let hasItem = false;
    let hasKey = false;
    let hasRank = false;
    for (const name in entry) {
      if (name === 'item' && owns.call(entry, name)) hasItem = true;
      else if (name === 'key' && owns.call(entry, name)) hasKey = true;
      else if (name === 'priority' && owns.call(entry, name)) hasRank = true;
      else usual = false;
    }
    const { item, key, priority: rank } = entry;
    return (
      usual &&
      hasItem &&
      item !== undefined &&
      item !== null &&
      (key === undefined || (hasKey && isKey(key))) &&
      (rank === undefined || (hasRank && (rank | 0) === rank))
    );
  }
  return false;
}

/**
 * Takes the items of the first entries, those that are `{ item }` and no more; how many that are. Most batches are made of nothing
 * else, and cost half of what the general way does.
 */
function plainItems(entries, items) {
  let i = 0;
  try {
    for (; i < items.length; i++) {
      const entry = entries[i];
      if (!looksPlain(entry)) return i;
      let usual = true;
      let hasItem = false;
      for (const name in entry) {
        if (name === 'item' && owns.call(entry, name)) hasItem = true;
        else usual = false;
      }
      const { item } = entry;
      if (!usual || !hasItem || item === undefined || item === null) return i;
      items[i] = item;
    }
  } catch {
    // A getter or a proxy that throws: the checker says which.
  }
  return i;
}

/**
 * Takes the items and the keys of entries that are all `{ item, key }` and no more.
 *
 * @returns {string | null} all keys as one text; null: there are others, or something is wrong with one
 */
function keyedItems(entries, items, keys) {
  let text = '';
  try {
    for (let i = 0; i < items.length; i++) {
      const entry = entries[i];
      if (!looksPlain(entry)) return null;
      let usual = true;
      let hasItem = false;
      let hasKey = false;
      for (const name in entry) {
        if (name === 'item' && owns.call(entry, name)) hasItem = true;
        else if (name === 'key' && owns.call(entry, name)) hasKey = true;
        else usual = false;
      }
      const { item, key } = entry;
      if (!usual || !hasItem || !hasKey || item === undefined || item === null || typeof key !== 'string') return null;
      if (key.length > KEY_LENGTH || !key.isWellFormed()) return null;
      items[i] = item;
      keys[i] = key;
      text += key;
    }
  } catch {
    return null;
  }
  // One search for all of them; the text is made one piece by it, as whoever reads it needs it.
  return text.includes('\0') ? null : text;
}

/**
 * Checked entries, taken apart.
 *
 * @returns {{ items: *[], keys: (string | undefined)[] | null, text: string | null, priorities: number[] | null }} null: nobody has
 *   one; `text`: all keys behind each other, where all have one and nobody has a priority (null says nothing)
 */
function checkEntries(entries) {
  if (!Array.isArray(entries)) invalidArgument('entries', `must be an array, not ${describe(entries)}`);
  const clean = isClean();
  const count = entries.length;
  const items = new Array(count);
  const plain = clean ? plainItems(entries, items) : 0;
  let keys = null;
  if (clean && plain === 0 && count > 0) {
    keys = new Array(count);
    const text = keyedItems(entries, items, keys);
    if (text !== null) return { items, keys, text, priorities: null };
    keys = null;
  }
  let priorities = null;
  for (let i = plain; i < count; i++) {
    const { item, key, priority: rank } = checkEntry(entries[i], i, clean);
    refuseChanged(key, rank, 'entries');
    checkItem(item, 'entries');
    items[i] = item;
    if (key !== undefined) {
      keys ??= new Array(count);
      keys[i] = key;
    }
    if (rank !== undefined) {
      priorities ??= new Array(count).fill(0);
      priorities[i] = rank;
    }
  }
  return { items, keys, text: null, priorities };
}

const isInt32 = (value) => typeof value === 'number' && (value | 0) === value;

/** A getter may say one thing to the check and another afterwards: what is used is looked at once more, by its type. */
function refuseChanged(key, rank, path) {
  if ((key !== undefined && typeof key !== 'string') || (rank !== undefined && !isInt32(rank))) {
    invalidArgument(path, 'must not change while it is read');
  }
}

/** An item of a Queue: anything but null and undefined, which mean "nothing there". */
function checkItem(item, path) {
  if (item === null || item === undefined) invalidArgument(path, 'must not be null or undefined');
  return item;
}

function checkPriority(value) {
  return value === undefined ? 0 : priority(value, 'priority', invalidArgument);
}

function checkKey(key) {
  if (typeof key !== 'string') invalidArgument('key', `must be a string, not ${describe(key)}`);
  if (!key.isWellFormed()) invalidArgument('key', 'must be well-formed text');
  return key;
}

function checkMax(max) {
  return integer(1, 2 ** 31 - 1)(max, 'max', invalidArgument);
}

const waitFields = shape({
  timeoutMs: milliseconds(0),
  signal: having('addEventListener', 'removeEventListener'),
});

/** Checked `{ timeoutMs?, signal? }`. */
function waitOptions(options) {
  return waitFields(options, 'options', invalidArgument);
}

module.exports = {
  queueOptions,
  enqueueOptions,
  refuseChanged,
  checkEntries,
  checkItem,
  checkPriority,
  checkKey,
  checkMax,
  waitOptions,
};
