'use strict';

const { EventEmitter } = require('node:events');
const { WarmpathError, databaseError } = require('../../errors.js');
const { emitSafely, emitError } = require('../../executor/emit.js');
const { closeOptions } = require('../../options/executor.js');
const { checkIngestWorkerJob } = require('../../options/ingest-worker-job.js');
const { requirePeer } = require('../../peer.js');
const { IngestReport } = require('../../worker/ingest-report.js');
const { withDeadline } = require('../queue/deadline.js');
const { Capture } = require('./capture.js');
const { FallbackLane } = require('./fallback-lane.js');
const { MediaLane } = require('./media-lane.js');
const { processMediaOptions } = require('./process-media-options.js');
const { Pump } = require('./pump.js');
const { producer } = require('./producer.js');
const { redisEnv } = require('./redis-env.js');
const { Retries } = require('./retries.js');

const NAME = 'ProcessMedia';

/** Three attempts, 2 s and 4 s apart and up to half of that less; the last 100 that were done and the last 50 that failed. */
const JOB_OPTIONS = Object.freeze({
  attempts: 3,
  backoff: Object.freeze({ type: 'exponential', delay: 2000, jitter: 0.5 }),
  removeOnComplete: 100,
  removeOnFail: 50,
});

// How long Redis may take for each job of a batch, beyond the deadline of one: BullMQ itself needs some of it.
const PER_JOB_MS = 2;
// Redis did not answer the last time: only whether it does by now is looked at.
const DOWN_DEADLINE_MS = 20;

const COUNT_DEADLINE_MS = 250;
const FLUSH_MS = 2000;
const LEFTOVER_DEADLINE_MS = 1000;

