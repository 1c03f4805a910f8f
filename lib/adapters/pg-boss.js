'use strict';

const { shape, withDefault, text, having } = require('../options/check.js');
const { invalidOption } = require('../options/executor.js');
const { JobRunner, runnerFields, checkRunner } = require('./queue/runner.js');
const { verdict, recordable, toWarmpathError } = require('./queue/verdict.js');

const fields = shape({
  ...runnerFields,
  schema: withDefault(
    text({ max: 63, pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, form: 'the name of a Postgres schema' }),
    'pgboss',
  ),
});

const boss = having('complete', 'fail', 'getDb');

// Nobody may have a job again before this call returns: pg-boss then completes whatever of the batch is active.
const LEAST_WAIT_MS = 1000;

// What pg-boss has no call for, in the columns that its options of the same names write. A row without started_on is not
// charged when it is fetched again. Only the attempt that ran here is touched: pg-boss 12 says which one that is.
const MINE = "name = $1 AND id = $2::uuid AND state = 'active' AND ($3::int IS NULL OR retry_count = $3::int)";

function statements(schema) {
  const table = `"${schema}".job`;
  return {
    /** No further retry: the next failure is the last, and goes to the dead letter queue where there is one. */
    last: `UPDATE ${table} SET retry_limit = retry_count WHERE ${MINE}`,
    /** Again after $4 ms, uncharged. */
    later: `UPDATE ${table} SET state = 'retry', started_on = NULL,
      start_after = now() + $4::float8 * interval '1 millisecond' WHERE ${MINE}`,
    /** At least a second (LEAST_WAIT_MS) between two tries. */
    slower: `UPDATE ${table} SET retry_delay = GREATEST(retry_delay, 1) WHERE ${MINE}`,
  };
}

/** What is recorded of a failure. */
function output(err) {
  const { code, message } = recordable(err);
  return { name: 'WarmpathError', code, class: err.class, message };
}

/**
 * A handler for `boss.work()` over an executor, for batches of any size: every job is settled for itself. See
 * `pg-boss.d.ts`.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function task(pgBoss, executor, options = {}) {
  boss(pgBoss, 'boss', invalidOption);
  const { schema, ...hooks } = fields(options, '', invalidOption);
  checkRunner(executor, hooks);
  const runner = new JobRunner(executor, hooks);
  const sql = statements(schema);
  const query = (text, { name, id, retryCount }, ...more) =>
    pgBoss.getDb().executeSql(text, [name, id, retryCount ?? null, ...more]);

  async function attempt(job) {
    try {
      const value = await runner.run(runner.check(job.data).job, { signal: job.signal });
      return { job, action: 'done', value };
    } catch (thrown) {
      const err = toWarmpathError(thrown);
      return { job, err, ...verdict(err) };
    }
  }

  async function settle({ job, action, value, err, delayMs }) {
    const { name, id } = job;
    if (action === 'done') return pgBoss.complete(name, id, value);
    if (action === 'later') return query(sql.later, job, Math.max(delayMs, LEAST_WAIT_MS));
    await query(action === 'fail' ? sql.last : sql.slower, job);
    return pgBoss.fail(name, id, output(err));
  }

  return async function warmpathTask(jobs) {
    const ended = await Promise.all(jobs.map(attempt));
    if (ended.length === 1) {
      const [{ action, value, err }] = ended;
      // pg-boss itself settles a single job: it completes with what is returned, and fails with what is thrown.
      if (action === 'done') return value;
      if (action === 'retry') throw recordable(err);
      await settle(ended[0]);
      // Its row is not `active` any more, so that the completion which follows finds nothing.
      return undefined;
    }
    // After all have ended: what is given back must still be waiting when this call returns.
    await Promise.all(ended.map(settle));
    return undefined;
  };
}

module.exports = { task };
