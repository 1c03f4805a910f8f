'use strict';

const { EventEmitter } = require('node:events');
const { WarmpathError, databaseError } = require('../../errors.js');
const { emitSafely, emitError } = require('../../executor/emit.js');
const { closeOptions } = require('../../options/executor.js');
const { checkIngestWorkerJob } = require('../../options/ingest-worker-job.js');
const { requirePeer } = require('../../peer.js');
const { IngestReport } = require('../../worker/ingest-report.js');
const { shownJob } = require('../../worker/ingest-shown.js');
const { withDeadline } = require('../queue/deadline.js');
const { Capture } = require('./capture.js');
const { FallbackLane } = require('./fallback-lane.js');
const { MediaLane } = require('./media-lane.js');
const { MediaRunner } = require('./media-runner.js');
const { MediaWay, NAME, JOB_OPTIONS } = require('./media-way.js');
const { processMediaOptions } = require('./process-media-options.js');
const { Pump } = require('./pump.js');
const { redisEnv } = require('./redis-env.js');
const { Retries } = require('./retries.js');

const FLUSH_MS = 2000;
const CLOSE_MS = 1000;

/**
 * The queue `ProcessMedia` on BullMQ: add() never holds a listener up, and what it has accepted is stored once, whatever Redis
 * does meanwhile. See `bullmq.d.ts`.
 *
 * Events: 'completed', 'failed', 'retry' (results); 'fallback' ({ via, jobs, error }); 'error'.
 */
class ProcessMedia extends EventEmitter {
  #options;
  #bullmq;
  #report;
  #capture;
  #queue;
  #way;
  #pump;
  #fallback;
  #lane = null;
  #runner = null;
  #retries = new Retries();
  #closing = null;

