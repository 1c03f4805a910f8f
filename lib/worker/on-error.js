'use strict';

const { fromOutcome } = require('../errors.js');

/**
 * Tells one function of every failure that somebody should know of, in the shape that error trackers take: an Error, and what is
 * known about it. Jobs that failed for good, and failures that belong to no job; what will be tried again is neither.
 *
 * @param {object} worker
 * @param {(err: Error, context: { worker: string, key?: string, job?: object, attempt?: number }) => unknown} onError what it
 *   throws is dropped: watching a job never changes how it ends
 */
function tellErrors(worker, onError) {
  const tell = (err, context) => {
    try {
      const answer = onError(err, { worker: worker.name, ...context });
      // A tracker that answers with a promise must not end the process with it.
      if (typeof answer?.catch === 'function') answer.catch(() => {});
    } catch {}
  };
  worker.on('failed', ({ key, job, error, attempt }) =>
    tell(fromOutcome(error), { key, job: worker.describe(job), attempt }),
  );
  worker.on('error', (err) => tell(err, {}));
}

module.exports = { tellErrors };
