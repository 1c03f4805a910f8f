'use strict';

const { createHash, randomUUID } = require('node:crypto');
const { EventEmitter } = require('node:events');
const fs = require('node:fs/promises');
const path = require('node:path');
const { fromOutcome } = require('../../lib/errors.js');
const { checkIngestJob } = require('../../lib/options/ingest-job.js');

const ABOUT = { attempts: 1, possibleDuplicates: 0, bytes: 0 };

/**
 * The face of IngestExecutor in JS, for tests of what is built on it: really stores, to a folder, with as many jobs at once as it
 * is told. `play(job, nth)` may throw what shall go wrong, `nth` counting the tries of a file name.
 */
class DoubleIngest extends EventEmitter {
  #options;
  #play;
  #tries = new Map();
  #queue = [];
  #running = new Map();
  #waiters = new Map();
  #idle = [];
  #closed = false;

  constructor(options, play = () => {}) {
    super();
    this.#options = options;
    this.#play = play;
  }

  submitMany(jobs) {
    const checked = jobs.map((job, i) => ({ job, ...checkIngestJob(job, `jobs[${i}]`, ['disk']) }));
    return checked.map((one) => {
      const { key } = one.native;
      if (this.#running.has(key)) return 'processing';
      if (this.#queue.some(({ native }) => native.key === key)) return 'duplicate';
      this.#queue.push(one);
      setImmediate(() => this.#next());
      return 'queued';
    });
  }

  submit(job) {
    return this.submitMany([job])[0];
  }

  async run(job, { signal } = {}) {
    signal?.throwIfAborted();
    const one = { ...job, key: job.key ?? randomUUID() };
    this.submitMany([one]);
    const outcome = await new Promise((resolve) => {
      this.#waiters.set(one.key, [...(this.#waiters.get(one.key) ?? []), resolve]);
      signal?.addEventListener('abort', () => this.cancel(one.key), { once: true });
    });
    if (outcome.status === 'failed') throw fromOutcome(outcome.error);
    return outcome.value;
  }

  #next() {
    while (this.#running.size < this.#options.concurrency && this.#queue.length > 0) {
      const one = this.#queue.shift();
      const { key } = one.native;
      const startedAt = performance.now();
      this.#running.set(key, one);
      this.#store(one)
        .then(
          (value) => ({ status: 'succeeded', value }),
          (err) => ({
            status: 'failed',
            charged: err.class !== 'throttled' && err.class !== 'cancelled',
            error: plain(err),
          }),
        )
        .then((outcome) => {
          const total = performance.now() - startedAt;
          this.#settled({ key, ...ABOUT, ...outcome, timings: { queue: 0, download: 0, upload: 0, answer: 0, total } });
        });
    }
  }

  #settled(outcome) {
    this.#running.delete(outcome.key);
    for (const resolve of this.#waiters.get(outcome.key) ?? []) resolve(outcome);
    this.#waiters.delete(outcome.key);
    this.emit('settled', [outcome]);
    this.#next();
    if (this.#running.size === 0 && this.#queue.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #store(one) {
    const { job, native } = one;
    const nth = (this.#tries.get(native.name) ?? 0) + 1;
    this.#tries.set(native.name, nth);
    await this.#play(job, nth, { cancelled: () => one.cancelled === true });
    if (one.cancelled)
      throw Object.assign(new Error('cancelled'), { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled' });
    const bytes = await this.#bytes(job);
    const extension = 'bin';
    const file = path.join(this.#options.dir, `${native.name}.${extension}`);
    const temp = `${file}.${randomUUID()}`;
    await fs.writeFile(temp, bytes);
    await fs.rename(temp, file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const mime = native.mimeType ?? 'application/octet-stream';
    return { sha256, bytes: bytes.length, mime, extension, kind: native.kind ?? 'document', location: { path: file } };
  }

  async #bytes({ key, source, ...job }) {
    if (source.bytes !== undefined) return source.bytes;
    if (source.base64 !== undefined) return Buffer.from(source.base64, 'base64');
    if (source.path !== undefined) return fs.readFile(source.path);
    const resolved = source.mediaId === undefined ? source : await this.#options.resolve({ key, source, ...job });
    const response = await fetch(resolved.url);
    return Buffer.from(await response.arrayBuffer());
  }

  extend(keys) {
    return keys.map((key) => this.#running.has(key));
  }

  cancel(key) {
    const waiting = this.#queue.findIndex(({ native }) => native.key === key);
    const error = { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message: 'cancelled' };
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      this.#settled({ key, ...ABOUT, status: 'failed', charged: false, error, timings: { queue: 0, total: 0 } });
      return true;
    }
    const running = this.#running.get(key);
    if (running !== undefined) running.cancelled = true;
    return running !== undefined;
  }

  stats() {
    return { queued: this.#queue.length, waiting: 0, running: this.#running.size, byClass: {} };
  }

  list() {
    return [...this.#running.keys()].map((key) => ({ key, state: 'running', sinceMs: 0 }));
  }

  async close({ timeoutMs = 10_000 } = {}) {
    this.#closed = true;
    const cancelAll = () => {
      for (const key of [...this.#queue.map(({ native }) => native.key), ...this.#running.keys()]) this.cancel(key);
    };
    const timer = setTimeout(cancelAll, timeoutMs);
    if (this.#running.size > 0 || this.#queue.length > 0) await new Promise((resolve) => this.#idle.push(resolve));
    clearTimeout(timer);
  }

  get closed() {
    return this.#closed;
  }
}

const plain = ({ code = 'ERR_WARMPATH_INTERNAL', class: kind = 'bug', message, retryAfterMs }) => ({
  code,
  class: kind,
  message,
  retryAfterMs,
});

module.exports = { DoubleIngest };
