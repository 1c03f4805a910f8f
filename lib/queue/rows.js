'use strict';

// Plain objects as rows: text that V8 writes in half the time in which it writes JSON, and reads in less. Rows stand where JSON text
// may, which never begins as they do. What is nested in an object is JSON inside of its row.
//
// | part | characters |
// |---|---|
// | ROW | 1 |
// | SAME or OWN: whether its shape is that of the row before it | 1 |
// | length of the shape | 2, of 7 bits, the higher ones first |
// | shape: the fields, MARK between them; of each the letter of its type, and the name | |
// | length of the numbers | 2 |
// | numbers: in the order of the fields, the length of a string, what a number or a boolean is; of null nothing | 1 to 4 each |
// | strings: in the order of the fields, the texts of other numbers and of what is nested among them | |
//
// A row says all of itself wherever the queue cuts its batch: SAME spares the look at a shape, where the row before is at hand.

const { isPlainData } = require('./codec.js');

const ROW = 1;
const OWN = 0;
const SAME = 1;
const MARK = '\u0002';

/** Numbers below stand in one character. */
const SMALL = 126;
/** Before a number of 21 bits, in three characters. */
const LARGE = 126;
/** Before the length of a number's text. */
const WRITTEN = 127;

const BITS = 7;
const MASK = 2 ** BITS - 1;
const MOST = 2 ** (3 * BITS) - 1;

/** Most fields of a row, and most characters of its shape: objects with more are tables, whose names differ. */
const FIELDS = 64;
const SHAPE = 1024;

const OBJECT = Object.prototype;
const LETTERS = { string: 's', number: 'n', boolean: 'b', null: 'z', object: 'o' };
const CHARACTERS = Array.from({ length: 2 ** BITS }, (_, code) => String.fromCharCode(code));

const shapeless = { text: '', names: [], types: [], own: '', same: '' };

/** The shape that was written last: mostly that of the next one, too. */
let written = shapeless;

/** Characters of the row that was appended last. */
let appended = 0;

/** Whether a loop over the fields of an object finds none but its own, and JSON text what there is: nobody added to the prototypes. */
function isClean() {
  for (const _ in OBJECT) return false;
  // Arrays inherit from objects.
  return Array.prototype.toJSON === undefined;
}

/** The shape of these fields; null: there is none, as a name has a MARK, or they are too long. */
function shapeOf(names, types) {
  if (names.some((name) => name.includes(MARK))) return null;
  const text = names.map((name, i) => LETTERS[types[i]] + name).join(MARK);
  if (text.length > SHAPE) return null;
  const [own, same] = [OWN, SAME].map((flag) => CHARACTERS[ROW] + CHARACTERS[flag] + pair(text.length) + text);
  written = { text, names, types, own, same };
  return written;
}

/** A number of up to 14 bits. */
function pair(number) {
  return CHARACTERS[number >> BITS] + CHARACTERS[number & MASK];
}

/** A number of up to 21 bits. */
function digits(number) {
  if (number < SMALL) return CHARACTERS[number];
  const low = CHARACTERS[(number >> BITS) & MASK] + CHARACTERS[number & MASK];
  return CHARACTERS[LARGE] + CHARACTERS[number >> (2 * BITS)] + low;
}

/** Takes back what was appended of a row. */
function takeBack(parts, at) {
  parts.length = at;
  return null;
}

/**
 * Appends the row of an object to `parts`. A getter may do anything, with this file too: nothing is kept outside meanwhile.
 *
 * @param {object} before the shape of the row before
 * @returns {object | null} its shape; null: a row cannot hold it, and nothing was appended
 */
function append(object, before, parts) {
  if (Object.getPrototypeOf(object) !== OBJECT) return null;
  const at = parts.length;
  let shape = written;
  // Where it is another shape.
  let names = null;
  let types = null;
  let seen = null;
  let count = 0;
  let numbers = '';
  let length = 0;
  parts.push('', '');
  for (const name in object) {
    const value = object[name];
    const type = value === null ? 'null' : typeof value;
    let text = null;
    if (type === 'string') {
      text = value;
    } else if (type === 'number') {
      if (!Number.isFinite(value) || Object.is(value, -0)) return takeBack(parts, at);
      if (value >>> 0 === value && value <= MOST) numbers += digits(value);
      else text = `${value}`;
    } else if (type === 'boolean') {
      numbers += CHARACTERS[value ? 1 : 0];
    } else if (type === 'object') {
      seen ??= [object];
      if (!isPlainData(value, seen)) return takeBack(parts, at);
      text = JSON.stringify(value);
    } else if (type !== 'null') {
      return takeBack(parts, at);
    }
    if (text !== null) {
      if (text.length > MOST) return takeBack(parts, at);
      numbers += type === 'number' ? CHARACTERS[WRITTEN] + CHARACTERS[text.length] : digits(text.length);
      length += text.length;
      parts.push(text);
    }
    if (names === null && (shape.names[count] !== name || shape.types[count] !== type)) {
      names = shape.names.slice(0, count);
      types = shape.types.slice(0, count);
    }
    names?.push(name);
    types?.push(type);
    if (++count > FIELDS) return takeBack(parts, at);
  }
  if (names !== null || count < shape.names.length) {
    shape = shapeOf(names ?? shape.names.slice(0, count), types ?? shape.types.slice(0, count));
  }
  // Without fields it is none: JSON has that, too.
  if (shape === null || count === 0) return takeBack(parts, at);
  parts[at] = shape === before ? shape.same : shape.own;
  parts[at + 1] = pair(numbers.length) + numbers;
  appended = shape.own.length + 2 + numbers.length + length;
  return shape;
}

