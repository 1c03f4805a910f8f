'use strict';

const check = require('./check.js');
const { campaignFields, campaignRetryFields, checkedCampaign } = require('./campaign.js');
const { invalidOption } = require('./executor.js');
const { jsonObject } = require('./json.js');
const { logger } = require('./worker.js');
const { campaignNameFields } = require('../sql/campaign-names.js');

const { shape, withDefault, integer, milliseconds, func, having, arrayOf, text, boolean, failWith, describe } = check;

const MINUTE = 60_000;

const storeFields = {
  ...campaignNameFields,
  pool: having('query'),
  delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [5 * MINUTE, 15 * MINUTE, 30 * MINUTE]),
  activeStatuses: withDefault(arrayOf(text({ max: 64 }), { min: 1, max: 16 }), () => ['running']),
  maxLostLeases: withDefault(integer(1, 1000), 5),
  timeoutMs: withDefault(milliseconds(), 30_000),
  prepare: withDefault(boolean, true),
};
const storeShape = shape(storeFields, { required: ['pool'] });

/** Checked options of a CampaignStore. */
const campaignOptionsOf = (options) => storeShape(options, '', invalidOption);

function retry(value, path, fail) {
  const out = shape({ ...campaignRetryFields, delaysMs: storeFields.delaysMs })(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const { concurrency: _, capacity: __, confirmParts: ___, ...engineFields } = campaignFields;
const { delaysMs: ____, ...ownStoreFields } = storeFields;

const fields = shape(
  {
    ...engineFields,
    ...ownStoreFields,
    window: withDefault(integer(1, 4096), 5),
    contexts: func,
    context: func,
    retry: withDefault(retry, () => retry({}, 'retry', invalidOption)),
    skipAfterMs: milliseconds(1000),
    // The engine stops 5 s before the lease ends and a heartbeat comes at a third: below 10 s nothing would be left.
    leaseMs: withDefault(milliseconds(10_000, 86_400_000), 120_000),
    pollMs: withDefault(milliseconds(10), 2000),
    logger,
    observe: func,
    onError: func,
  },
  { required: ['pool', 'llm', 'webhook'] },
);

/** Checked options of a CampaignWorker: those of the store, those of the engine, and its own. */
function campaignWorkerOptions(options) {
  const { retry: both, window, ...rest } = checkedCampaign(fields(options, '', invalidOption));
  const { delaysMs, ...quick } = both;
  const pick = (names, from = rest) =>
    Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
  // As they were given, for the executor to check them itself: what a check has put in their place is not always an option.
  const given = structuredClone(pick(Object.keys(engineFields), options));
  return {
    ...pick(['contexts', 'context', 'skipAfterMs', 'leaseMs', 'pollMs', 'logger', 'observe', 'onError']),
    window,
    store: { ...pick(Object.keys(ownStoreFields)), delaysMs },
    engine: { ...given, retry: quick },
  };
}

const invalidJob = failWith('ERR_WARMPATH_INVALID_JOB');

/** A key of the app's: text, or a number as pg gives it. */
const key = (value, path, fail) => {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  return text({ max: 250 })(value, path, fail);
};

const date = (value, path, fail) => {
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    fail(path, `must be a valid Date, not ${describe(value)}`);
  return value;
};

const message = shape(
  { runId: key, messageId: key, leadId: key, scheduledAt: date, payload: jsonObject({ maxBytes: 1024 * 1024 }) },
  { required: ['runId'] },
);

/** A message as it is put in. */
const checkMessage = (given, path = 'message') => message(given, path, invalidJob);

module.exports = { campaignWorkerOptions, campaignOptionsOf, checkMessage, key };