const IN_MEMORY = ['bytes', 'base64', 'dataUrl'];

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
  #producer;
  #pump;
  #fallback;
  #lane = null;
  #redisDown = false;
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
    this.#producer = this.#makeProducer();
    this.#pump = new Pump({
      carry: (jobs) => this.#carry(jobs),
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

  #makeProducer() {
    const { redisDeadlineMs, jobOptions } = this.#options;
    const { store } = this.#fallback;
    const made = producer(this.#queue, {
      name: NAME,
      deadlineMs: redisDeadlineMs,
      checkJob: (job) => job,
      jobOptions: { ...JOB_OPTIONS, ...jobOptions },
      // The store has a deadline of its own; whoever waits for an answer has it before.
      ...(store === null ? {} : { fallback: 'store', store, fallbackDeadlineMs: 10_000 }),
    });
    made.on('fallback', ({ via, jobs, error }) => {
      const way = via === 'store' ? this.#fallback.via : via;
      this.#report.log('warn', '[FALLBACK]', { via: way, jobs, code: error.code, error: error.message });
      this.#capture.take(error, { via: way, jobs });
      emitSafely(this, 'fallback', { via: way, jobs, error });
    });
    return made;
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
    const gauges = { queueSize: this.#pump.size, activeWorkers: this.#lane?.running ?? 0, via: added.via };
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

  /** One batch on its way: to Redis, or else to the fallback; what is too large for Redis goes there at once. */
  async #carry(jobs) {
    const large = jobs.filter((job) => !this.#fitsRedis(job));
    const answers = new Map();
    const note = (list, statuses) =>
      list.forEach(({ key }, i) => {
        answers.set(key, statuses[i]);
      });
    if (large.length > 0) note(large, await this.#fallback.enter(large));
    const others = jobs.filter((job) => this.#fitsRedis(job));
    if (others.length > 0) note(others, await this.#toRedis(others));
    return jobs.map(({ key }) => answers.get(key));
  }

  #fitsRedis({ source }) {
    const name = IN_MEMORY.find((one) => source[one] !== undefined);
    return name === undefined || source[name].length <= this.#options.maxInlineBytes;
  }

  async #toRedis(jobs) {
    const { redisDeadlineMs } = this.#options;
    const isDown = this.#redisDown && !(await this.#producer.ready(DOWN_DEADLINE_MS));
    const deadlineMs = isDown ? 1 : redisDeadlineMs + PER_JOB_MS * (jobs.length - 1);
    let added;
    try {
      added = await this.#producer.addMany(jobs.map(dataOf), { deadlineMs });
    } catch (err) {
      this.#redisDown = true;
      throw err;
    }
    this.#redisDown = added.some(({ via }) => via !== 'bullmq');
    if (this.#redisDown) this.#fallback.used();
    return added.map(({ status, via }) => ({ status, via: via === 'store' ? this.#fallback.via : via }));
  }

  /**
   * Starts to work in this process; a running one is left as it is. Needs `dir` or `s3`.
   *
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD, ERR_WARMPATH_CLOSED
   */
  process() {
    if (this.#closing !== null) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the queue is closed');
    this.#lane ??= new MediaLane(this.#options, {
      name: NAME,
      bullmq: this.#bullmq,
      connection: this.#connection(true),
      store: this.#fallback.store,
      report: this.#report,
      onError: (err) => this.#problem(err),
      onResult: (result) => this.#over(result),
    });
    this.#fallback.start();
  }

  /** A job came to an end, or to the end of a try, by whichever way. */
  #over(result) {
    if (result.state === 'dead') {
      const { code, class: kind, message, phase } = result.error;
      const err = new WarmpathError(code, message, { class: kind, phase });
      this.#capture.take(err, { key: result.job.key, session: result.job.session, attempt: result.attempt });
    }
    emitSafely(this, { done: 'completed', dead: 'failed', retry: 'retry' }[result.state], result);
  }

  #stranded(job, error) {
    const timings = { queue: 0, total: 0 };
    const result = { status: 'failed', state: 'dead', key: job.key, job, error, attempt: 0, waitedMs: 0, timings };
    this.#report.result(result);
    this.#over(result);
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
    const redis = await this.#countRedis();
    return {
      ...this.#report.stats(),
      running: (this.#lane?.running ?? 0) + this.#fallback.running,
      depth: { redis, fallback: store.queued + store.delayed, memory: this.#pump.size },
      added: this.#producer.stats(),
    };
  }

  async #countRedis() {
    // Not connected, BullMQ would keep the question, and ask it when nobody waits for the answer any more.
    if (!(await this.#producer.ready(DOWN_DEADLINE_MS))) return null;
    const counting = this.#queue.getJobCountByTypes('wait', 'prioritized', 'delayed', 'paused');
    try {
      return await withDeadline(counting, COUNT_DEADLINE_MS, () => new Error('late'));
    } catch {
      return null;
    }
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
    if (!(await this.#producer.ready(Math.min(timeoutMs, FLUSH_MS)))) await this.#retries.end();
    await Promise.all([this.#lane?.close(timeoutMs), this.#fallback.stop(timeoutMs)]);
    await this.#leftovers();
    this.#retries.end();
    await withDeadline(this.#queue.close(), LEFTOVER_DEADLINE_MS, () => new Error('late')).catch(() =>
      this.#queue.disconnect?.(),
    );
  }

  /** What only this process knows of goes to Redis, if it is there again; else it is lost, and that is said. */
  async #leftovers() {
    const left = [...this.#pump.jobs(), ...this.#fallback.leftovers()];
    if (left.length === 0) return;
    try {
      await producer(this.#queue, {
        name: NAME,
        checkJob: (job) => job,
        jobOptions: { ...JOB_OPTIONS, ...this.#options.jobOptions },
      }).addMany(left.filter((job) => this.#fitsRedis(job)).map(dataOf), { deadlineMs: LEFTOVER_DEADLINE_MS });
      const large = left.filter((job) => !this.#fitsRedis(job)).length;
      if (large > 0) throw new WarmpathError('ERR_WARMPATH_DATABASE', `${large} jobs are too large for Redis`);
    } catch (cause) {
      const keys = left
        .slice(0, 20)
        .map(({ key }) => key)
        .join(', ');
      const text = `jobs in memory could not be handed on before the end: ${left.length}, among them ${keys}`;
      this.#problem(new WarmpathError('ERR_WARMPATH_DATABASE', text, { cause, phase: 'queue' }));
    }
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}

/** A job as Redis holds it: plain JSON. */
function dataOf(job) {
  const { bytes } = job.source;
  const source = bytes === undefined ? job.source : { base64: Buffer.from(bytes).toString('base64') };
  return JSON.parse(JSON.stringify({ ...job, source }));
}

module.exports = { ProcessMedia, NAME, JOB_OPTIONS };
