'use strict';

const { EventEmitter } = require('node:events');
const { WarmpathError } = require('../errors.js');
const { emitSafely } = require('../executor/emit.js');
const { Batch } = require('./campaign-batch.js');
const { cancelled, refused, succeeded, unsendable, worthOf } = require('./campaign-outcome.js');
const { Deadline } = require('./deadline.js');

// Nothing is begun, or recorded, so short before a lease ends; the engine's own margin.
const MARGIN_MS = 5000;

/**
 * A campaign message as one job, made of the two that a CampaignExecutor knows: generate, store the parts, deliver what is
 * stored, and record each part before the next one is sent. To a Worker it is an executor like any other.
 *
 * What is delivered is always what the store holds, never what was just generated: so whoever has the message next, goes on
 * with the same text.
 *
 * Events: 'settled' (outcomes[]), 'paused' (job): handed back because its run is paused.
 */
class CampaignPipeline extends EventEmitter {
  #executor;
  #jobs = new Map();
  // First come, first served: not begun, being written, being stored, stored, being delivered. A window of them is written at a time, and a
  // window delivered, so that a model is never idle because a webhook is slow.
  #waiting = new Set();
  #writing = new Set();
  #saving = new Set();
  #ready = new Set();
  #delivering = new Set();
  #slots;
  #paused = false;
  #saver;
  #recorder;
  #closing = null;
  #over = false;
  #idle = () => {};

