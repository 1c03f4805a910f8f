'use strict';

const { createHash } = require('node:crypto');
const { failWith, text } = require('../../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const keyText = text({ max: 1024 });

// BullMQ: 1 (first) to 2^21 (last), and 0 before all of them. Ours: higher first, 0 in the middle.
const MIDDLE = 2 ** 20;

/** Five retries after 1, 2, 4, 8 and 16 min, with up to a tenth of jitter; a day of results, a week of failures. */
const DEFAULTS = Object.freeze({
  attempts: 6,
  backoff: Object.freeze({ type: 'exponential', delay: 60_000, jitter: 0.1 }),
  removeOnComplete: Object.freeze({ age: 86_400, count: 10_000 }),
  removeOnFail: Object.freeze({ age: 604_800 }),
});

/**
 * BullMQ's id of the job with this key: equal keys are one job, whoever adds them. A hash, because BullMQ forbids colons and
 * plain numbers in ids, and a key may hold anything.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function jobId(key) {
  keyText(key, 'key', invalid);
  return `warmpath-${createHash('sha256').update(key).digest('hex')}`;
}

/** Every job gets a priority: in BullMQ those without one come before all that have one. */
function bullPriority(priority = 0) {
  return Math.min(Math.max(MIDDLE - priority, 1), 2 * MIDDLE);
}

/** BullMQ's options of one job: ours below those of the queue, below those of the producer. */
function jobOptions(job, queue, given) {
  const { jobId: _id, priority: _priority, ...mine } = given ?? {};
  return {
    ...DEFAULTS,
    ...queue.defaultJobOptions,
    ...mine,
    jobId: jobId(job.key),
    priority: bullPriority(job.priority),
  };
}

module.exports = { jobId, jobOptions };
