'use strict';

const { PAYLOAD, GIVEN } = require('../options/ingest-job.js');
const { failWith } = require('../options/check.js');
const { whatsappChange, resolved } = require('../options/ingest-fields.js');
const { removeAside } = require('./compressor.js');

const [QUEUED, PROCESSING, FULL] = [0, 2, 3];

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/**
 * The native executor of ingests, with the hooks that a job may need in its middle. To whoever uses it a job that waits for
 * a hook is a job like any other: it is there, can be extended and cancelled, and settles once.
 *
 * An outcome that says what it `needs` is held back, the hook is called, and the job is submitted again under its key with
 * what the hook answered. A hook that has no answer lets the outcome go on its way. An image that was put aside is held back in
 * the same way, and goes on as the file that the compressor says.
 */
class Asking {
  #native;
  #hooks;
  #compressor;
  #wake;
  // Images that were put aside: to the native executor each is a success of its own.
  #putAside = 0;
  // Jobs that may come to need a hook, by key, until they are settled.
  #jobs = new Map();
  // Those of them whose hook runs, or which wait for room to go on: they are in no native queue.
  #asking = new Map();
  // Outcomes that were not made natively.
  #own = [];
  #closing = false;

  /**
   * @param {object} nativeExecutor a NativeIngest
   * @param {{ reupload?: Function, resolve?: Function, hookTimeoutMs: number }} hooks
   * @param {() => void} wake says that an outcome of ours waits
   * @param {Compressor} [compressor] of the jobs that say `aside`
   */
  constructor(nativeExecutor, hooks, wake, compressor) {
    this.#native = nativeExecutor;
    this.#hooks = hooks;
    this.#compressor = compressor;
    this.#wake = wake;
  }

  /** @param {string} json the jobs; in the usual case, in which none of them waits for a hook, handed on as it is */
  submitMany(json, jobs) {
    const open = this.#asking.size === 0 ? jobs : jobs.filter((job) => !this.#asking.has(job.key));
    const text = open.length === jobs.length ? json : JSON.stringify(open);
    const answers = open.length === 0 ? [] : this.#native.submitMany(text, payloads(open));
    for (let i = 0; i < open.length; i++) if (answers[i] === QUEUED) this.#remember(open[i]);
    if (open.length === jobs.length) return answers;
    let next = 0;
    return jobs.map((job) => (job === open[next] ? answers[next++] : PROCESSING));
  }

