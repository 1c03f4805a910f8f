'use strict';

const { logTo } = require('../log/adapt.js');

const path = require('node:path');
const { Latency } = require('./latency.js');

/**
 * What an ingest worker tells: a logger (tags `[MEDIA][INGEST]…`), an `observe` function (metrics `media_ingest_*`; labels are
 * closed sets: kind, code), and a `notify` function, whose events are plain JSON made for `io.to(room).emit(event.type, event)`
 * or a server-sent event. None of them is told a source: no address, no key of a media. Whoever throws here is ignored:
 * watching a job never changes how it ends.
 */
class IngestReport {
  #log;
  #observe;
  #notify;
  #latency = new Latency();
  #counts = { completed: 0, failed: 0, retries: 0, bytes: 0 };

  constructor({ logger, observe, notify }) {
    this.#log = logTo(logger);
    this.#observe = observe;
    this.#notify = notify;
  }

  log(level, tag, fields) {
    this.#log(level, `[MEDIA][INGEST]${tag}`, fields);
  }

  observe(name, value, labels) {
    if (this.#observe === undefined) return;
    try {
      this.#observe(`media_ingest_${name}`, value, labels);
    } catch {}
  }

  /** A hook may be an async function: what it rejects with is ignored like what it throws. */
  notify(type, job, fields) {
    if (this.#notify === undefined) return;
    try {
      const { key, session, meta } = job;
      const answer = this.#notify({ type, key, session, meta, at: Date.now(), ...fields });
      if (typeof answer?.then === 'function') answer.then(undefined, () => {});
    } catch {}
  }

  /** `{ completed, failed, retries, bytes, latency: { mean, p50, p95, p99 } }`; bytes and latency of what was stored. */
  stats() {
    return { ...this.#counts, latency: this.#latency.read() };
  }

  started({ intervalMs, concurrency, capacity }) {
    this.log('info', '[WORKER][START]', { interval_ms: intervalMs, concurrency, max_queue_size: capacity });
  }

  stopped() {
    this.log('info', '[WORKER][STOP]');
  }

  enqueued(job, status, { queueSize, activeWorkers, via }) {
    const fields = idOf(job);
    if (status === 'queued') {
      this.observe('queued_total', 1);
      this.log('info', '[QUEUE][ADD]', { ...fields, queue_size: queueSize, active_workers: activeWorkers });
      this.notify('media:queued', job, { queueSize, via });
    } else if (status === 'full') {
      this.observe('queue_full_total', 1);
      this.log('warn', '[QUEUE][FULL]', { ...fields, queue_size: queueSize });
    } else {
      this.observe('queue_duplicate_total', 1);
      this.log('debug', '[QUEUE][DUPLICATE]', { ...fields, status });
    }
  }

  claimed(claims, { queueSize, activeWorkers }) {
    this.observe('batch_size', claims.length);
    this.#gauges(queueSize, activeWorkers);
  }

  dispatched({ job, waitedMs, attempt }, activeWorkers) {
    this.log('info', '[START]', { ...idOf(job), queue_wait_ms: waitedMs, active_workers: activeWorkers });
    this.notify('media:started', job, { attempt });
  }

  settled(results, { queueSize, activeWorkers }) {
    for (const result of results) this.result(result);
    this.#gauges(queueSize, activeWorkers);
  }

  #gauges(queueSize, activeWorkers) {
    this.observe('queue_size', queueSize);
    this.observe('active_workers', activeWorkers);
  }

  /** One job came to an end, or to the end of a try. */
  result(result) {
    if (result.status === 'succeeded') this.#succeeded(result);
    else if (result.state === 'retry') this.#retry(result);
    else if (result.state === 'dead') this.#dead(result);
  }

  #succeeded({ job, value, timings, waitedMs }) {
    const ms = Math.round(waitedMs + timings.total);
    this.#latency.add(ms);
    this.#counts.completed++;
    this.#counts.bytes += value.bytes;
    this.observe('success_total', 1, { kind: value.kind });
    this.observe('bytes_total', value.bytes, { kind: value.kind });
    this.observe('latency_ms', ms, { kind: value.kind });
    const stored = storedOf(value);
    this.log('info', '[OK]', { ...idOf(job), ...stored, total_ms: ms });
    this.notify('media:stored', job, { ...stored, ms });
  }

  #retry({ job, error, attempt, runAtMs }) {
    this.#counts.retries++;
    this.observe('retry_total', 1, { error: error.code });
    const fields = { code: error.code, attempt, retryInMs: Math.max(0, runAtMs - Date.now()) };
    this.log('warn', '[RETRY]', { ...idOf(job), ...fields, error: error.message });
    this.notify('media:retry', job, fields);
  }

  #dead({ job, error, attempt }) {
    this.#counts.failed++;
    this.observe('errors_total', 1, { error: error.code });
    this.log('error', '[ERR]', { ...idOf(job), code: error.code, error: error.message, attempt });
    this.notify('media:failed', job, { code: error.code, message: error.message, attempt });
  }

  failure(err) {
    this.log('error', '[WORKER][ERR]', { code: err.code, error: err.message });
  }
}

function idOf({ key, session }) {
  return session === undefined ? { key } : { key, session };
}

/** What a browser may know of a stored media: the name of the file, not where it lies. */
function storedOf({ location, ...value }) {
  const file = location.path === undefined ? undefined : path.basename(location.path);
  return { ...value, file, r2Key: location.r2Key };
}

module.exports = { IngestReport };
