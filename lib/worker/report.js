'use strict';

const { logTo } = require('../log/adapt.js');

const WEAK_ID_LENGTH = 10;

/** The check that the log line WEAK_FILE_ID and MEDIA_PREWARM_RETRY_WEAK_ID are about. */
function hasWeakId(value) {
  return !(value.fileUniqueId?.length > WEAK_ID_LENGTH);
}

/**
 * What a prewarm worker tells a logger (tags and fields as existing dashboards know them) and an `observe` function
 * (metric names `media_prewarm_*`; labels are closed sets: bot, kind, code). A logger or observe that throws is ignored:
 * watching a job never changes how it ends.
 */
class PrewarmReport {
  #log;
  #observe;

  constructor({ logger, observe }) {
    this.#log = logTo(logger);
    this.#observe = observe;
  }

  log(level, tag, fields) {
    this.#log(level, `[MEDIA][PREWARM]${tag}`, fields);
  }

  observe(name, value, labels) {
    if (this.#observe === undefined) return;
    try {
      this.#observe(`media_prewarm_${name}`, value, labels);
    } catch {}
  }

  started({ intervalMs, concurrency, capacity }) {
    this.log('info', '[WORKER][START]', { interval_ms: intervalMs, concurrency, max_queue_size: capacity });
  }

  stopped() {
    this.log('info', '[WORKER][STOP]');
  }

  enqueued(job, status, { queueSize, activeWorkers }) {
    const fields = idOf(job);
    const bot = job.botSlug;
    if (status === 'queued') {
      this.observe('queued_total', 1, { bot, kind: job.kind });
      this.log('info', '[QUEUE][ADD]', { ...fields, queue_size: queueSize, active_workers: activeWorkers });
    } else if (status === 'full') {
      this.observe('queue_full_total', 1, { bot });
      this.log('warn', '[QUEUE][FULL]', { ...fields, queue_size: queueSize });
    } else if (status === 'cached') {
      this.observe('queue_cached_total', 1, { bot });
      this.log('debug', '[QUEUE][CACHED]', fields);
    } else {
      this.observe('queue_duplicate_total', 1, { bot });
      this.log('debug', status === 'processing' ? '[QUEUE][DUPLICATE]' : '[QUEUE][ALREADY_QUEUED]', fields);
    }
  }

  healed(job, status) {
    this.observe('healed_total', 1, { bot: job.botSlug, kind: job.kind });
    this.log('warn', '[HEAL]', { ...idOf(job), status });
  }

  refused(params, message) {
    this.log('warn', '[QUEUE][INVALID]', { bot_slug: textOf(params?.bot_slug), error: message });
  }

  claimed(claims, { queueSize, activeWorkers }) {
    this.observe('batch_size', claims.length);
    this.#gauges(queueSize, activeWorkers);
    const fields = { batch_size: claims.length, queue_remaining: queueSize, active_workers: activeWorkers };
    this.log('debug', '[BATCH][START]', fields);
  }

  dispatched({ job, waitedMs }, activeWorkers) {
    const fields = { ...idOf(job), r2_key: job.r2Key, queue_wait_ms: waitedMs, active_workers: activeWorkers };
    this.log('info', '[START]', fields);
  }

  settled(results, { queueSize, activeWorkers }) {
    let successful = 0;
    for (const result of results) {
      if (result.state === 'released') continue;
      if (result.status === 'succeeded') {
        successful++;
        this.#succeeded(result);
      } else {
        this.#failed(result);
      }
    }
    this.#gauges(queueSize, activeWorkers);
    this.log('info', '[BATCH][DONE]', {
      batch_size: results.length,
      successful,
      failed: results.length - successful,
      queue_remaining: queueSize,
      active_workers: activeWorkers,
    });
  }

  #gauges(queueSize, activeWorkers) {
    this.observe('queue_size', queueSize);
    this.observe('active_workers', activeWorkers);
  }

  #succeeded({ job, value, timings, waitedMs }) {
    const labels = { bot: job.botSlug, kind: job.kind };
    const waitMs = Math.round(waitedMs + timings.queue);
    const downloadMs = Math.round(timings.download);
    const sendMs = Math.round(timings.upload + timings.answer);
    const totalMs = Math.round(timings.total - timings.queue);
    this.observe('download_ms', downloadMs, labels);
    this.observe('send_ms', sendMs, labels);
    this.observe('latency_ms', totalMs, labels);
    this.observe('queue_wait_ms', waitMs, labels);
    this.observe('success_total', 1, labels);
    if (hasWeakId(value)) {
      const { fileId, fileUniqueId } = value;
      const lengths = { file_id_len: fileId?.length ?? 0, file_unique_id_len: fileUniqueId?.length ?? 0 };
      this.log('warn', '[WEAK_FILE_ID]', { ...idOf(job), ...lengths });
    }
    this.log('info', '[OK]', {
      ...idOf(job),
      file_id: `${value.fileId.slice(0, 20)}...`,
      file_unique_id: value.fileUniqueId,
      route: value.route,
      download_ms: downloadMs,
      send_ms: sendMs,
      total_ms: totalMs,
      queue_wait_ms: waitMs,
    });
  }

  #failed({ job, error, timings, waitedMs, attempt, state, runAtMs, charged }) {
    if (charged || state === 'dead') {
      this.observe('errors_total', 1, { bot: job.botSlug, kind: job.kind, error: error.code });
    }
    const fields = { ...idOf(job), code: error.code, error: error.message, attempt };
    if (state === 'retry') {
      this.observe('retry_total', 1, { bot: job.botSlug, kind: job.kind, error: error.code });
      // Put off without a try, as all jobs of a bot that is refused: what is wrong is told once, and not by each of them.
      const level = charged || timings.total > 0 ? 'warn' : 'debug';
      this.log(level, '[RETRY]', { ...fields, retry_in_ms: Math.max(0, runAtMs - Date.now()) });
      return;
    }
    if (error.code === 'ERR_WARMPATH_BOT_NOT_FOUND') this.log('warn', '[NO_BOT]', { bot_slug: job.botSlug });
    if (error.code === 'ERR_WARMPATH_WARMUP_CHAT_NOT_SET') {
      this.log('warn', '[NO_WARMUP_CHAT]', { bot_slug: job.botSlug });
    }
    const totalMs = Math.round(timings.total - timings.queue);
    const waitMs = Math.round(waitedMs + timings.queue);
    this.log('error', '[ERR]', { ...fields, total_ms: totalMs, queue_wait_ms: waitMs });
  }

  failure(err) {
    this.log('error', '[WORKER][ERR]', { code: err.code, error: err.message });
  }
}

function idOf(job) {
  return { bot_slug: job.botSlug, sha256: job.sha256, kind: job.kind };
}

function textOf(value) {
  return typeof value === 'string' ? value.slice(0, 255) : undefined;
}

module.exports = { PrewarmReport, hasWeakId };
