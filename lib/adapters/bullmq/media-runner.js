'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { IngestExecutor } = require('../../executor/ingest.js');
const { isPlainObject } = require('../../options/check.js');
const { ingestCommon } = require('../../options/ingest.js');
const { checkIngestWorkerJob } = require('../../options/ingest-worker-job.js');
const { IngestAfter } = require('../../worker/ingest-after.js');
const { IngestHooks } = require('../../worker/ingest-hooks.js');
const { Once } = require('./once.js');
const { checkedSinks } = require('./process-media-options.js');
const { processor } = require('./processor.js');

const CLOSE_GRACE_MS = 2000;

// Not the end of a job: BullMQ has it back.
const GIVEN_BACK = ['DelayedError', 'WaitingError'];

// What BullMQ says of a job whose lock ran out again and again. Other text is not ours to repeat.
const GIVEN_UP = /^job (stalled|started) more than allowable limit$/;

/** Runs the jobs of a BullMQ worker: an executor, what is told of its jobs, and what comes after them. */
class MediaRunner {
  #executor;
  #once;
  #report;
  #onResult;
  #run;
  #Unrecoverable;
  #running = 0;
  // What jobs have thrown here: BullMQ tells of these too.
  #thrown = new WeakSet();

  /** @param {object} parts bullmq; store | null; report; onError(err); onResult(result) */
  constructor(options, { bullmq, store, report, onError, onResult }) {
    const { lockDurationMs, record, prewarm } = options;
    this.#report = report;
    this.#onResult = onResult;
    const hooks = new IngestHooks((key) => this.#once.jobOf(key));
    this.#executor = new IngestExecutor({ ...executorOptions(options), ...hooks.wrap(options) });
    const after = new IngestAfter({ record, prewarm, onError });
    this.#once = new Once({ executor: this.#executor, store, after, hooks, leaseMs: lockDurationMs, onError });
    this.#Unrecoverable = bullmq.UnrecoverableError;
    this.#run = processor(this.#once, { prepare: checkIngestWorkerJob, lockDurationMs, bullmq });
  }

  get running() {
    return this.#running;
  }

  /** A BullMQ processor. */
  async process(job, token, signal) {
    this.#running++;
    try {
      return await this.#process(job, token, signal);
    } catch (err) {
      this.#thrown.add(err);
      throw err;
    } finally {
      this.#running--;
    }
  }

  async #process(job, token, signal) {
    const attempt = (job.attemptsMade ?? 0) + 1;
    const startedAt = Date.now();
    const about = () => ({ ...aboutOf(job, startedAt), attempt, timings: { queue: 0, total: Date.now() - startedAt } });
    const { waitedMs, key, job: data } = about();
    this.#report.dispatched({ job: data, waitedMs, attempt }, this.#running);
    try {
      if (typeof job.data?.key !== 'string') throw this.#keyless();
      const value = await this.#run(job, token, signal);
      this.#tell({ ...about(), status: 'succeeded', state: 'done', value });
      return value;
    } catch (err) {
      const isLast = err.name === 'UnrecoverableError' || attempt >= (job.opts?.attempts ?? 1);
      const isOver = !GIVEN_BACK.includes(err.name);
      const error = { code: err.code, class: err.class, message: err.message.replace(`${err.code}: `, '') };
      await this.#once.end(key, isOver && isLast ? error : null);
      if (isOver && isLast) this.#tell({ ...about(), status: 'failed', state: 'dead', error });
      else if (isOver)
        this.#tell({ ...about(), status: 'failed', state: 'retry', error, runAtMs: nextAt(job, attempt) });
      throw err;
    }
  }

  /**
   * BullMQ has a job as failed: told of here where it never came back to this class, because every process that ran it died at it.
   *
   * @param {object} job @param {Error} err as BullMQ's worker tells it
   */
  async failed(job, err) {
    if (job?.finishedOn === undefined || this.#thrown.has(err)) return;
    const about = { ...aboutOf(job, job.processedOn), attempt: job.attemptsMade ?? 0, timings: { queue: 0, total: 0 } };
    const why = GIVEN_UP.test(err?.message) ? err.message : 'the queue gave the job up';
    const error = { code: 'ERR_WARMPATH_LEASE_LOST', class: 'permanent', message: why };
    if (await this.#once.giveUp(about.job, error)) this.#tell({ ...about, status: 'failed', state: 'dead', error });
  }

  /** Of a job that somebody else has added: there is nothing by which it could be told apart. */
  #keyless() {
    const code = 'ERR_WARMPATH_INVALID_JOB';
    const err = new this.#Unrecoverable(`${code}: job.key must be a string`);
    return Object.assign(err, { code, class: 'permanent' });
  }

  #tell(result) {
    this.#report.result(result);
    this.#onResult(result);
  }

  async close() {
    await this.#executor.close({ timeoutMs: 0 });
    await Promise.race([this.#once.close(), sleep(CLOSE_GRACE_MS, undefined, { ref: false })]);
  }
}

/** What is told of a job before anybody has checked it: BullMQ may hold anything. */
function aboutOf({ id, data, timestamp }, startedAt = Date.now()) {
  const job = isPlainObject(data) ? data : {};
  const key = typeof job.key === 'string' ? job.key : String(id);
  return { key, job, waitedMs: Math.max(0, startedAt - timestamp) || 0 };
}

/** The latest time at which the next try may begin, by the job's own backoff; BullMQ does not say. */
function nextAt({ opts }, attempt) {
  const backoff = opts?.backoff;
  const delay = typeof backoff === 'number' ? backoff : (backoff?.delay ?? 0);
  return Date.now() + (backoff?.type === 'exponential' ? delay * 2 ** (attempt - 1) : delay);
}

/** Of checked options, those that an IngestExecutor has too; the hooks are wrapped. */
function executorOptions(options) {
  const names = [...Object.keys(ingestCommon), 'retry', 'hookTimeoutMs'];
  const checked = checkedSinks({ ...options });
  return Object.fromEntries(names.map((name) => [name, checked[name]]));
}

module.exports = { MediaRunner };