  /** @param {object} parts executor: a CampaignExecutor with confirmParts; store: a CampaignStore; window; onError(err) */
  constructor({ executor, store, window, onError }) {
    super();
    this.#executor = executor;
    this.#slots = window;
    this.#saver = new Batch({
      write: (jobs) =>
        store.saveParts(jobs.map(({ id, fence, runId, generated }) => ({ key: id, fence, runId, value: generated }))),
      done: (job, result) => this.#saved(job, result),
      onError,
    });
    this.#recorder = new Batch({
      write: (items) => store.delivered(items),
      done: ({ job, part }, result) => this.#recorded(job, part, result),
      onError,
    });
    executor.on('settled', (outcomes) => {
      for (const outcome of outcomes) this.#settled(outcome);
    });
    executor.on('part', (events) => {
      for (const event of events) this.#delivered(event);
    });
  }

  /** @param {{ key, leaseMs, messageId, runId, fence, parts, context }[]} given key: the handle of the claim */
  submitMany(given) {
    return given.map(({ key, leaseMs, messageId, runId, fence, parts, context }) => {
      if (this.#closing !== null) return 'full';
      const job = {
        handle: key,
        id: messageId,
        runId,
        fence,
        parts,
        context,
        since: performance.now(),
        leaseEnd: performance.now() + leaseMs,
        generated: null,
        paused: false,
        cancelled: false,
        unrecorded: 0,
        sent: { delivered: 0, repeated: 0, attempts: 0 },
        last: null,
        until: () => job.leaseEnd - MARGIN_MS,
      };
      this.#jobs.set(key, job);
      this.#waiting.add(job);
      // In a later turn: who submits is to have its answer before the outcome.
      queueMicrotask(() => this.#pump());
      return 'queued';
    });
  }

  #pump() {
    for (const job of this.#ready) {
      if (this.#delivering.size >= this.#slots) break;
      this.#ready.delete(job);
      this.#delivering.add(job);
      this.#deliver(job);
    }
    for (const job of this.#waiting) {
      // No more is written than can be delivered soon.
      if (this.#paused || this.#closing !== null || this.#saving.size + this.#ready.size >= this.#slots) return;
      if (job.parts.length === 0 && this.#writing.size >= this.#slots) return;
      this.#waiting.delete(job);
      this.#begin(job);
    }
  }

  #begin(job) {
    const { context, parts } = job;
    if (typeof context.skip === 'string' && !parts.some(({ delivered }) => delivered)) {
      this.#finish(job, succeeded({ skipped: context.skip }));
    } else if (parts.length > 0) {
      this.#stored(job);
    } else {
      this.#writing.add(job);
      this.#generate(job);
    }
  }

  #stored(job) {
    this.#saving.delete(job);
    this.#ready.add(job);
    queueMicrotask(() => this.#pump());
  }

  #generate(job) {
    const { messages, models, maxTokens, temperature } = job.context;
    this.#submit(job, { step: 'generate', messages, models, maxTokens, temperature });
  }

  #deliver(job) {
    const { parts, context } = job;
    const from = parts.findIndex(({ delivered }) => !delivered);
    // A process that died between the last part and the end of the message.
    if (from === -1) this.#finish(job, succeeded(worthOf(job)));
    else
      this.#submit(job, { step: 'deliver', parts: parts.map(({ text }) => text), from, recipient: context.recipient });
  }

  #submit(job, step) {
    const leaseMs = Math.floor(job.leaseEnd - performance.now());
    if (leaseMs <= 0) {
      this.#finish(job, cancelled('its lease is over'));
      return;
    }
    try {
      const status = this.#executor.submit({
        ...step,
        key: job.handle,
        campaignId: job.runId,
        messageId: job.id,
        leaseMs,
      });
      if (status !== 'queued') this.#finish(job, cancelled(`the executor has no place (${status})`));
    } catch (err) {
      // What a hook gave is not what the executor takes; or the executor was closed meanwhile.
      const error = err instanceof WarmpathError ? err : internal(err);
      this.#finish(job, error.code === 'ERR_WARMPATH_CLOSED' ? cancelled('the executor is closed') : refused(error));
    }
  }

  #settled(outcome) {
    const job = this.#jobs.get(outcome.key);
    if (job === undefined) return;
    if (outcome.status === 'succeeded' && outcome.value.step === 'generate') {
      job.generated = outcome.value;
      job.sent.attempts += outcome.attempts;
      this.#writing.delete(job);
      this.#saving.add(job);
      this.#saver.push(job);
      // The model need not wait for the database.
      this.#pump();
      return;
    }
    job.last = outcome;
    this.#end(job);
  }

  /** The parts are stored, and whatever was stored first is what counts. */
  #saved(job, result) {
    if (!this.#jobs.has(job.handle)) return;
    if (result === null || !result.applied) {
      this.#finish(job, cancelled(result === null ? 'its parts could not be stored' : 'it is somebody else’s now'));
      return;
    }
    job.parts = result.parts;
    if (job.cancelled || this.#over) this.#finish(job, cancelled('cancelled before its first part'));
    else if (!result.active) this.#pause(job);
    else if (job.parts.length === 0) this.#finish(job, unsendable());
    else this.#stored(job);
  }

  #delivered({ key, part, attempts, repeated }) {
    const job = this.#jobs.get(key);
    if (job === undefined) return;
    job.sent.delivered += 1;
    job.sent.repeated += Number(repeated);
    job.unrecorded += 1;
    this.#recorder.push({ job, key: job.id, fence: job.fence, part, attempts, until: job.until });
  }

  #recorded(job, part, result) {
    job.unrecorded -= 1;
    if (job.parts[part] !== undefined && result !== null) job.parts[part].delivered = true;
    // The last part has nobody who waits for it.
    if (job.last !== null) this.#end(job);
    else if (result?.active && !job.cancelled) this.#executor.confirm(job.handle, part);
    else {
      job.paused = result !== null && !result.active;
      this.#executor.cancel(job.handle);
    }
  }

  /** Over, as soon as what was delivered is recorded. */
  #end(job) {
    if (job.unrecorded > 0) return;
    const { last } = job;
    if (last.status === 'succeeded') this.#finish(job, { ...last, value: { ...worthOf(job), ...last.value } });
    else if (job.parts.length > 0 && job.parts.every(({ delivered }) => delivered)) {
      this.#finish(job, { ...last, status: 'succeeded', error: undefined, value: worthOf(job) });
    } else if (job.paused && last.error.class === 'cancelled') this.#pause(job);
    else this.#finish(job, last);
  }

  #pause(job) {
    emitSafely(this, 'paused', { messageId: job.id, runId: job.runId });
    this.#finish(job, { ...cancelled('its run is paused'), value: { paused: true } });
  }

  #finish(job, outcome) {
    if (!this.#jobs.delete(job.handle)) return;
    for (const stage of [this.#waiting, this.#writing, this.#saving, this.#ready, this.#delivering]) stage.delete(job);
    emitSafely(this, 'settled', [{ ...outcome, key: job.handle }]);
    if (this.#jobs.size === 0) this.#idle();
    else queueMicrotask(() => this.#pump());
  }

  /** Hands back what waits and belongs to a run that is not worked on; what was begun stops at its next part. */
  keepOnly(active) {
    for (const job of [...this.#waiting, ...this.#ready]) if (!active.has(job.runId)) this.#pause(job);
  }

  /** The runs of what is here. */
  runs() {
    return [...new Set([...this.#jobs.values()].map(({ runId }) => runId))];
  }

  extend(keys, leaseMs) {
    const leaseEnd = performance.now() + leaseMs;
    const here = keys.filter((key) => this.#jobs.has(key));
    for (const key of here) this.#jobs.get(key).leaseEnd = leaseEnd;
    if (here.length > 0) this.#executor.extend(here, leaseMs);
    return keys.map((key) => this.#jobs.has(key));
  }

  cancel(key) {
    const job = this.#jobs.get(key);
    if (job === undefined) return false;
    job.cancelled = true;
    if (this.#waiting.has(job)) this.#finish(job, cancelled('cancelled before it began'));
    else if (this.#ready.has(job)) this.#finish(job, cancelled('cancelled before its first part'));
    else this.#executor.cancel(key);
    return true;
  }

  /** Begins no further message; those that were begun go on, with all of their steps. */
  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.#pump();
  }

  setConcurrency(n) {
    this.#slots = n;
    this.#executor.setConcurrency(executorSlots(n));
    this.#pump();
  }

  list() {
    const now = performance.now();
    return [...this.#jobs.values()].map((job) => ({
      key: job.handle,
      messageId: job.id,
      runId: job.runId,
      state: this.#waiting.has(job) ? 'queued' : 'running',
      sinceMs: Math.round(now - job.since),
    }));
  }

  /** Why a message is where it is, in the form of an executor's explain(). */
  explain(key) {
    const job = this.#jobs.get(key);
    if (job === undefined) return null;
    if (!this.#waiting.has(job)) return { state: 'running', waits: [], ahead: 0 };
    const ahead = [...this.#waiting].indexOf(job);
    return { state: 'queued', waits: [{ reason: this.#paused ? 'paused' : 'slot', waitMs: null }], ahead };
  }

  /**
   * What runs may finish for `timeoutMs`; what waits is handed back at once, and the rest after that. A second call can only
   * shorten the wait.
   */
  close({ timeoutMs }) {
    if (this.#closing === null) {
      const deadline = new Deadline(timeoutMs);
      this.#closing = { deadline, done: this.#close(deadline) };
    } else {
      this.#closing.deadline.shorten(timeoutMs);
    }
    return this.#closing.done;
  }

  async #close(deadline) {
    const idle = new Promise((resolve) => {
      this.#idle = resolve;
      if (this.#jobs.size === 0) resolve();
    });
    for (const { handle } of [...this.#waiting]) this.cancel(handle);
    await Promise.race([idle, deadline.passed]);
    deadline.clear();
    this.#over = true;
    this.#saver.close();
    this.#recorder.close();
    for (const { handle } of [...this.#jobs.values()]) this.cancel(handle);
    await this.#executor.close({ timeoutMs: 0 });
    await idle;
  }

  stats() {
    const queued = this.#waiting.size;
    return { ...this.#executor.stats(), queued, waiting: 0, running: this.#jobs.size - queued, paused: this.#paused };
  }
}

/** What an executor has at once for a window: those that are written, and those that are delivered. */
const executorSlots = (window) => Math.min(2 * window, 4096);

const internal = (cause) => new WarmpathError('ERR_WARMPATH_INTERNAL', 'the message could not be submitted', { cause });

module.exports = { CampaignPipeline, executorSlots };
