'use strict';

const { WarmpathError } = require('../../errors.js');
const { withDeadline } = require('../queue/deadline.js');
const { producer } = require('./producer.js');

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

// The store has a deadline of its own; whoever waits for an answer has it before.
const STORE_DEADLINE_MS = 10_000;
const COUNT_DEADLINE_MS = 250;
const LEFTOVER_DEADLINE_MS = 1000;

const IN_MEMORY = ['bytes', 'base64', 'dataUrl'];

/** The ways that jobs go: to Redis, or else to the fallback; what is too large for Redis goes there at once. */
class MediaWay {
  #queue;
  #fallback;
  #options;
  #producer;
  #redisDown = false;

  /** @param {object} parts queue: BullMQ's; fallback: a FallbackLane; onFallback({ via, jobs, error }) */
  constructor(options, { queue, fallback, onFallback }) {
    const { redisDeadlineMs, jobOptions } = options;
    const { store } = fallback;
    this.#queue = queue;
    this.#fallback = fallback;
    this.#options = options;
    this.#producer = producer(queue, {
      name: NAME,
      deadlineMs: redisDeadlineMs,
      checkJob: (job) => job,
      jobOptions: { ...JOB_OPTIONS, ...jobOptions },
      ...(store === null ? {} : { fallback: 'store', store, fallbackDeadlineMs: STORE_DEADLINE_MS }),
    });
    this.#producer.on('fallback', ({ via, ...event }) => onFallback({ via: this.#nameOf(via), ...event }));
  }

  #nameOf(via) {
    return via === 'store' ? this.#fallback.via : via;
  }

  /** The way of a job by itself: what is too large for Redis waits for the fallback, and only for that. */
  laneOf(job) {
    return this.#fitsRedis(job) ? 'redis' : 'fallback';
  }

  /**
   * Carries jobs of one lane.
   *
   * @returns {Promise<{ status: string, via: string }[]>} one each
   * @throws {WarmpathError} when a part of them was taken by nobody; the others may have been, and can be carried again
   */
  carry(jobs, lane) {
    return lane === 'redis' ? this.#toRedis(jobs) : this.#fallback.enter(jobs);
  }

  #fitsRedis({ source }) {
    const name = IN_MEMORY.find((one) => source[one] !== undefined);
    return name === undefined || source[name].length <= this.#options.maxInlineBytes;
  }

  async #toRedis(jobs) {
    const { redisDeadlineMs } = this.#options;
    const isDown = this.#redisDown && !(await this.ready(DOWN_DEADLINE_MS));
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
    return added.map(({ status, via }) => ({ status, via: this.#nameOf(via) }));
  }

  /** Whether Redis takes commands, asked for `ms` at most. */
  ready(ms) {
    return this.#producer.ready(ms);
  }

  stats() {
    return this.#producer.stats();
  }

  /** How many jobs wait in Redis; null when it does not say. */
  async count() {
    // Not connected, BullMQ would keep the question, and ask it when nobody waits for the answer any more.
    if (!(await this.ready(DOWN_DEADLINE_MS))) return null;
    const counting = this.#queue.getJobCountByTypes('wait', 'prioritized', 'delayed', 'paused');
    try {
      return await withDeadline(counting, COUNT_DEADLINE_MS, () => new Error('late'));
    } catch {
      return null;
    }
  }

  /** At the end: jobs that only this process knows of go to Redis, if it is there. @throws {WarmpathError} which are lost */
  async handOn(jobs) {
    const fitting = jobs.filter((job) => this.#fitsRedis(job));
    const lost = new Set(jobs);
    let cause;
    try {
      const { jobOptions } = this.#options;
      const last = producer(this.#queue, {
        name: NAME,
        checkJob: (job) => job,
        jobOptions: { ...JOB_OPTIONS, ...jobOptions },
      });
      await last.addMany(fitting.map(dataOf), { deadlineMs: LEFTOVER_DEADLINE_MS });
      for (const job of fitting) lost.delete(job);
    } catch (err) {
      cause = err;
    }
    if (lost.size === 0) return;
    const keys = Array.from(lost, ({ key }) => key).slice(0, 20);
    const text = `jobs in memory could not be handed on before the end: ${lost.size}, among them ${keys.join(', ')}`;
    throw new WarmpathError('ERR_WARMPATH_DATABASE', text, { cause, phase: 'queue' });
  }
}

/** A job as Redis holds it: plain JSON. */
function dataOf(job) {
  const { bytes } = job.source;
  const source = bytes === undefined ? job.source : { base64: Buffer.from(bytes).toString('base64') };
  return JSON.parse(JSON.stringify({ ...job, source }));
}

module.exports = { MediaWay, NAME, JOB_OPTIONS };
