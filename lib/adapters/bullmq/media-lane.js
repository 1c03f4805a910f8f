'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { closeWorker } = require('./processor.js');

const CLOSE_GRACE_MS = 2000;
const QUIET_MS = 10_000;
const RETRY_MS = 2000;

// How often the processes of a job may die at it, or be killed: a deployment that goes wrong does it twice.
const MAX_STALLED = 3;

// Errors without a turn of the event loop between them, after which a worker is taken for one that spins.
const MOST_AT_ONCE = 50;

/** A BullMQ worker of the queue, over a MediaRunner. */
class MediaLane {
  #make;
  #worker;
  #runner;
  #onError;
  #quietUntil = 0;
  #atOnce = 0;
  #again = null;
  #closed = false;

  /** @param {object} parts name; bullmq; connection; runner; onError(err) */
  constructor({ concurrency, lockDurationMs, workerOptions, prefix }, { name, bullmq, connection, runner, onError }) {
    this.#onError = onError;
    this.#runner = runner;
    const options = {
      // Of its own, BullMQ waits for 15 s after a failure to connect; also when it is closed meanwhile.
      runRetryDelay: RETRY_MS,
      maxStalledCount: MAX_STALLED,
      ...workerOptions,
      ...(prefix === undefined ? {} : { prefix }),
      connection,
      concurrency,
      lockDuration: lockDurationMs,
    };
    this.#make = () => new bullmq.Worker(name, (job, token, signal) => runner.process(job, token, signal), options);
    this.#open();
  }

  #open() {
    this.#again = null;
    this.#worker = this.#make();
    this.#worker.on('error', (err) => this.#failed(err));
    this.#worker.on('failed', (job, err) => this.#runner.failed(job, err).catch(this.#onError));
  }

  #failed(err) {
    if (this.#atOnce++ === 0) {
      setImmediate(() => {
        this.#atOnce = 0;
      });
    }
    if (this.#atOnce === MOST_AT_ONCE) this.#replace();
    // BullMQ tells of every attempt to connect: some a second, for as long as Redis is away.
    if (performance.now() < this.#quietUntil && typeof err?.code === 'string') return;
    this.#quietUntil = performance.now() + QUIET_MS;
    this.#onError(err);
  }

  /**
   * A worker of BullMQ (5 and 6) whose very first connection is reset asks it again and again without ever waiting, and the event
   * loop stands still. Closing ends that, and another worker can have a better start.
   */
  #replace() {
    this.#worker.close(true).catch(() => {});
    if (!this.#closed) this.#again = setTimeout(() => this.#open(), RETRY_MS);
  }

  /** In bounded time, also when Redis is away: what is not finished stalls then, and runs again. */
  async close(timeoutMs) {
    this.#closed = true;
    clearTimeout(this.#again);
    const closed = closeWorker(this.#worker, { timeoutMs });
    closed.catch(() => {});
    const passed = sleep(timeoutMs + CLOSE_GRACE_MS, 'late', { ref: false });
    if ((await Promise.race([closed.catch(() => {}), passed])) === 'late') this.#worker.disconnect?.().catch(() => {});
  }
}

module.exports = { MediaLane };
