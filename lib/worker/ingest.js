'use strict';

const { WarmpathError } = require('../errors.js');
const { IngestExecutor } = require('../executor/ingest.js');
const { CompatNames } = require('../metrics/compat-names.js');
const { closeOptions } = require('../options/executor.js');
const { ingestWorkerOptions } = require('../options/ingest-worker.js');
const { checkIngestWorkerJob } = require('../options/ingest-worker-job.js');
const { checkAll } = require('../options/job.js');
const { MemoryStore } = require('../store/memory.js');
const { PostgresIngestStore } = require('../store/postgres-ingest.js');
const { isPatienceOver } = require('../store/retry-policy.js');
const { IngestAfter } = require('./ingest-after.js');
const { IngestHooks } = require('./ingest-hooks.js');
const { IngestReport } = require('./ingest-report.js');
const { shownJob } = require('./ingest-shown.js');
const { Worker } = require('./worker.js');

// Twice the highest concurrency there is; a bound, not a reservation.
const EXECUTOR_CAPACITY = 8192;

// Of how many jobs a store in memory remembers that they are done: senders deliver a message again, mostly soon.
const KEEP_DONE = 10_000;

const HELD = ['bytes', 'base64', 'dataUrl'];

/**
 * A durable ingest worker: takes jobs that say where a media is, stores it (disk, S3/R2), records what it is, and says what
 * became of it. With `pool` (and no `store`) jobs wait in the table `ingest_jobs`, and any number of processes may work on it.
 */
class IngestWorker extends Worker {
  #executorOptions;
  #hooks = new IngestHooks((handle) => this.#jobs.get(handle));
  #store;
  #report;
  #stopped = false;
  #settings;
  #next = null;
  #capacityBytes;
  #heldBytes = 0;
  #parked = [];
  // What the executor has, by its key there: the hooks of the app are told of the job that the app knows.
  #jobs = new Map();

