'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { IngestExecutor } = require('../../executor/ingest.js');
const { checkIngestWorkerJob } = require('../../options/ingest-worker-job.js');
const { IngestAfter } = require('../../worker/ingest-after.js');
const { IngestHooks } = require('../../worker/ingest-hooks.js');
const { Once } = require('./once.js');
const { checkedSinks } = require('./process-media-options.js');
const { processor } = require('./processor.js');

const CLOSE_GRACE_MS = 2000;

// Not the end of a job: BullMQ has it back.
const GIVEN_BACK = ['DelayedError', 'WaitingError'];

/** Runs the jobs of a BullMQ worker: an executor, what is told of its jobs, and what comes after them. */
class MediaRunner {
  #executor;
  #once;
  #report;
  #onResult;
  #run;
  #running = 0;

  /** @param {object} parts bullmq; store | null; report; onError(err); onResult(result) */
  constructor(options, { bullmq, store, report, onError, onResult }) {
    const { lockDurationMs, record, prewarm } = options;
    this.#report = report;
    this.#onResult = onResult;
    const hooks = new IngestHooks((key) => this.#once.jobOf(key));
    this.#executor = new IngestExecutor({ ...executorOptions(options), ...hooks.wrap(options) });
    const after = new IngestAfter({ record, prewarm, onError });
    this.#once = new Once({ executor: this.#executor, store, after, hooks, leaseMs: lockDurationMs, onError });
    this.#run = processor(this.#once, { prepare: checkIngestWorkerJob, lockDurationMs, bullmq });
  }

  get running() {
    return this.#running;
  }

  /** A BullMQ processor. */
  async process(job, token, signal) {
    const { data, timestamp } = job;
    const attempt = (job.attemptsMade ?? 0) + 1;
    const startedAt = Date.now();
    const waitedMs = Math.max(0, startedAt - timestamp);
    this.#running++;
    this.#report.dispatched({ job: data, waitedMs, attempt }, this.#running);
    const about = () => ({
      key: data.key,
      job: data,
      attempt,
      waitedMs,
      timings: { queue: 0, total: Date.now() - startedAt },
    });
    try {
      const value = await this.#run(job, token, signal);
      this.#tell({ ...about(), status: 'succeeded', state: 'done', value });
      return value;
    } catch (err) {
      const isLast = err.name === 'UnrecoverableError' || attempt >= (job.opts?.attempts ?? 1);
      const isOver = !GIVEN_BACK.includes(err.name);
      const error = { code: err.code, class: err.class, message: err.message.replace(`${err.code}: `, '') };
      await this.#once.end(data.key, isOver && isLast ? error : null);
      if (isOver && isLast) this.#tell({ ...about(), status: 'failed', state: 'dead', error });
      else if (isOver)
        this.#tell({ ...about(), status: 'failed', state: 'retry', error, runAtMs: nextAt(job, attempt) });
      throw err;
    } finally {
      this.#running--;
    }
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

/** The latest time at which the next try may begin, by the job's own backoff; BullMQ does not say. */
function nextAt({ opts }, attempt) {
  const backoff = opts?.backoff;
  const delay = typeof backoff === 'number' ? backoff : (backoff?.delay ?? 0);
  return Date.now() + (backoff?.type === 'exponential' ? delay * 2 ** (attempt - 1) : delay);
}

function executorOptions(options) {
  const { concurrency, retry, hookTimeoutMs, dir, s3, s3Prefix, sinks } = checkedSinks({ ...options });
  const { capacity, capacityBytes, maxBytes, onMismatch, accept, probe, fsync, timeouts, http, whatsapp } = options;
  return {
    ...{ dir, s3, s3Prefix, sinks, concurrency, capacity, capacityBytes, maxBytes, onMismatch, accept, probe, fsync },
    ...{ timeouts, http, whatsapp, retry, hookTimeoutMs },
  };
}

module.exports = { MediaRunner };