  #remember(job) {
    const asks = this.#mayAsk(job.source.type);
    if (asks === null && !job.aside) return;
    // An address has to be found for a media id in any case, and once more where that one has expired.
    const left = asks === 'resolve' && job.source.type === 'mediaId' ? 2 : 1;
    this.#jobs.set(job.key, { job, asks, left, leasedAt: performance.now() });
  }

  #mayAsk(type) {
    if (type === 'whatsapp' && this.#hooks.reupload !== undefined) return 'reupload';
    if ((type === 'url' || type === 'mediaId') && this.#hooks.resolve !== undefined) return 'resolve';
    return null;
  }

  takeSettled(max) {
    for (;;) {
      if (this.#own.length > 0) return JSON.stringify(this.#own.splice(0, max));
      const text = this.#native.takeSettled(max);
      if (text === null || text === undefined || this.#jobs.size === 0) return text;
      const outcomes = JSON.parse(text);
      let isAsItWas = true;
      const final = outcomes.filter((outcome) => {
        const held = this.#held(outcome);
        isAsItWas &&= !held && outcome.value?.compressed === undefined;
        return !held;
      });
      this.#goOn();
      if (isAsItWas) return text;
      if (final.length > 0) return JSON.stringify(final);
    }
  }

  /** Whether an outcome is held back, because a hook is asked first. */
  #held(outcome) {
    const entry = this.#jobs.get(outcome.key);
    if (entry === undefined) return false;
    const isAside = outcome.value?.aside === true;
    const needs = outcome.error?.needs;
    if (!isAside && (needs === undefined || needs !== entry.asks || entry.left === 0)) {
      complete(outcome, entry.before);
      this.#forget(outcome.key);
      return false;
    }
    const asking = { entry, outcome, ready: false };
    this.#asking.set(outcome.key, asking);
    if (isAside) this.#putAside++;
    else entry.left--;
    // What nobody thought of is the end of this job, and not of the process.
    (isAside ? this.#compress(asking) : this.#ask(asking)).catch(() => this.#broken(asking));
    return true;
  }

  #broken(asking) {
    const { outcome } = asking;
    if (this.#asking.get(outcome.key) !== asking) return;
    if (outcome.value?.aside === true) removeAside([outcome.value.location.path]);
    const error = {
      code: 'ERR_WARMPATH_INTERNAL',
      class: 'bug',
      message: 'the job could not go on',
      certainty: 'not-sent',
    };
    this.#settle(failedWith(outcome, error));
  }

  async #compress(asking) {
    const { entry, outcome } = asking;
    const { value } = outcome;
    const chosen = await this.#compressor.compress(value);
    const files = [value.location.path, chosen.path];
    // Cancelled in the meantime.
    if (this.#asking.get(outcome.key) !== asking) return removeAside(files);
    entry.before = { outcome, from: chosen.from, files };
    // The hashes that were promised are those of the original, which had them.
    const source = { type: 'path', path: chosen.path };
    // Whether it is welcome was judged by what was sent, and not by what we made of it.
    const rest = { source, aside: false, judged: true, mimeType: chosen.mime, kind: value.kind, sha256: undefined };
    entry.job = Object.assign(Object.create(null), entry.job, rest, { [GIVEN]: entry.job[GIVEN] });
    asking.ready = true;
    this.#goOn();
  }

  async #ask(asking) {
    const { entry, outcome } = asking;
    const { [entry.asks]: hook, hookTimeoutMs } = this.#hooks;
    try {
      const answer = await inTime(hook(entry.job[GIVEN]), hookTimeoutMs);
      // Cancelled in the meantime.
      if (this.#asking.get(outcome.key) !== asking) return;
      const source = answer === null || answer === undefined ? null : changed(entry.job.source, entry.asks, answer);
      if (source === null) return this.#settle(outcome);
      entry.job = Object.assign(Object.create(null), entry.job, { source, [GIVEN]: entry.job[GIVEN] });
      asking.ready = true;
      this.#goOn();
    } catch (err) {
      if (this.#asking.get(outcome.key) !== asking) return;
      const message = `${outcome.error.message}; the hook ${entry.asks} failed${nameOf(err)}`;
      this.#settle({ ...outcome, error: { ...outcome.error, message, hookFailed: true } });
    }
  }

  /** Submits the jobs again whose hook has answered, as far as there is room; the rest when somebody else's job has ended. */
  #goOn() {
    for (const [key, { entry, outcome, ready }] of this.#asking) {
      if (!ready) continue;
      const answer = this.#resubmit(entry);
      if (answer === FULL) return;
      this.#asking.delete(key);
      // Another job has taken the key: this one is what it was, over.
      if (answer !== QUEUED) this.#settle(outcome.error === undefined ? cancelled(outcome) : outcome);
    }
  }

  #resubmit(entry) {
    const { leaseMs } = entry.job;
    const left = leaseMs === undefined ? undefined : Math.max(1, leaseMs - (performance.now() - entry.leasedAt));
    const job = { ...entry.job, leaseMs: left === undefined ? undefined : Math.floor(left) || 1 };
    return this.#native.submitMany(JSON.stringify([job]), [])[0];
  }

  #settle(outcome) {
    this.#asking.delete(outcome.key);
    removeAside(this.#jobs.get(outcome.key)?.before?.files ?? []);
    this.#forget(outcome.key);
    this.#own.push(outcome);
    this.#wake();
  }

  #forget(key) {
    this.#jobs.delete(key);
    if (this.#closing && this.#jobs.size === 0) this.#native.closeIntake();
  }

  /** @returns {boolean} false when there is no such job */
  cancel(key) {
    const asking = this.#asking.get(key);
    if (asking === undefined) return this.#native.cancel(key);
    this.#settle(cancelled(asking.outcome));
    return true;
  }

  cancelAll() {
    this.#native.closeIntake();
    for (const key of [...this.#asking.keys()]) this.cancel(key);
    this.#native.cancelAll();
    // What was running and comes to need a hook now is over.
    for (const entry of this.#jobs.values()) entry.left = 0;
  }

  /** Nothing new comes in from outside; a job that is here may still have to be submitted again. */
  closeIntake() {
    this.#closing = true;
    if (this.#jobs.size === 0) this.#native.closeIntake();
  }

  extend(keys, leaseMs) {
    const answers = this.#native.extend(keys, leaseMs);
    for (let i = 0; this.#jobs.size > 0 && i < keys.length; i++) {
      const entry = this.#jobs.get(keys[i]);
      const isAsking = this.#asking.has(keys[i]);
      if (entry === undefined || !(answers[i] || isAsking)) continue;
      entry.job.leaseMs = leaseMs;
      entry.leasedAt = performance.now();
      answers[i] = true;
    }
    return answers;
  }

  stats() {
    const stats = JSON.parse(this.#native.stats());
    stats.asking = this.#asking.size;
    stats.succeeded -= this.#putAside;
    stats.waiting += stats.asking;
    return JSON.stringify(stats);
  }

  list() {
    // A job without a session has none here either.
    const jobs = JSON.parse(this.#native.list(), (name, value) => (name === 'session' ? (value ?? undefined) : value));
    for (const { entry } of this.#asking.values()) {
      const { key, session } = entry.job;
      jobs.push({ key, session, state: 'waiting', sinceMs: Math.round(performance.now() - entry.leasedAt) });
    }
    return JSON.stringify(jobs);
  }

  pause() {
    this.#native.pause();
  }

  resume() {
    this.#native.resume();
  }

  setConcurrency(n) {
    this.#native.setConcurrency(n);
  }

  explain(key) {
    return this.#native.explain(key);
  }
}

/** The end of a job that nothing became of. */
function cancelled(outcome) {
  const certainty = outcome.error?.certainty ?? 'not-sent';
  const error = { code: 'ERR_WARMPATH_CANCELLED', class: 'cancelled', message: 'the job was cancelled', certainty };
  return failedWith(outcome, error);
}

const failedWith = ({ value: _value, ...outcome }, error) => ({ ...outcome, status: 'failed', charged: false, error });

/** Of what a hook threw, which may be anything, the name alone: a foreign message may hold anything too. */
function nameOf(thrown) {
  const name = thrown?.name;
  return typeof name === 'string' && /^\w{1,64}$/.test(name) ? ` (${name})` : '';
}

/** The outcome of a job as if its image had never been put aside: `before` is what was known then. */
function complete(outcome, before) {
  if (before === undefined) return;
  removeAside(before.files);
  outcome.bytes = before.outcome.bytes;
  outcome.attempts += before.outcome.attempts - 1;
  for (const [phase, ms] of Object.entries(before.outcome.timings)) {
    outcome.timings[phase] = (outcome.timings[phase] ?? 0) + (ms ?? 0);
  }
  if (outcome.value === undefined || outcome.value === null) return;
  const { fileName, declared } = before.outcome.value;
  Object.assign(outcome.value, fileName !== undefined && { fileName }, declared !== undefined && { declared });
  outcome.value.compressed = before.from;
}

const payloads = (jobs) => jobs.filter((job) => job[PAYLOAD] !== undefined).map((job) => job[PAYLOAD]);

/** The source as a hook says it is now; what the hook does not mention stays. */
function changed(source, asks, answer) {
  if (asks === 'resolve') {
    const { url, headers = [] } = resolved(answer, 'answer', invalid);
    return { type: 'url', url, headers };
  }
  const { type, ...known } = source;
  const change = whatsappChange(answer, 'answer', invalid);
  // An address belongs to its upload: the old one beside a new path would only cost a request.
  if (change.directPath !== undefined && change.url === undefined) delete known.url;
  if (change.url !== undefined && change.directPath === undefined) delete known.directPath;
  return { type, ...known, ...change };
}

function inTime(promise, ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new DOMException('the hook did not answer in time', 'TimeoutError')), ms);
    timer.unref();
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

module.exports = { Asking };
