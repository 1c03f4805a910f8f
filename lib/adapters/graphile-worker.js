'use strict';

const { shape, withDefault, text } = require('../options/check.js');
const { invalidOption } = require('../options/executor.js');
const { JobRunner, runnerFields, checkRunner } = require('./queue/runner.js');
const { verdict, recordable, toWarmpathError } = require('./queue/verdict.js');

const fields = shape({
  ...runnerFields,
  schema: withDefault(
    text({ max: 63, pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, form: 'the name of a Postgres schema' }),
    'graphile_worker',
  ),
});

/**
 * Puts the same job in again for later, uncharged: its retries are those that this attempt had before it. The row that runs
 * here is taken out of the retries by the same statement (that is what `replace` does to a locked job with that key), so
 * that a crash between the two cannot run both.
 */
async function again({ job, addJob, getQueueName }, key, delayMs) {
  const queueName = job.job_queue_id === null ? null : await getQueueName();
  await addJob(job.task_identifier, job.payload, {
    jobKey: job.key ?? `warmpath:${key}`,
    jobKeyMode: 'replace',
    runAt: new Date(Date.now() + delayMs),
    maxAttempts: Math.max(1, job.max_attempts - job.attempts + 1),
    priority: job.priority,
    ...(queueName === null ? {} : { queueName }),
    ...(job.flags === null ? {} : { flags: Object.keys(job.flags) }),
  });
}

/**
 * A task for graphile-worker's task list over an executor. See `graphile-worker.d.ts`.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function task(executor, options = {}) {
  const { schema, ...hooks } = fields(options, '', invalidOption);
  checkRunner(executor, hooks);
  const runner = new JobRunner(executor, hooks);

  /** A failure for good: kept with its reason where the job has a key, else logged. */
  async function giveUp(err, { job, logger, query }) {
    logger.error(`warmpath: job ${job.id} failed for good: ${err.message}`, { code: err.code, class: err.class });
    if (job.key === null) return;
    // For a job that runs this means "no retries": it stays in the table, with last_error, as one that used up its attempts.
    await query(`SELECT "${schema}".remove_job($1)`, [job.key]);
    throw err;
  }

  return async function warmpathTask(payload, helpers) {
    let key;
    try {
      const checked = runner.check(payload);
      key = checked.key;
      // What a task returns would be read as the part of a batch that is to be done again.
      await runner.run(checked.job, { signal: helpers.abortSignal });
    } catch (thrown) {
      const err = toWarmpathError(thrown);
      const { action, delayMs } = verdict(err, Date.now() - helpers.job.created_at?.getTime());
      if (action === 'retry') throw recordable(err);
      if (action === 'later') await again(helpers, key, delayMs);
      else await giveUp(recordable(err), helpers);
    }
  };
}

module.exports = { task };
