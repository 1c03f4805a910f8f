'use strict';

const check = require('./check.js');
const { nameFields } = require('../sql/names.js');
const { DEFAULT_DELAYS_MS } = require('../store/retry-policy.js');

const { shape, withDefault, integer, milliseconds, boolean, func, having, arrayOf, isPlainObject, failWith } = check;

/** True, false, or how to connect: a connection string, or a pg client configuration. */
const listen = (value, path, fail) => {
  if (typeof value !== 'boolean' && typeof value !== 'string' && !isPlainObject(value)) {
    fail(path, 'must be true, false, a connection string, or a configuration for a pg client');
  }
  return value;
};

/** A number of rows, or Infinity. */
const capacity = (value, path, fail) =>
  value === Number.POSITIVE_INFINITY ? value : integer(1, 1_000_000_000)(value, path, fail);

const fields = shape(
  {
    ...nameFields,
    pool: having('query'),
    delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [...DEFAULT_DELAYS_MS]),
    capacity: withDefault(capacity, Number.POSITIVE_INFINITY),
    maxLostLeases: withDefault(integer(1, 1000), 5),
    enqueueTimeoutMs: withDefault(milliseconds(), 5000),
    timeoutMs: withDefault(milliseconds(), 30_000),
    listen: withDefault(listen, true),
    notify: withDefault(boolean, true),
    prepare: withDefault(boolean, true),
    onError: func,
  },
  { required: ['pool'] },
);

/** Checked options of a PostgresStore. */
const postgresOptions = (options) => fields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));

module.exports = { postgresOptions, listen };
