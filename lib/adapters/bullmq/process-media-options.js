'use strict';

const check = require('../../options/check.js');
const { invalidOption, retryFields } = require('../../options/executor.js');
const { ingestCommon, hookFields, checkedSinks } = require('../../options/ingest.js');
const { workerFields, checkedThen } = require('../../options/ingest-worker.js');
const { STORE_METHODS } = require('../../store/contract.js');

const { shape, withDefault, integer, milliseconds, boolean, text, oneOf, func, having, isPlainObject, describe } =
  check;

const plainObject = (value, path, fail) => {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  return value;
};

/** BullMQ's own: settings, or a client of the app. */
const connection = (value, path, fail) => {
  if (typeof value !== 'object' || value === null)
    fail(path, `must be settings or a Redis client, not ${describe(value)}`);
  return value;
};

const { then, prewarm, record, notify, logger, observe } = workerFields;

const fields = shape({
  ...ingestCommon,
  ...hookFields,
  then,
  ...{ prewarm, record, notify, logger, observe },
  retry: withDefault(shape(retryFields), () => shape(retryFields)({}, 'retry', invalidOption)),
  bullmq: having('Queue', 'Worker'),
  connection,
  prefix: text({ max: 255 }),
  jobOptions: plainObject,
  workerOptions: plainObject,
  fallback: oneOf('store', 'inline', 'reject'),
  pool: having('query'),
  store: having(...STORE_METHODS),
  runsFallback: withDefault(boolean, true),
  deadlineMs: withDefault(milliseconds(), 250),
  redisDeadlineMs: withDefault(milliseconds(), 150),
  backlog: withDefault(integer(1, 1_000_000), 10_000),
  maxInlineBytes: withDefault(integer(0, 2 ** 26, 'bytes'), 65_536),
  // Below 10 s nothing would be left: the engine ends a job 5 s before its lease, and renewals come at a third.
  lockDurationMs: withDefault(milliseconds(10_000, 86_400_000), 30_000),
  captureException: func,
});

/** Checked options of a ProcessMedia. */
function processMediaOptions(options) {
  const out = checkedThen(fields(options, '', invalidOption));
  if (out.pool !== undefined && out.store !== undefined) invalidOption('pool', 'must not be given together with store');
  const durable = out.pool !== undefined || out.store !== undefined;
  out.fallback ??= durable ? 'store' : 'inline';
  if (out.fallback === 'store' && !durable) invalidOption('store', "or pool is required with fallback: 'store'");
  if (out.fallback === 'inline' && durable)
    invalidOption('fallback', "must be 'store' where a store or a pool is given");
  if (out.redisDeadlineMs > out.deadlineMs) invalidOption('redisDeadlineMs', 'must not be above deadlineMs');
  return out;
}

module.exports = { processMediaOptions, checkedSinks };
