'use strict';

const { WarmpathError } = require('../errors.js');
const { CampaignExecutor } = require('../executor/campaign.js');
const { emitSafely } = require('../executor/emit.js');
const { CompatNames } = require('../metrics/compat-names.js');
const { campaignWorkerOptions, checkMessage, key } = require('../options/campaign-worker.js');
const { failWith } = require('../options/check.js');
const { closeOptions } = require('../options/executor.js');
const { checkAll } = require('../options/job.js');
const { CampaignStore } = require('../store/campaign.js');
const { CampaignPipeline, executorSlots } = require('./campaign-pipeline.js');
const { CampaignReport } = require('./campaign-report.js');
const { Contexts } = require('./campaign-contexts.js');
const { Worker } = require('./worker.js');

// A key that is refused or an account that is empty concerns every message: the next look is after a while.
const HOLD_MS = 30_000;

// A bound, not a reservation.
const EXECUTOR_CAPACITY = 8192;

// Messages get old slowly.
const SKIP_EVERY_MS = 300_000;

/** Two windows are in work, one waits with its contexts at hand, and a fourth is fetched when there is room for all of it. */
const ahead = (window) => ({ concurrency: window, claimUpTo: 4 * window, claimAtLeast: window });

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/**
 * Campaigns from the app's own tables: claims messages of the runs that are worked on, asks the app for their contexts, has
 * an LLM write them, stores the parts, delivers them by webhook, records it. A sliding window: as soon as a message is over,
 * the next one begins.
 *
 * Events: those of Worker, 'window' (progress).
 */
class CampaignWorker extends Worker {
  #settings;
  #options;
  #store;
  #report;
  #contexts;
  #pipeline = null;
  #next;
  #timers = [];
  #watching = false;
  #holdUntil = 0;
  #holdTimer = null;
  #paused = 0;
  #stopped = false;
  #onPoolError = (err) => this.problem(err);

  /**
   * @param {object} options see CampaignWorkerOptions in index.d.ts
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
   */
  constructor(options) {
    const checked = campaignWorkerOptions(options);
    const { window, leaseMs, pollMs, logger, observe, onError } = checked;
    const store = new CampaignStore(checked.store);
    const onWindow = (progress) => emitSafely(this, 'window', progress);
    const compatNames = new CompatNames(observe);
    const report = new CampaignReport({ logger, observe: compatNames.observe, window, onWindow });
    const settings = {
      ...{ store, recorder: null, report, leaseMs, pollMs, name: 'campaign' },
      ...ahead(window),
      ...{ compatNames, onError },
      ping: () => checked.store.pool.query('SELECT 1'),
    };
    super(settings);
    this.#settings = settings;
    this.#options = checked;
    this.#store = store;
    this.#report = report;
    this.#contexts = new Contexts({ ...checked, onError: (err) => this.problem(err) });
    // A wrong setting or a missing addon is to be known now, not at start.
    this.#next = this.#engine();
  }

