'use strict';

const check = require('./check.js');
const executor = require('./executor.js');
const { identifier } = require('../sql/names.js');
const { STORE_METHODS } = require('../store/contract.js');

const { shape, withDefault, milliseconds, func, having, arrayOf, boolean } = check;

const DEFAULT_DELAYS_MS = [60_000, 120_000, 240_000, 480_000, 960_000];

function retry(value, path, fail) {
  const out = shape({
    ...executor.retryFields,
    delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [...DEFAULT_DELAYS_MS]),
  })(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const logger = having('debug', 'info', 'warn', 'error');

const fields = shape(
  {
    ...executor.common,
    pool: having('query'),
    store: having(...STORE_METHODS),
    resolveBot: func,
    tokenColumn: withDefault(identifier, 'token'),
    retry: withDefault(retry, () => retry({}, 'retry', executor.invalidOption)),
    // The engine stops 5 s before the lease ends and a heartbeat comes at a third: below 10 s nothing would be left.
    leaseMs: withDefault(milliseconds(10_000, 86_400_000), 60_000),
    pollMs: withDefault(milliseconds(10), 2000),
    retryWeakId: withDefault(boolean, false),
    logger,
    observe: func,
    onError: func,
  },
  { required: ['s3'] },
);

/** Checked options of a PrewarmWorker. */
function workerOptions(options) {
  const out = executor.checked(fields, options);
  if (out.pool === undefined && out.resolveBot === undefined) {
    executor.invalidOption('resolveBot', 'is required where no pool is given');
  }
  return out;
}

module.exports = { workerOptions, logger };
