'use strict';

const { shape, withDefault, milliseconds, oneOf, integer, having, func, INT32_MAX } = require('../../options/check.js');
const { invalidOption, closeOptions } = require('../../options/executor.js');
const { requirePeer } = require('../../peer.js');
const { JobRunner, runnerFields, checkRunner } = require('../queue/runner.js');
const { verdict, recordable, toWarmpathError } = require('../queue/verdict.js');
const { Finished } = require('./finished.js');
const { Locks } = require('./locks.js');
const { Progress } = require('./progress.js');

/** The reason that closeWorker() gives to the jobs it ends; BullMQ passes it on as their signal's reason. */
const CLOSING = 'warmpath: the worker is closing';

const CLASSES = ['UnrecoverableError', 'DelayedError', 'WaitingError'];

function errorClasses(value, path, fail) {
  for (const name of CLASSES) func(value?.[name], `${path}.${name}`, fail);
  return value;
}

const fields = shape({
  ...runnerFields,
  onCancel: withDefault(oneOf('release', 'retry', 'fail'), 'release'),
  // Below 10 s nothing would be left: the engine ends a job 5 s before its lease, and renewals come at a third.
  lockDurationMs: withDefault(milliseconds(10_000, 86_400_000), 30_000),
  progressMs: withDefault(integer(0, INT32_MAX, 'ms'), 1000),
  bullmq: errorClasses,
});

/**
 * A processor for a BullMQ `Worker` over an executor, see `bullmq.d.ts`.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_PEER_MISSING
 */
function processor(executor, options = {}) {
  const { onCancel, lockDurationMs, progressMs, bullmq, ...hooks } = fields(options, '', invalidOption);
  checkRunner(executor, hooks);
  const { UnrecoverableError, DelayedError, WaitingError } = bullmq ?? requirePeer('bullmq', 'warmpath/bullmq');
  const runner = new JobRunner(executor, hooks);
  const locks = new Locks(executor, lockDurationMs);
  const progress = new Progress(executor, progressMs);
  const finished = new Finished();

  /** The error that tells BullMQ what to do with the job. */
  async function judge(err, { job, token, signal, lost }) {
    const error = recordable(err);
    // The job belongs to another worker by now: this one must not move it anywhere.
    if (lost) return new DelayedError(error.message);
    const { action, delayMs } = verdict(err, Date.now() - job.timestamp);
    const cancelled = signal?.aborted && err.class === 'cancelled';
    if (action === 'fail' || (cancelled && onCancel === 'fail')) {
      return Object.assign(new UnrecoverableError(error.message), { code: err.code, class: err.class });
    }
    if (action === 'retry' || (cancelled && onCancel === 'retry')) return error;
    const closing = cancelled && signal.reason === CLOSING;
    try {
      // Neither charges an attempt. A worker that goes on would take a waiting job again at once: so only one that closes.
      if (closing) await job.moveToWait(token);
      else await job.moveToDelayed(Date.now() + delayMs, token);
    } catch {
      // The lock ran out, or the connection is closed: BullMQ finds the job as stalled, and runs it again.
    }
    return closing ? new WaitingError() : new DelayedError();
  }

  // BullMQ gives a signal only to a function with three parameters.
  return async function warmpathProcessor(job, token, signal) {
    const known = finished.find(job);
    if (known !== null) return known.value;
    let held = null;
    let unfollow = () => {};
    try {
      const { job: checked, key } = runner.check(job.data);
      held = locks.hold(job, token, key, signal);
      unfollow = progress.follow(job, key);
      const value = await runner.run(checked, { signal: held.signal, extra: held.lease });
      finished.keep(job, value);
      return value;
    } catch (err) {
      throw await judge(toWarmpathError(err), { job, token, signal, lost: held?.lost ?? false });
    } finally {
      unfollow();
      held?.release();
    }
  };
}

const closable = having('close', 'cancelAllJobs');

/**
 * Closes a worker in bounded time: it takes no further job, running ones may finish for `timeoutMs` (default 10,000), the
 * rest is ended and handed back to the queue, uncharged. Resolves when every job is finished or handed back.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT; also for a BullMQ that cannot cancel jobs (before 5.60)
 */
async function closeWorker(worker, options) {
  const { timeoutMs } = closeOptions(options);
  closable(worker, 'worker', (path, text) => invalidOption(path, text));
  const cancel = () => worker.cancelAllJobs(CLOSING);
  const closed = worker.close();
  const timer = setTimeout(cancel, timeoutMs);
  try {
    await closed;
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { processor, closeWorker };