  /**
   * @param {object} options see IngestWorkerOptions in index.d.ts
   * @param {object} [parts] replacements for what `options` would make: store, report. For other modules of this package, not
   *   for applications
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
   */
  constructor(options, parts = {}) {
    const checked = ingestWorkerOptions(options);
    const { pool, store: given, retry, leaseMs, pollMs, then: _, prewarm, record, ...rest } = checked;
    const { notify, logger, observe, onError, reupload, resolve, ...engine } = rest;
    const { delaysMs, ...quick } = retry;
    const make = () => {
      if (pool === undefined) return new MemoryStore({ capacity: engine.capacity, delaysMs, keepDone: KEEP_DONE });
      return new PostgresIngestStore({ pool, delaysMs, onError: (err) => this.problem(err) });
    };
    const store = parts.store ?? given ?? make();
    const compatNames = new CompatNames(observe);
    const report = parts.report ?? new IngestReport({ logger, observe: compatNames.observe, notify });
    const isPlain = record === undefined && prewarm === undefined;
    const recorder = isPlain ? null : new IngestAfter({ record, prewarm, onError: (err) => this.problem(err) });
    super({
      ...{ name: 'ingest', store, recorder, report, concurrency: engine.concurrency, leaseMs, pollMs },
      ...{ compatNames, onError },
      ping: pool === undefined ? undefined : () => pool.query('SELECT 1'),
    });
    this.#executorOptions = {
      ...engine,
      ...this.#hooks.wrap({ reupload, resolve }),
      retry: quick,
      // The worker never claims more than twice its concurrency, which may be raised while it runs.
      capacity: EXECUTOR_CAPACITY,
      // Counted here, where a job that does not fit can wait.
      capacityBytes: Number.MAX_SAFE_INTEGER,
    };
    this.#capacityBytes = engine.capacityBytes;
    this.#store = store;
    this.#report = report;
    this.#settings = { intervalMs: pollMs, concurrency: engine.concurrency, capacity: engine.capacity };
    // A wrong setting or a missing addon is to be known now, not at start.
    this.#next = this.createExecutor();
  }

  createExecutor() {
    const executor = this.#next ?? new IngestExecutor(this.#executorOptions);
    this.#next = null;
    return executor;
  }

  /**
   * Starts claiming; a running worker is left as it is. A database that is away does not make it reject: an 'error' event
   * tells, and the claim is repeated.
   */
  async start() {
    if (!this.begin()) return;
    this.#stopped = false;
    this.#report.started(this.#settings);
  }

  async stop(options) {
    closeOptions(options);
    this.#stopped = true;
    if (this.state === 'idle') {
      await this.#next?.close({ timeoutMs: 0 });
      this.#next = null;
      await this.#store.leave?.();
      return;
    }
    await super.stop(options);
  }

  setConcurrency(n) {
    super.setConcurrency(n);
    this.#executorOptions.concurrency = n;
  }

  /** @returns {Promise<'queued' | 'duplicate' | 'processing' | 'cached' | 'full'>} */
  async enqueue(job) {
    return (await this.#enqueue([checkIngestWorkerJob(job)]))[0];
  }

  /** One status per job; all jobs are checked before the first is queued. */
  async enqueueMany(jobs) {
    return this.#enqueue(checkAll(checkIngestWorkerJob, jobs));
  }

  async #enqueue(jobs) {
    if (this.#stopped) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the worker was stopped');
    if (jobs.length === 0) return [];
    const statuses = await this.#store.enqueue(jobs);
    this.origins.learn(jobs.filter((_, i) => statuses[i] === 'queued').map(({ key }) => key));
    const gauges = this.gauges();
    jobs.forEach((job, i) => {
      this.#report.enqueued(job, statuses[i], gauges);
    });
    return statuses;
  }

  prepare(claims) {
    this.#parked.push(...claims);
    this.#submitFitting();
  }

  /** Bytes that come with jobs are held natively until these end: what does not fit waits here, claimed, for its turn. */
  #submitFitting() {
    for (;;) {
      const batch = [];
      while (this.#parked.length > 0 && this.#fits(this.#parked[0])) batch.push(this.#parked.shift());
      if (batch.length === 0) return;
      this.#submit(batch);
    }
  }

  #submit(claims) {
    try {
      this.submit(claims, ({ job: { meta: _meta, prewarm: _prewarm, ...job } }) => job);
    } catch (err) {
      // A store may hold what this version, or this worker with its sinks, does not accept: one such job must not take the
      // others along.
      if (claims.length > 1) for (const claim of claims) this.#submit([claim]);
      else this.fail(claims, err instanceof WarmpathError ? err : unprepared(err), { charged: true });
    } finally {
      for (const claim of claims) if (!claim.submitted) this.#left(claim);
    }
  }

  /** What is larger than all of it goes alone. */
  #fits(claim) {
    claim.heldBytes = HELD.reduce((sum, name) => sum + (claim.job.source?.[name]?.length ?? 0), 0);
    const fits =
      claim.heldBytes === 0 || this.#heldBytes === 0 || this.#heldBytes + claim.heldBytes <= this.#capacityBytes;
    if (!fits) return false;
    this.#heldBytes += claim.heldBytes;
    this.#jobs.set(claim.handle, claim.job);
    return true;
  }

  #left({ handle, heldBytes }) {
    if (this.#jobs.delete(handle)) this.#heldBytes -= heldBytes;
  }

  review(claim, outcome) {
    this.#left(claim);
    this.#submitFitting();
    const error = this.#hooks.judge(outcome.error);
    const isCharged = error !== outcome.error || isPatienceOver(error, claim.ageMs);
    return isCharged ? { ...outcome, error, charged: true } : outcome;
  }

  show(job) {
    return shownJob(job);
  }

  stats() {
    const { bytes, latency } = this.#report.stats();
    const stats = super.stats();
    return { ...stats, completed: stats.succeeded, depth: stats.queued + stats.waiting, bytes, latency };
  }
}

const unprepared = (cause) =>
  new WarmpathError('ERR_WARMPATH_INTERNAL', 'the claimed job could not be submitted', { cause });

module.exports = { IngestWorker };
