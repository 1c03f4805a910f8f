'use strict';

const { WarmpathError, databaseError } = require('../../errors.js');
const { withDeadline } = require('./deadline.js');

/**
 * Where jobs go when their queue is away. `enter(jobs)` answers with one status per job, or throws; `via` names the way.
 *
 * @typedef {{ via: 'store' | 'inline', enter: (jobs: object[]) => Promise<string[]> }} Fallback
 */

/** Into a store (store/contract.js): durable where the store is, and worked off by whoever claims from it. */
function toStore(store, deadlineMs) {
  const late = () =>
    new WarmpathError('ERR_WARMPATH_DATABASE', `the store did not answer within ${deadlineMs} ms`, LATE);
  return {
    via: 'store',
    async enter(jobs) {
      try {
        // Called inside a promise: a store that throws at once is a store that rejects.
        return await withDeadline(
          Promise.resolve(jobs).then((all) => store.enqueue(all)),
          deadlineMs,
          late,
        );
      } catch (err) {
        throw err instanceof WarmpathError ? err : databaseError('the store', err);
      }
    },
  };
}

const LATE = { phase: 'queue', certainty: 'maybe-sent' };

/** Into an executor of this process: not durable, its outcomes come as the executor's own `settled` events. */
function inline(executor, runner, deadlineMs) {
  const late = () =>
    new WarmpathError('ERR_WARMPATH_DATABASE', `the jobs could not be prepared within ${deadlineMs} ms`, {
      phase: 'queue',
      certainty: 'not-sent',
    });
  return {
    via: 'inline',
    async enter(jobs) {
      const prepared = Promise.all(jobs.map((job) => runner.prepare(job)));
      return executor.submitMany(await withDeadline(prepared, deadlineMs, late));
    },
  };
}

module.exports = { toStore, inline };
