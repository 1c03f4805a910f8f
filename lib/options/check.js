'use strict';

// A small declarative checker. A check is a function `(value, path, fail) => value`: it hands the value back unchanged
// (nothing is ever coerced) or calls `fail(path, text)`, which throws. Messages describe what was found by its type
// only, so that a secret put in the wrong place is not echoed.

const { WarmpathError } = require('../errors.js');

const INT32_MAX = 2 ** 31 - 1;

/** A `fail` that throws `code` and names the full path. */
function failWith(code) {
  return (path, text) => {
    throw new WarmpathError(code, `${path} ${text}`, { option: path });
  };
}

/** Array.isArray throws where a proxy was revoked. */
function isArray(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A property of somebody's object: undefined where a getter or a proxy throws, and `fail` is told. */
function read(value, name, fail) {
  try {
    return value[name];
  } catch {
    return fail(name, 'cannot be read: a getter or a proxy throws');
  }
}

function describe(value) {
  if (value === null) return 'null';
  if (isArray(value)) return 'an array';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** True for `{}` of any realm and for null-prototype objects; false for class instances, arrays, and proxies that throw. */
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || isArray(value)) return false;
  try {
    const proto = Object.getPrototypeOf(value);
    return proto === null || Object.getPrototypeOf(proto) === null;
  } catch {
    return false;
  }
}

/** The names and symbols of a plain object's own properties. */
function ownNames(value, path, fail) {
  try {
    // Every job passes here: names and symbols asked for apart take a fifth of the time of Reflect.ownKeys().
    return { names: Object.getOwnPropertyNames(value), symbols: Object.getOwnPropertySymbols(value) };
  } catch {
    return fail(path === '' ? 'options' : path, 'cannot be read: a proxy throws');
  }
}

/** The own entries of a plain object whose names are the caller's, each read once. */
function entriesOf(value, path, fail) {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  return ownNames(value, path, fail).names.map((name) => [
    name,
    read(value, name, (_, text) => fail(`${path}['…']`, text)),
  ]);
}

function join(path, key) {
  return path === '' ? key : `${path}.${key}`;
}

/**
 * A plain object with exactly these fields. Own properties only: a polluted Object.prototype neither supplies an option
 * nor adds an unknown one. `undefined` counts as absent. A field is a check; a default may be a function. The result
 * inherits nothing from Object.prototype either.
 */
function shape(fields, { required = [] } = {}) {
  const names = Object.keys(fields);
  const checks = new Map(Object.entries(fields));
  const withDefaults = names.filter((name) => fields[name].default !== undefined);
  // Not Object.create(null), which makes a dictionary: several times the cost of an object to fill, read and stringify.
  function Checked() {}
  Checked.prototype = Object.create(null);
  return (value, path, fail) => {
    if (!isPlainObject(value)) fail(path === '' ? 'options' : path, `must be a plain object, not ${describe(value)}`);
    // The full path is put together when something is wrong, not for every field that is right.
    const failAt = (name, text) => fail(join(path, name), text);
    const { names: given, symbols } = ownNames(value, path, fail);
    if (symbols.length > 0) failAt(String(symbols[0]), 'is unknown');
    const out = new Checked();
    for (let i = 0; i < given.length; i++) {
      const name = given[i];
      const check = checks.get(name);
      if (check === undefined) failAt(name, 'is unknown');
      const item = read(value, name, failAt);
      if (item !== undefined) out[name] = check(item, name, failAt);
    }
    for (let i = 0; i < required.length; i++) if (out[required[i]] === undefined) failAt(required[i], 'is required');
    for (let i = 0; i < withDefaults.length; i++) {
      const name = withDefaults[i];
      if (out[name] === undefined) out[name] = fields[name].default();
    }
    return out;
  };
}

/** The check, with a value for when the option is absent. */
function withDefault(check, value) {
  const wrapped = (v, path, fail) => check(v, path, fail);
  wrapped.default = typeof value === 'function' ? value : () => value;
  return wrapped;
}

function integer(min, max, unit = '') {
  return (value, path, fail) => {
    if (!Number.isInteger(value) || value < min || value > max) {
      fail(path, `must be an integer from ${min} to ${max}${unit && ` (${unit})`}, not ${describe(value)}`);
    }
    return value;
  };
}

const milliseconds = (min = 1, max = INT32_MAX) => integer(min, max, 'ms');

function boolean(value, path, fail) {
  if (typeof value !== 'boolean') fail(path, `must be true or false, not ${describe(value)}`);
  return value;
}

function func(value, path, fail) {
  if (typeof value !== 'function') fail(path, `must be a function, not ${describe(value)}`);
  return value;
}

/** Text with no lone surrogate (it could not be sent as UTF-8) and no NUL (neither Postgres nor a path can hold it). */
function text({ min = 1, max = 1024, pattern, form } = {}) {
  return (value, path, fail) => {
    if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
    if (value.length < min || value.length > max)
      fail(path, `must have ${min} to ${max} characters, not ${value.length}`);
    if (!value.isWellFormed() || value.includes('\0')) fail(path, 'must be well-formed text without NUL');
    if (pattern && !pattern.test(value)) fail(path, `must be ${form}`);
    return value;
  };
}

/** A credential: printable ASCII. A stray newline from a .env file is the usual mistake, and it is named. */
const credential = text({
  max: 8192,
  pattern: /^[\x21-\x7e]+$/,
  form: 'printable ASCII without spaces or line breaks',
});

function oneOf(...values) {
  const list = values.map((v) => `'${v}'`).join(', ');
  return (value, path, fail) => {
    if (typeof value !== 'string' || !values.includes(value)) fail(path, `must be one of ${list}`);
    return value;
  };
}

function arrayOf(check, { min = 0, max = 1000 } = {}) {
  return (value, path, fail) => {
    if (!isArray(value)) fail(path, `must be an array, not ${describe(value)}`);
    const failAt = (_name, text) => fail(path, text);
    const length = read(value, 'length', failAt);
    if (length < min || length > max) fail(path, `must have ${min} to ${max} items, not ${length}`);
    const out = [];
    // By index, which visits holes as undefined: a sparse array is refused and not skipped over.
    for (let i = 0; i < length; i++) out.push(check(read(value, i, failAt), `${path}[${i}]`, fail));
    return out;
  };
}

/** An absolute http(s) URL without query or fragment; credentials in it are refused unless asked for. */
function httpUrl({ userinfo = false } = {}) {
  return (value, path, fail) => {
    if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
      fail(path, 'must be an absolute http or https URL');
    }
    if (/[\s\\]/.test(value)) fail(path, 'must not hold spaces or backslashes');
    if (!userinfo && (url.username !== '' || url.password !== '')) fail(path, 'must not hold a user name or password');
    if (value.includes('?') || value.includes('#')) fail(path, 'must not hold a query or fragment');
    return value;
  };
}

/** An object with these methods, own or inherited (a pg pool, a logger): structural, never a class check. */
function having(...methods) {
  return (value, path, fail) => {
    const fits = (typeof value === 'object' || typeof value === 'function') && value !== null;
    const failAt = (_name, text) => fail(path, text);
    for (const name of methods) {
      if (!fits || typeof read(value, name, failAt) !== 'function')
        fail(path, `must be an object with the method ${name}()`);
    }
    return value;
  };
}

module.exports = {
  INT32_MAX,
  failWith,
  describe,
  isArray,
  read,
  isPlainObject,
  entriesOf,
  shape,
  withDefault,
  integer,
  milliseconds,
  boolean,
  func,
  text,
  credential,
  oneOf,
  arrayOf,
  httpUrl,
  having,
};