  #engine() {
    // It never gets more than the window, which may be made larger while it runs.
    const { engine, window } = this.#options;
    const concurrency = executorSlots(window);
    return new CampaignExecutor({ ...engine, concurrency, confirmParts: true, capacity: EXECUTOR_CAPACITY });
  }

  createExecutor() {
    const executor = this.#next ?? this.#engine();
    this.#next = null;
    const { window } = this.#options;
    const pipeline = new CampaignPipeline({
      executor,
      store: this.#store,
      window,
      onError: (err) => this.problem(err),
    });
    pipeline.on('paused', (job) => {
      this.#paused += 1;
      this.#report.paused(job);
    });
    this.#pipeline = pipeline;
    return pipeline;
  }

  /**
   * Starts claiming; a running worker is left as it is. A database that is away does not make it reject: an 'error' event
   * tells, and the claim is repeated.
   */
  async start() {
    const { store, window, pollMs, skipAfterMs } = this.#options;
    this.#stopped = false;
    // What is too old must not be begun any more.
    if (skipAfterMs !== undefined && this.state === 'idle') await this.#skipOld();
    if (this.#stopped || !this.begin()) return;
    // Without a listener, an idle connection that breaks would end the whole process.
    if (typeof store.pool.on === 'function') store.pool.on('error', this.#onPoolError);
    this.#report.started({ window, pollMs });
    this.#every(pollMs, () => this.#watchRuns());
    if (skipAfterMs !== undefined) this.#every(Math.min(SKIP_EVERY_MS, skipAfterMs), () => this.#skipOld());
  }

  #every(ms, run) {
    this.#timers.push(setInterval(run, ms).unref());
  }

  async stop(options) {
    closeOptions(options);
    this.#stopped = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    clearTimeout(this.#holdTimer);
    this.#holdUntil = 0;
    if (this.state === 'idle') {
      await this.#next?.close({ timeoutMs: 0 });
      this.#next = null;
      return;
    }
    await super.stop(options);
    this.#options.store.pool.removeListener?.('error', this.#onPoolError);
  }

  setConcurrency(n) {
    super.setConcurrency(n);
    Object.assign(this.#settings, ahead(n));
    this.#options.window = n;
    this.wake();
  }

  mayClaim() {
    return performance.now() >= this.#holdUntil;
  }

  /** A run that was paused, here or elsewhere, while messages of it wait for their turn. */
  async #watchRuns() {
    const runs = this.#pipeline.runs();
    if (runs.length === 0 || this.#watching) return;
    this.#watching = true;
    try {
      this.#pipeline.keepOnly(await this.#store.active(runs));
    } catch (err) {
      this.problem(err);
    } finally {
      this.#watching = false;
    }
  }

  async #skipOld() {
    try {
      this.#report.skipped(await this.#store.skipOld(this.#options.skipAfterMs));
    } catch (err) {
      this.problem(err);
    }
  }

  prepare(claims) {
    const found = ({ key: id, fence, handle, job }, context) => {
      const claim = claims.find((one) => one.handle === handle);
      this.submit([claim], () => ({ messageId: id, runId: job.runId, fence, parts: job.parts, context }));
    };
    this.#contexts
      .get(claims, found, (failed, err, how) => {
        if (err.class === 'transient') this.problem(err);
        this.fail(failed, err, how);
      })
      .catch((cause) => {
        const err = new WarmpathError('ERR_WARMPATH_INTERNAL', 'the messages could not be prepared', { cause });
        this.problem(err);
        this.fail(claims, err, { charged: true });
      });
  }

  review(_claim, outcome) {
    if (outcome.error?.class === 'config') this.#hold(outcome.error);
    return outcome;
  }

  #hold({ code, message }) {
    if (!this.mayClaim() || this.#stopped) return;
    this.#holdUntil = performance.now() + HOLD_MS;
    this.#holdTimer = setTimeout(() => this.wake(), HOLD_MS).unref();
    this.problem(new WarmpathError(code, message, { class: 'config' }));
  }

  /** @returns {Promise<'queued' | 'duplicate' | 'processing' | 'cached'>} */
  async enqueue(message) {
    return (await this.#enqueue([checkMessage(message)]))[0];
  }

  /** One status per message; all are checked before the first is put in. */
  async enqueueMany(messages) {
    return this.#enqueue(checkAll(checkMessage, messages));
  }

  #enqueue(messages) {
    if (this.#stopped) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the worker was stopped');
    return this.#store.enqueue(messages, (keys) => this.origins.learn(keys));
  }

  /** No further message of this run is begun, and no further part sent, in any process. @returns {Promise<string | null>} */
  async pauseRun(runId) {
    const status = await this.#store.pause(key(runId, 'runId', invalid));
    if (this.state === 'running') await this.#watchRuns();
    return status;
  }

  async resumeRun(runId) {
    return this.#store.resume(key(runId, 'runId', invalid));
  }

  /** How a run is getting on, or null. */
  async run(runId) {
    return this.#store.run(key(runId, 'runId', invalid));
  }

  stats() {
    const stats = super.stats();
    const { succeeded: processed, failed, retries: retried } = stats;
    const messages = { processed, failed, retried, paused: this.#paused };
    return { ...stats, messages, holding: !this.mayClaim() };
  }
}

module.exports = { CampaignWorker };
