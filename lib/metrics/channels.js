'use strict';

const channel = require('node:diagnostics_channel');

/**
 * Names for tools that hook in without being asked (an APM): a message for every job that ended, will be tried again, or began.
 *
 * - `warmpath:job:start` `{ worker, key, job, attempt }`: claimed, and given to the executor
 * - `warmpath:job:end` `{ worker, key, job, attempt, timings, value }`
 * - `warmpath:job:error` `{ worker, key, job, attempt, timings, error, final }`: final: it is not tried again
 *
 * `job` is what may be shown of it: no token, no text, no signed address. Costs nothing where nobody listens.
 *
 * @see https://nodejs.org/api/diagnostics_channel.html
 */
const start = channel.channel('warmpath:job:start');
const end = channel.channel('warmpath:job:end');
const error = channel.channel('warmpath:job:error');

function publishStart(worker, { key, job, attempt }) {
  if (!start.hasSubscribers) return;
  start.publish({ worker: worker.name, key, job: worker.describe(job), attempt });
}

/** @param {object} worker @param {object[]} results as a 'settled' event has them */
function publishSettled(worker, results) {
  if (!end.hasSubscribers && !error.hasSubscribers) return;
  for (const { key, job, attempt, timings, value, error: failure, state } of results) {
    const common = { worker: worker.name, key, job: worker.describe(job), attempt, timings };
    if (failure === undefined) end.publish({ ...common, value });
    else error.publish({ ...common, error: failure, final: state === 'dead' });
  }
}

module.exports = { publishStart, publishSettled };
