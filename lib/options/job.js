'use strict';

const { INT32_MAX, shape, integer, milliseconds, text, oneOf, arrayOf, failWith } = require('./check.js');
const { KINDS, priority, chatId, sha256, contentType, token, r2Key } = require('./fields.js');
const { jobKey } = require('../key.js');

const invalidJob = failWith('ERR_WARMPATH_INVALID_JOB');

const media = {
  key: text({ max: 1024 }),
  botSlug: text({ max: 255 }),
  sha256,
  kind: oneOf(...KINDS),
  r2Key,
  path: text({ max: 4096 }),
  fileName: text({ max: 1024 }),
  contentType,
  size: integer(0, Number.MAX_SAFE_INTEGER, 'bytes'),
  priority,
  caption: text({ min: 0, max: 4096 }),
  width: integer(1, 65_535, 'pixels'),
  height: integer(1, 65_535, 'pixels'),
  duration: integer(0, INT32_MAX, 'seconds'),
  title: text({ max: 256 }),
  performer: text({ max: 256 }),
};

/** What a job says of its media; the engine finds out what it does not. */
const GIVEN = ['width', 'height', 'duration', 'title', 'performer'];

const REQUIRED = ['botSlug', 'sha256', 'kind'];

// The worker adds the number of the claim to the key, and the result has to fit too.
const storeJob = shape({ ...media, key: text({ max: 1000 }) }, { required: REQUIRED });

const account = { token, chatIds: arrayOf(chatId, { min: 1, max: 100 }) };

const executorJob = shape(
  { ...media, ...account, leaseMs: milliseconds() },
  { required: [...REQUIRED, 'token', 'chatIds'] },
);

function check(fields, job, path) {
  const out = fields(job, path, invalidJob);
  if ((out.r2Key === undefined) === (out.path === undefined)) {
    invalidJob(`${path}.r2Key`, 'or path is required, and only one of them');
  }
  out.key ??= jobKey(out);
  return out;
}

/** A job for the executor, in the shape the engine reads: chat ids as text, the key filled in, what it says of its media together. */
function checkExecutorJob(job, path = 'job') {
  const out = check(executorJob, job, path);
  out.chatIds = out.chatIds.map(String);
  for (const name of GIVEN) {
    if (out[name] === undefined) continue;
    out.media ??= {};
    out.media[name] = out[name];
    delete out[name];
  }
  return out;
}

/** A job for a worker: the same without token, chat ids and lease, which the worker adds. */
function checkWorkerJob(job, path = 'job') {
  return check(storeJob, job, path);
}

/** Whether these values would pass as fields of a job. */
function fieldsFit(values) {
  try {
    for (const [name, value] of Object.entries(values)) (media[name] ?? account[name])(value, name, invalidJob);
    return true;
  } catch {
    return false;
  }
}

// As many as an array can hold: how many there is room for is said by the statuses.
const MOST_JOBS = 2 ** 32;

/** An array of jobs, all checked before the first one has an effect. */
function checkAll(checkOne, jobs) {
  return arrayOf((job, path) => checkOne(job, path), { max: MOST_JOBS })(jobs, 'jobs', invalidJob);
}

module.exports = { checkExecutorJob, checkWorkerJob, fieldsFit, checkAll };
