'use strict';

const { WarmpathError } = require('../../errors.js');
const { isPatienceOver } = require('../../store/retry-policy.js');

// A job that comes back without a time of its own waits a moment, so that a lasting cause (an executor that is full, or
// closed) does not become a busy loop between the queue and this process.
const HAND_BACK_MS = 1000;

// The database that knows the bots is away.
const LOOKUP_RETRY_MS = 5000;

const LATER_MS = {
  ERR_WARMPATH_QUEUE_FULL: HAND_BACK_MS,
  ERR_WARMPATH_CLOSED: HAND_BACK_MS,
  ERR_WARMPATH_DATABASE: LOOKUP_RETRY_MS,
};

/**
 * What a queue has to do with a job that failed, by the class of its error. This is the one table that all queue adapters
 * share; it agrees with the store's (`lib/store/retry-policy.js`).
 *
 * - `fail`: never again (permanent; config without a time);
 * - `later`: again after `delayMs`, and no attempt is charged (throttled, cancelled, nothing was tried, a bot that is refused), unless a source has asked
 *   for time for too long;
 * - `retry`: again by the queue's own backoff, an attempt is charged (transient, ambiguous, bug).
 *
 * @param {WarmpathError} error
 * @param {number} [ageMs] of the job, where the queue knows it
 * @returns {{ action: 'fail' | 'retry' } | { action: 'later', delayMs: number }}
 */
function verdict(error, ageMs) {
  const { code, class: kind, retryAfterMs } = error;
  if (isPatienceOver(error, ageMs)) return { action: 'retry' };
  if (LATER_MS[code] !== undefined) return { action: 'later', delayMs: LATER_MS[code] };
  if (kind === 'throttled' || kind === 'cancelled') {
    return { action: 'later', delayMs: Math.max(1, retryAfterMs ?? HAND_BACK_MS) };
  }
  if (kind === 'config' && retryAfterMs > 0) return { action: 'later', delayMs: retryAfterMs };
  return { action: kind === 'permanent' || kind === 'config' ? 'fail' : 'retry' };
}

/**
 * The error as a queue records it: queues keep the message and the stack only, so the code goes into the message. The
 * cause stays out: it may carry anything, a secret too.
 */
function recordable(error) {
  return new WarmpathError(error.code, `${error.code}: ${error.message}`, { ...error, class: error.class });
}

/** Any thrown thing as a WarmpathError; a foreign one is not ours to repeat, so its text is left out. */
function toWarmpathError(err) {
  if (err instanceof WarmpathError) return err;
  return new WarmpathError('ERR_WARMPATH_INTERNAL', 'the job could not be prepared', { cause: err });
}

module.exports = { verdict, recordable, toWarmpathError };
