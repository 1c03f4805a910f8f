'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { IngestExecutor } = require('../../executor/ingest.js');
const { checkIngestWorkerJob } = require('../../options/ingest-worker-job.js');
const { IngestAfter } = require('../../worker/ingest-after.js');
const { IngestHooks } = require('../../worker/ingest-hooks.js');
const { Once } = require('./once.js');
const { closeWorker, processor } = require('./processor.js');
const { checkedSinks } = require('./process-media-options.js');

const CLOSE_GRACE_MS = 2000;
const QUIET_MS = 10_000;

// Not the end of a job: BullMQ has it back.
const GIVEN_BACK = ['DelayedError', 'WaitingError'];

/** A BullMQ worker of the queue, and the executor that runs its jobs. */
class MediaLane {
  #executor;
  #once;
  #worker;
  #report;
  #onResult;
  #run;
  #running = 0;
  #quietUntil = 0;

  /** @param {object} parts name; bullmq; connection; store | null; report; onError(err); onResult(result) */
  constructor(options, { name, bullmq, connection, store, report, onError, onResult }) {
    const { concurrency, lockDurationMs, record, prewarm, workerOptions, prefix } = options;
    this.#report = report;
    this.#onResult = onResult;
    const hooks = new IngestHooks((key) => this.#once.jobOf(key));
    this.#executor = new IngestExecutor({ ...executorOptions(options), ...hooks.wrap(options) });
    const after = new IngestAfter({ record, prewarm, onError });
    this.#once = new Once({ executor: this.#executor, store, after, hooks, leaseMs: lockDurationMs, onError });
    this.#run = processor(this.#once, { prepare: checkIngestWorkerJob, lockDurationMs, bullmq });
    this.#worker = new bullmq.Worker(name, (job, token, signal) => this.#process(job, token, signal), {
      ...workerOptions,
      ...(prefix === undefined ? {} : { prefix }),
      connection,
      concurrency,
      lockDuration: lockDurationMs,
    });
    this.#worker.on('error', (err) => this.#disconnected(err, onError));
  }

  get running() {
    return this.#running;
  }

  /** BullMQ tells of every attempt to connect: some a second, for as long as Redis is away. */
  #disconnected(err, onError) {
    if (performance.now() < this.#quietUntil && typeof err?.code === 'string') return;
    this.#quietUntil = performance.now() + QUIET_MS;
    onError(err);
  }

  async #process(job, token, signal) {
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

  /** In bounded time, also when Redis is away: what is not finished stalls then, and runs again. */
  async close(timeoutMs) {
    const closed = closeWorker(this.#worker, { timeoutMs });
    closed.catch(() => {});
    const passed = sleep(timeoutMs + CLOSE_GRACE_MS, 'late', { ref: false });
    if ((await Promise.race([closed.catch(() => {}), passed])) === 'late') this.#worker.disconnect?.().catch(() => {});
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

module.exports = { MediaLane };
