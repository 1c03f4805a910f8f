'use strict';

const { logTo } = require('../log/adapt.js');

const LOG = '[CAMPAIGN]';

const EMPTY = {
  processed: 0,
  failed: 0,
  retried: 0,
  paused: 0,
  skipped: 0,
  tokens: 0,
  cost: 0,
  parts: 0,
  generationMs: 0,
};

/**
 * What a campaign worker tells a logger and an `observe` function (metric names `campaign_*`; labels are closed sets: result,
 * code). After each window of messages comes a line of progress. A logger or observe that throws is ignored: watching a
 * message never changes how it ends.
 */
class CampaignReport {
  #log;
  #observe;
  #window;
  #onWindow;
  #now = { ...EMPTY };
  #since = performance.now();

  /** @param {object} parts logger, observe; window: messages a line of progress is about; onWindow(progress) */
  constructor({ logger, observe, window, onWindow }) {
    this.#log = logTo(logger);
    this.#observe = observe;
    this.#window = window;
    this.#onWindow = onWindow;
  }

  log(level, tag, fields) {
    this.#log(level, `${LOG}${tag}`, fields);
  }

  observe(name, value, labels) {
    if (this.#observe === undefined) return;
    try {
      this.#observe(`campaign_${name}`, value, labels);
    } catch {}
  }

  started({ window, pollMs }) {
    this.log('info', '[WORKER][START]', { window, poll_ms: pollMs });
  }

  stopped() {
    this.log('info', '[WORKER][STOP]');
  }

  claimed(claims, { queueSize, activeWorkers }) {
    this.log('info', '[CLAIMED]', { messages: claims.length, queue_size: queueSize, active_workers: activeWorkers });
  }

  dispatched() {}

  /** Handed back because its run is paused. */
  paused({ messageId, runId }) {
    this.#now.paused += 1;
    this.observe('messages_total', 1, { result: 'paused' });
    this.log('info', '[PAUSED]', { message_id: messageId, run_id: runId });
    this.#progress({});
  }

  skipped(count) {
    if (count === 0) return;
    this.observe('messages_total', count, { result: 'skipped' });
    this.log('info', '[SKIPPED_OLD]', { messages: count });
  }

  settled(results, gauges) {
    for (const result of results) {
      if (result.state === 'done') this.#done(result);
      else this.#failed(result);
      this.#progress(gauges);
    }
    this.observe('queue_size', gauges.queueSize);
    this.observe('active_workers', gauges.activeWorkers);
  }

  #done({ job, value, attempt }) {
    const ids = { message_id: job.messageId, run_id: job.runId };
    if (value.skipped !== undefined) {
      this.#now.skipped += 1;
      this.observe('messages_total', 1, { result: 'skipped' });
      this.log('info', '[SKIPPED]', ids);
      return;
    }
    this.#now.processed += 1;
    this.#now.parts += value.delivered;
    this.observe('messages_total', 1, { result: 'sent' });
    this.observe('parts_total', value.delivered);
    if (value.usage !== undefined) this.#generated(value);
    this.log('info', '[SENT]', {
      ...ids,
      attempt,
      parts: value.parts,
      delivered: value.delivered,
      repeated: value.repeated,
      ai_tokens_used: value.usage?.totalTokens,
      ai_generation_time_ms: value.generationMs === undefined ? undefined : Math.round(value.generationMs),
      split_time_ms: value.splitMs === undefined ? undefined : Math.round(value.splitMs),
      cost: value.usage?.cost ?? undefined,
      model: value.model,
    });
  }

  #generated({ usage, generationMs }) {
    this.#now.tokens += usage.totalTokens;
    this.#now.cost += usage.cost ?? 0;
    this.#now.generationMs += generationMs;
    this.observe('llm_tokens_total', usage.totalTokens);
    this.observe('llm_cost_usd_total', usage.cost ?? 0);
    this.observe('llm_seconds', generationMs / 1000);
  }

  #failed({ job, error, state, attempt, runAtMs, charged }) {
    const retried = state === 'retry';
    this.#now[retried ? 'retried' : 'failed'] += 1;
    this.observe('messages_total', 1, { result: retried ? 'retry' : 'failed' });
    this.observe('errors_total', 1, { code: error.code });
    const fields = { message_id: job.messageId, run_id: job.runId, attempt, code: error.code, error: error.message };
    if (!retried) this.log('error', '[FAILED]', fields);
    else this.log('warn', '[RETRY]', { ...fields, charged, retry_in_ms: Math.max(0, runAtMs - Date.now()) });
  }

  #progress({ queueSize, activeWorkers }) {
    const { processed, failed, retried, paused, skipped } = this.#now;
    const messages = processed + failed + retried + paused + skipped;
    if (messages < this.#window) return;
    const { tokens, cost, parts, generationMs } = this.#now;
    const ms = Math.round(performance.now() - this.#since);
    const progress = { messages, processed, failed, retried, paused, skipped, parts, tokens, cost, ms };
    this.#now = { ...EMPTY };
    this.#since = performance.now();
    this.log('info', '[WINDOW]', {
      ...progress,
      ai_generation_time_ms: processed === 0 ? 0 : Math.round(generationMs / processed),
      queue_size: queueSize,
      active_workers: activeWorkers,
    });
    this.#onWindow(progress);
  }

  failure(err) {
    this.log('error', '[WORKER][ERR]', { code: err.code, error: err.message });
  }
}

module.exports = { CampaignReport };
