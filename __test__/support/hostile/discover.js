'use strict';

// Which options there are, found out by asking the code: every table of options is made by `shape` (or `readOptions` in the
// sandboxes), so those two are watched. To be required before anything else of the package.

const check = require('../../../lib/options/check.js');
const testing = require('../../../lib/testing/options.js');

/** Objects that were held against a table, with the names in it. */
let seen = new Map();

const note = (value, fields) => {
  if (typeof value === 'object' && value !== null) {
    seen.set(value, [...new Set([...(seen.get(value) ?? []), ...Object.keys(fields)])]);
  }
};

const { shape } = check;
check.shape = (fields, rules) => {
  const inner = shape(fields, rules);
  return (value, path, fail) => {
    note(value, fields);
    return inner(value, path, fail);
  };
};

const { readOptions } = testing;
testing.readOptions = (owner, given, fields) => {
  note(given, fields);
  return readOptions(owner, given, fields);
};

/** The names that `marker`, somewhere in what `call` is given, was held against. */
async function fieldsOf(marker, call) {
  seen = new Map();
  try {
    await call();
  } catch {
    // Most of what is tried here is wrong; only who looked matters.
  }
  return seen.get(marker) ?? [];
}

const isOpen = (value) =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** A copy of `options` with the value put at the path; `[]` in a path is a list of one. */
function withValue(options, [head, ...tail], value) {
  const rest = tail.length === 0 ? value : withValue(head === '[]' ? {} : options?.[head], tail, value);
  if (head === '[]') return [rest];
  return { ...(isOpen(options) ? options : {}), [head]: rest };
}

/**
 * Every path of options that `call` knows, depth first: `['s3']`, `['s3', 'region']`, `['limits', 'chat', 'burst']`.
 *
 * @param {(options: object) => unknown} call
 * @param {object} base valid options
 */
async function discover(call, base, most = 5) {
  const paths = [];
  const visit = async (path) => {
    if (path.length >= most) return;
    for (const step of path.length === 0 ? [[]] : [[], ['[]']]) {
      const here = [...path, ...step];
      const at = here.reduce((value, name) => (name === '[]' ? undefined : value?.[name]), base);
      const marker = isOpen(at) ? { ...at } : {};
      const names = await fieldsOf(marker, () => call(here.length === 0 ? marker : withValue(base, here, marker)));
      for (const name of names) {
        paths.push([...here, name]);
        await visit([...here, name]);
      }
    }
  };
  await visit([]);
  return paths;
}

module.exports = { discover, withValue };