  /**
   * @param {object} options see ProcessMediaOptions
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_PEER_MISSING
   */
  constructor(options) {
    super();
    const checked = processMediaOptions(options);
    this.#options = checked;
    this.#bullmq = checked.bullmq ?? requirePeer('bullmq', 'ProcessMedia');
    this.#report = new IngestReport(checked);
    this.#capture = new Capture(checked.captureException);
    const onError = (err) => this.#problem(err);
    this.#fallback = new FallbackLane(checked, {
      report: this.#report,
      onError,
      onResult: (result) => this.#over(result),
    });
    this.#queue = new this.#bullmq.Queue(NAME, { connection: this.#connection(), ...this.#prefix() });
    // BullMQ tells of every attempt to connect.
    this.#queue.on('error', () => {});
    this.#way = new MediaWay(checked, {
      queue: this.#queue,
      fallback: this.#fallback,
      onFallback: (event) => this.#fellBack(event),
    });
    this.#pump = new Pump({
      laneOf: (job) => this.#way.laneOf(job),
      carry: (jobs, lane) => this.#way.carry(jobs, lane),
      deadlineMs: checked.deadlineMs,
      capacity: checked.backlog,
      keep: checked.fallback !== 'reject',
      onError,
      onStranded: (job, err) => this.#stranded(job, err),
    });
  }

  /** A client of the app stays as it is; what is made of settings ends when Redis is away at the end. */
  #connection(forWorker = false) {
    const given = this.#options.connection ?? redisEnv();
    if (typeof given.duplicate === 'function') return given;
    // A worker waits for Redis for as long as it is away.
    return {
      ...given,
      retryStrategy: this.#retries.over(given.retryStrategy),
      ...(forWorker && { maxRetriesPerRequest: null }),
    };
  }

  #prefix() {
    return this.#options.prefix === undefined ? {} : { prefix: this.#options.prefix };
  }

  #fellBack({ via, jobs, error }) {
    this.#report.log('warn', '[FALLBACK]', { via, jobs, code: error.code, error: error.message });
    this.#capture.take(error, { via, jobs });
    emitSafely(this, 'fallback', { via, jobs, error });
  }

  /** BullMQ's queue: for its dashboards. */
  get queue() {
    return this.#queue;
  }

  /**
   * Accepts a job within `deadlineMs`, whatever Redis does.
   *
   * @returns {Promise<{ status: string, via: string, key: string }>}
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB, ERR_WARMPATH_QUEUE_FULL (of the backlog), ERR_WARMPATH_CLOSED;
   *   ERR_WARMPATH_DATABASE with fallback: 'reject'
   */
  async add(job) {
    const checked = checkIngestWorkerJob(job);
    const added = await this.#accept(checked);
    const gauges = { queueSize: this.#pump.size, activeWorkers: this.#runner?.running ?? 0, via: added.via };
    this.#report.enqueued(checked, added.status, gauges);
    return added;
  }

  async #accept(job) {
    try {
      return await this.#pump.accept(job);
    } catch (err) {
      this.#report.log('error', '[QUEUE][ERR]', {
        key: job.key,
        session: job.session,
        code: err.code,
        error: err.message,
      });
      this.#capture.take(err, { key: job.key, session: job.session });
      throw err;
    }
  }

  /**
   * Starts to work in this process; a running one is left as it is. Needs `dir` or `s3`.
   *
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD, ERR_WARMPATH_CLOSED
   */
  process() {
    const runner = this.#runs();
    this.#lane ??= new MediaLane(this.#options, {
      name: NAME,
      bullmq: this.#bullmq,
      connection: this.#connection(true),
      runner,
      onError: (err) => this.#problem(err),
    });
    this.#fallback.start();
  }

  /**
   * The processor that process() uses, for a BullMQ worker of the app's own: `new Worker(name, (...args) => media.handle(...args))`.
   *
   * @throws {WarmpathError} as process(); and what tells BullMQ what to do with the job
   */
  async handle(job, token, signal) {
    return this.#runs().process(job, token, signal);
  }

  #runs() {
    if (this.#closing !== null) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is closed');
    this.#runner ??= new MediaRunner(this.#options, {
      bullmq: this.#bullmq,
      store: this.#fallback.store,
      report: this.#report,
      onError: (err) => this.#problem(err),
      onResult: (result) => this.#over(result),
    });
    return this.#runner;
  }

  /** A job came to an end, or to the end of a try, by whichever way. */
  #over(result, job = shownJob(result.job)) {
    if (result.state === 'dead') {
      const { code, class: kind, message, phase } = result.error;
      const err = new WarmpathError(code, message, { class: kind, phase });
      this.#capture.take(err, { key: result.job.key, session: result.job.session, attempt: result.attempt });
    }
    emitSafely(this, { done: 'completed', dead: 'failed', retry: 'retry' }[result.state], { ...result, job });
  }

  #stranded(job, error) {
    const timings = { queue: 0, total: 0 };
    const result = { status: 'failed', state: 'dead', key: job.key, job, error, attempt: 0, waitedMs: 0, timings };
    this.#report.result(result);
    // Nobody else has it now: with its source, so that the app can keep it.
    this.#over(result, job);
  }

  #problem(cause) {
    const err = cause instanceof WarmpathError ? cause : databaseError('the queue', cause);
    this.#report.failure(err);
    this.#capture.take(err, {});
    emitError(this, err);
  }

  /** Numbers of this process, but for `depth.redis`, which is of the queue; null when Redis does not say. */
  async stats() {
    const store = this.#fallback.store?.stats() ?? { queued: 0, delayed: 0, running: 0 };
    const redis = await this.#way.count();
    return {
      ...this.#report.stats(),
      running: (this.#runner?.running ?? 0) + this.#fallback.running,
      depth: { redis, fallback: store.queued + store.delayed, memory: this.#pump.size },
      added: this.#way.stats(),
    };
  }

  /**
   * Accepts nothing more, carries on what is in memory, lets running jobs finish for `timeoutMs` (default 10,000), hands the rest
   * back, uncharged, and closes its connections.
   */
  async close(options) {
    const { timeoutMs } = closeOptions(options);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs) {
    await this.#pump.close(Math.min(timeoutMs, FLUSH_MS));
    if (!(await this.#way.ready(Math.min(timeoutMs, FLUSH_MS)))) await this.#retries.end();
    await Promise.all([this.#lane?.close(timeoutMs), this.#fallback.stop(timeoutMs)]);
    await this.#runner?.close();
    await this.#leftovers();
    this.#retries.end();
    await withDeadline(this.#queue.close(), CLOSE_MS, () => new Error('late')).catch(() => {
      // Neither does this come to its end where there never was a connection.
      this.#queue.disconnect?.().catch(() => {});
    });
  }

  /** What only this process knows of goes to Redis, if it is there again; else it is lost, and that is said. */
  async #leftovers() {
    const left = [...this.#pump.jobs(), ...this.#fallback.leftovers()];
    if (left.length === 0) return;
    try {
      await this.#way.handOn(left);
    } catch (err) {
      this.#problem(err);
    }
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}

module.exports = { ProcessMedia, NAME, JOB_OPTIONS };
