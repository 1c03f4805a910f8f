'use strict';

const check = require('./check.js');
const { invalidOption, retryFields } = require('./executor.js');
const { ingestCommon, hookFields, checkedSinks } = require('./ingest.js');
const { logger } = require('./worker.js');
const { STORE_METHODS } = require('../store/contract.js');
const { INGEST_DELAYS_MS } = require('../store/retry-policy.js');

const { shape, withDefault, milliseconds, func, having, arrayOf, oneOf } = check;

const retryShape = shape({
  ...retryFields,
  delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [...INGEST_DELAYS_MS]),
});

function retry(value, path, fail) {
  const out = retryShape(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

/** What a worker adds to the options of its executor, and what tells of its jobs. */
const workerFields = {
  retry: withDefault(retry, () => retry({}, 'retry', invalidOption)),
  // The engine stops 5 s before the lease ends and a heartbeat comes at a third: below 10 s nothing would be left.
  leaseMs: withDefault(milliseconds(10_000, 86_400_000), 60_000),
  pollMs: withDefault(milliseconds(10), 2000),
  // biome-ignore lint/suspicious/noThenProperty: the name of the option; the object is never awaited.
  then: oneOf('prewarm'),
  prewarm: having('enqueueMany'),
  record: func,
  notify: func,
  logger,
  observe: func,
  onError: func,
};

const fields = shape({
  ...ingestCommon,
  ...hookFields,
  ...workerFields,
  pool: having('query'),
  store: having(...STORE_METHODS),
});

/** What the fields alone cannot say: what happens next needs somebody who does it. */
function checkedThen(out) {
  if (out.then !== undefined && out.prewarm === undefined) invalidOption('prewarm', "is required with then: 'prewarm'");
  if (out.prewarm !== undefined && out.then === undefined) invalidOption('prewarm', "needs then: 'prewarm'");
  return out;
}

/** Checked options of an IngestWorker. */
function ingestWorkerOptions(options) {
  const out = fields(options, '', invalidOption);
  if (out.pool !== undefined && out.store !== undefined) invalidOption('pool', 'must not be given together with store');
  return checkedThen(checkedSinks(out));
}

module.exports = { workerFields, checkedThen, ingestWorkerOptions };
