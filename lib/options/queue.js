'use strict';

const check = require('./check.js');
const { priority } = require('./fields.js');

const { shape, withDefault, integer } = check;

const invalidOption = check.failWith('ERR_WARMPATH_INVALID_OPTION');
const invalidArgument = check.failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const fields = shape({ capacity: withDefault(integer(1, 2 ** 24), 500) });

/** Checked options of a Queue. */
function queueOptions(options = {}) {
  return fields(options, '', invalidOption);
}

const enqueueFields = shape({ key: check.text({ min: 0, max: 4096 }), priority: withDefault(priority, 0) });

/** Checked `{ key?, priority? }`. */
function enqueueOptions(options, path) {
  return enqueueFields(options, path, invalidArgument);
}

/** An item of a Queue: anything but null and undefined, which mean "nothing there". */
function checkItem(item, path) {
  if (item === null || item === undefined) invalidArgument(path, 'must not be null or undefined');
  return item;
}

function checkKey(key) {
  if (typeof key !== 'string') invalidArgument('key', `must be a string, not ${check.describe(key)}`);
  return key;
}

function checkMax(max) {
  return integer(1, 2 ** 31 - 1)(max, 'max', invalidArgument);
}

module.exports = { queueOptions, enqueueOptions, checkItem, checkKey, checkMax, invalidArgument };