/** The row of an object; null: a row cannot hold it, or UTF-8 cannot hold the row. */
function rowOf(object) {
  const parts = [];
  if (!isClean() || append(object, shapeless, parts) === null) return null;
  const row = parts.join('');
  return row.isWellFormed() ? row : null;
}

/**
 * The rows of many objects, in texts of about `units` characters and at most `most` rows.
 *
 * @param {Array} objects
 * @returns {{ text: string, lengths: number[] }[] | null} null: for one of them there is no row
 */
function rowsOf(objects, units, most) {
  if (!isClean()) return null;
  const runs = [];
  let parts = [];
  let lengths = [];
  let whole = 0;
  let before = shapeless;
  const end = () => runs.push({ text: parts.join(''), lengths });
  for (let i = 0; i < objects.length; i++) {
    const object = objects[i];
    if (typeof object !== 'object') return null;
    if (whole > units || lengths.length === most) {
      end();
      [parts, lengths, whole, before] = [[], [], 0, shapeless];
    }
    before = append(object, before, parts);
    if (before === null) return null;
    lengths.push(appended);
    whole += appended;
  }
  end();
  return runs;
}

/** What a field has before it is filled in, by its type. */
const BLANK = { s: '', n: 0, b: false, z: null, o: null };

/** What a shape says, with an object that has its fields and nothing in them. */
function shapeFrom(text) {
  const fields = text.split(MARK);
  const names = fields.map((field) => field.slice(1));
  const types = fields.map((field) => field[0]);
  const blank = {};
  for (let i = 0; i < fields.length; i++) {
    // Defined, not set: `__proto__` is a name like any other.
    const value = BLANK[types[i]];
    Object.defineProperty(blank, names[i], { value, writable: true, enumerable: true, configurable: true });
  }
  return { text, names, types, blank };
}

/** The shape that was read last. */
let read = { text: '', names: [], types: [], blank: {} };

function pairAt(text, at) {
  return (text.charCodeAt(at) << BITS) + text.charCodeAt(at + 1);
}

/** What stands behind LARGE. */
function largeAt(text, at) {
  return (text.charCodeAt(at) << (2 * BITS)) + pairAt(text, at + 1);
}

/**
 * The object whose row begins at `at`.
 *
 * @param {boolean} isNext whether what was read last is the row before it, of the same text
 */
function fromRow(text, at, isNext) {
  const begin = at + 4;
  let place = begin + pairAt(text, at + 2);
  if (!isNext || text.charCodeAt(at + 1) !== SAME) {
    const shape = text.slice(begin, place);
    if (shape !== read.text) read = shapeFrom(shape);
  }
  const { names, types, blank } = read;
  let cut = place + 2 + pairAt(text, place);
  place += 2;
  // To fill in a copy costs a third of adding field by field.
  const object = { ...blank };
  for (let i = 0; i < names.length; i++) {
    const type = types[i];
    if (type === 'z') continue;
    let number = text.charCodeAt(place++);
    if (type === 'n' && number === WRITTEN) {
      const end = cut + text.charCodeAt(place++);
      object[names[i]] = Number(text.slice(cut, end));
      cut = end;
      continue;
    }
    if (number === LARGE) {
      number = largeAt(text, place);
      place += 3;
    }
    if (type === 'n') {
      object[names[i]] = number;
    } else if (type === 'b') {
      object[names[i]] = number === 1;
    } else {
      const value = text.slice(cut, cut + number);
      object[names[i]] = type === 's' ? value : JSON.parse(value);
      cut += number;
    }
  }
  return object;
}

module.exports = { ROW, rowOf, rowsOf, fromRow };
