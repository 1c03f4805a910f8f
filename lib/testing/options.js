'use strict';

/** Builds a WarmpathError; the class is required late so that this folder loads without the rest of the package. */
function failure(code, message, cause) {
  const { WarmpathError } = require('../errors');
  return new WarmpathError(code, message, { cause });
}

const invalidOption = (message) => failure('ERR_WARMPATH_INVALID_OPTION', message);

/**
 * Reads options as own properties only and refuses unknown keys, so that a typo cannot silently switch a check off.
 *
 * @param {string} owner name used in messages, for example `R2Sandbox.start`
 * @param {object | undefined} given
 * @param {Record<string, { default?: unknown, check?: (value: any) => boolean, hint?: string }>} shape
 */
function readOptions(owner, given, shape) {
  if (given !== undefined && (given === null || typeof given !== 'object' || Array.isArray(given))) {
    throw invalidOption(`${owner}: options must be an object`);
  }
  const source = given ?? {};
  for (const key of Object.keys(source)) {
    if (!Object.hasOwn(shape, key)) throw invalidOption(`${owner}: unknown option ${key}`);
  }
  const out = {};
  for (const [key, rule] of Object.entries(shape)) {
    const value = Object.hasOwn(source, key) ? source[key] : undefined;
    if (value === undefined) {
      out[key] = rule.default;
    } else if (rule.check && !rule.check(value)) {
      throw invalidOption(`${owner}: option ${key} must be ${rule.hint}`);
    } else {
      out[key] = value;
    }
  }
  return out;
}

const is = {
  count: { check: (v) => Number.isSafeInteger(v) && v >= 0, hint: 'a whole number, 0 or more' },
  positive: { check: (v) => typeof v === 'number' && Number.isFinite(v) && v > 0, hint: 'a number above 0' },
  port: { check: (v) => Number.isInteger(v) && v >= 0 && v <= 65535, hint: 'a port number from 0 to 65535' },
  text: { check: (v) => typeof v === 'string' && v.length > 0, hint: 'a text that is not empty' },
  flag: { check: (v) => typeof v === 'boolean', hint: 'true or false' },
  list: { check: Array.isArray, hint: 'an array' },
  fn: { check: (v) => typeof v === 'function', hint: 'a function' },
  object: { check: (v) => v !== null && typeof v === 'object', hint: 'an object' },
};

module.exports = { invalidOption, readOptions, is };
