'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { closeWorker } = require('./processor.js');

const CLOSE_GRACE_MS = 2000;
const QUIET_MS = 10_000;
const RETRY_MS = 2000;

/** A BullMQ worker of the queue, over a MediaRunner. */
class MediaLane {
  #worker;
  #quietUntil = 0;

  /** @param {object} parts name; bullmq; connection; runner; onError(err) */
  constructor({ concurrency, lockDurationMs, workerOptions, prefix }, { name, bullmq, connection, runner, onError }) {
    this.#worker = new bullmq.Worker(name, (job, token, signal) => runner.process(job, token, signal), {
      // Of its own, BullMQ waits for 15 s after a failure to connect; also when it is closed meanwhile.
      runRetryDelay: RETRY_MS,
      ...workerOptions,
      ...(prefix === undefined ? {} : { prefix }),
      connection,
      concurrency,
      lockDuration: lockDurationMs,
    });
    this.#worker.on('error', (err) => this.#disconnected(err, onError));
  }

  /** BullMQ tells of every attempt to connect: some a second, for as long as Redis is away. */
  #disconnected(err, onError) {
    if (performance.now() < this.#quietUntil && typeof err?.code === 'string') return;
    this.#quietUntil = performance.now() + QUIET_MS;
    onError(err);
  }

  /** In bounded time, also when Redis is away: what is not finished stalls then, and runs again. */
  async close(timeoutMs) {
    const closed = closeWorker(this.#worker, { timeoutMs });
    closed.catch(() => {});
    const passed = sleep(timeoutMs + CLOSE_GRACE_MS, 'late', { ref: false });
    if ((await Promise.race([closed.catch(() => {}), passed])) === 'late') this.#worker.disconnect?.().catch(() => {});
  }
}

module.exports = { MediaLane };
