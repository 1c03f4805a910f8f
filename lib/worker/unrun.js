'use strict';

const NO_TIMINGS = { queue: 0, download: 0, upload: 0, answer: 0, total: 0 };

/** The outcome of a job that failed before it reached the executor. */
function failedUnrun({ code, message, class: kind }, { charged, retryAfterMs }) {
  const error = { code, class: kind, phase: 'queue', message, certainty: 'not-sent', retryAfterMs };
  return { status: 'failed', error, attempts: 0, possibleDuplicates: 0, bytes: 0, timings: NO_TIMINGS, charged };
}

/** The outcome of a job that goes back to the store as it came. */
function handedBack() {
  const error = { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message: 'handed back' };
  return { status: 'failed', error, timings: NO_TIMINGS };
}

module.exports = { failedUnrun, handedBack };
