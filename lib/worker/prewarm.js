'use strict';

const { WarmpathError } = require('../errors.js');
const { PrewarmExecutor } = require('../executor/prewarm.js');
const { emitSafely } = require('../executor/emit.js');
const { jobKey } = require('../key.js');
const { CompatNames } = require('../metrics/compat-names.js');
const { failWith, text } = require('../options/check.js');
const { closeOptions, mostSlots } = require('../options/executor.js');
const { checkWorkerJob, checkAll } = require('../options/job.js');
const { workerOptions } = require('../options/worker.js');
const { identity } = require('../store/media-cache.js');
const { MemoryStore } = require('../store/memory.js');
const { PostgresStore } = require('../store/postgres.js');
const { botsFromPool } = require('./bots.js');
const { Handover } = require('./handover.js');
const { Healing } = require('./healing.js');
const { Recovery } = require('./recovery.js');
const { PrewarmReport, hasWeakId } = require('./report.js');
const { Senders } = require('./senders.js');
const { Worker } = require('./worker.js');

// How long a job waits when its bot could not be looked up; no attempt is charged, so this alone slows the loop down.
const LOOKUP_RETRY_MS = 5000;

// Twice the highest concurrency there is; a bound, not a reservation.
const EXECUTOR_CAPACITY = 8192;

const fileIdText = text({ max: 1024 });

/**
 * A durable prewarm worker: takes jobs without token, looks the bot up, sends, records the file_id.
 *
 * With `pool` (and no `store`) jobs wait in the app's own table `media_cache`, and results go there too: a PostgresStore. Any
 * number of processes may work on it.
 */
class PrewarmWorker extends Worker {
  #executorOptions;
  #senders;
  #store;
  #recorder;
  #recovery = null;
  #healing;
  #handover = new Handover(() => this.#engine);
  #report;
  #retryWeakId;
  // A pool that no store listens to.
  #pool = null;
  #onPoolError = (err) => this.problem(err);
  #stopped = false;
  #entering = new Set();
  #settings;
  #next = null;
  // Limits that were set by hand, and not by an option.
  #ownLimits = false;

  /**
   * @param {object} options see PrewarmWorkerOptions in index.d.ts
   * @param {object} [parts] replacements for the parts that `options` would make: store, resolveBot; and, for a store in
   *   memory, recorder: where results and unfinished work are kept, keyOf; monitor and compatNames, which outlive a worker;
   *   pauses, with a clock of its own. For the compat module and for tests, not for applications
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD
   */
  constructor(options, parts = {}) {
    const checked = workerOptions(options);
    const { pool, store: given, resolveBot, retry, leaseMs, pollMs, retryWeakId, ...more } = checked;
    const { logger, observe, onError, ...rest } = more;
    const { tokenColumn, ...engine } = rest;
    const { delaysMs, ...quick } = retry;
    const make = () => {
      if (pool === undefined) return new MemoryStore({ capacity: engine.capacity, delaysMs });
      return new PostgresStore({ pool, delaysMs, onError: (err) => this.problem(err) });
    };
    const store = parts.store ?? given ?? make();
    const recorder = parts.recorder ?? null;
    const compatNames = parts.compatNames ?? new CompatNames(observe);
    const report = new PrewarmReport({ logger, observe: compatNames.observe });
    super({
      ...{ store, recorder, report, concurrency: mostSlots(engine.concurrency), leaseMs, pollMs },
      ...{ name: 'prewarm', monitor: parts.monitor, compatNames, onError },
      ping: pool === undefined ? undefined : () => pool.query('SELECT 1'),
    });
    // The worker never claims more than twice its concurrency, which may be raised while it runs.
    this.#executorOptions = { ...engine, retry: quick, capacity: EXECUTOR_CAPACITY };
    const resolve = parts.resolveBot ?? resolveBot ?? botsFromPool(pool, { tokenColumn });
    this.#senders = new Senders(resolve, parts.pauses);
    this.#store = store;
    this.#recorder = recorder;
    this.#report = report;
    this.#retryWeakId = retryWeakId;
    if (parts.store !== undefined || given !== undefined) this.#pool = pool ?? null;
    this.#settings = { intervalMs: pollMs, concurrency: mostSlots(engine.concurrency), capacity: engine.capacity };
    const keyOf = parts.keyOf ?? jobKey;
    this.#healing = new Healing({ recorder, store, keyOf });
    const onRecovered = (counts) => this.#report.log('info', '[RECOVERED]', counts);
    if (recorder !== null) {
      this.#recovery = new Recovery({
        recorder,
        store,
        busy: () => [...this.unrecorded(), ...this.#entering],
        keyOf,
        onError: (err) => this.problem(err),
        onRecovered,
      });
    }
    store.shareLimits?.(this.#handover);
    // A wrong setting or a missing addon is to be known now, not at start.
    this.#next = this.createExecutor();
  }

  createExecutor() {
    const executor = this.#next ?? new PrewarmExecutor(this.#executorOptions);
    this.#next = null;
    return executor;
  }

  /**
   * Starts claiming; a running worker is left as it is. A database that is away does not make it reject: an 'error' event
   * tells, and the claim is repeated.
   */
  async start() {
    if (!this.begin()) return;
    this.#stopped = false;
    // Without a listener, an idle connection that breaks would end the whole process.
    if (typeof this.#pool?.on === 'function') this.#pool.on('error', this.#onPoolError);
    this.#report.started(this.#settings);
    await this.#recovery?.start();
  }

  /** The executor, or before the first start the one that will be. */
  get #engine() {
    return this.executor ?? this.#next;
  }

  /** The limits in force, or false where nothing is paced. */
  limits() {
    return this.#engine.limits();
  }

  /** Other limits from now on, also after a restart: false, or what is to change. */
  setLimits(limits) {
    this.#engine.setLimits(limits);
    this.#ownLimits = true;
    this.#executorOptions.limits = this.#engine.limits();
  }

  inherit(previous) {
    super.inherit(previous);
    // Before the first start of the compat module there is only a stand-in, which has no limits.
    if (#ownLimits in previous && previous.#ownLimits) this.setLimits(previous.limits());
  }

  setConcurrency(n) {
    super.setConcurrency(n);
    this.#executorOptions.concurrency = n;
  }

  /** The bots and chats that a 429 has slowed down, or still holds. */
  throttled() {
    return this.#engine.throttled();
  }

  /** When a batch would be done under the limits, and what decides that. */
  plan(jobs, options) {
    return this.#engine.plan(jobs, options);
  }

  /** Something the bot sent, or was refused, beside the worker's jobs: it counts against the same limits. */
  report(live) {
    return this.#engine.report(live);
  }

  async stop(options) {
    closeOptions(options);
    this.#stopped = true;
    this.#recovery?.stop();
    if (this.state === 'idle') {
      await this.#next?.close({ timeoutMs: 0 });
      this.#next = null;
      await this.#store.leave?.();
      return;
    }
    await super.stop(options);
    this.#pool?.removeListener?.('error', this.#onPoolError);
  }

  /** @returns {Promise<'queued' | 'duplicate' | 'processing' | 'cached' | 'full'>} */
  async enqueue(job) {
    return (await this.#enqueue([checkWorkerJob(job)]))[0];
  }

  /** One status per job; all jobs are checked before the first is queued. */
  async enqueueMany(jobs) {
    return this.#enqueue(checkAll(checkWorkerJob, jobs));
  }

  async #enqueue(jobs) {
    if (this.#stopped) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the worker was stopped');
    if (jobs.length === 0) return [];
    const { open, answers } = await this.#enter(jobs);
    if (answers.includes('full')) this.missed();
    const byJob = new Map(open.map((job, i) => [job, answers[i]]));
    this.origins.learn(open.filter((_, i) => answers[i] === 'queued').map((job) => job.key ?? jobKey(job)));
    const gauges = this.gauges();
    return jobs.map((job) => {
      const status = byJob.get(job) ?? 'cached';
      this.#report.enqueued(job, status, gauges);
      return status;
    });
  }

  async #enter(jobs) {
    // On their way these jobs have a row, but are not in the store yet: a look for unfinished rows must not take them.
    for (const job of jobs) this.#entering.add(job);
    try {
      const ready = this.#recorder === null ? new Set() : await this.#recorder.markWarming(jobs);
      const open = jobs.filter((job) => !ready.has(identity(job)));
      return { open, answers: open.length === 0 ? [] : await this.#store.enqueue(open) };
    } finally {
      for (const job of jobs) this.#entering.delete(job);
    }
  }

  /**
   * A live send found that a file_id is not valid any more (see isStaleFileId): its result is forgotten, and its media
   * warmed again before everything else. Telling it twice does no harm.
   *
   * @param {string} fileId
   * @returns {Promise<'queued' | 'duplicate' | 'processing' | 'cached' | 'full' | 'unknown'>} `unknown`: no result has it,
   *   or it has been warmed again already
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_CLOSED, ERR_WARMPATH_DATABASE
   */
  async heal(fileId) {
    fileIdText(fileId, 'fileId', failWith('ERR_WARMPATH_INVALID_ARGUMENT'));
    if (this.#stopped) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the worker was stopped');
    const jobs = await this.#healing.invalidate(fileId);
    if (jobs.length === 0) return 'unknown';
    const [status] = await this.#store.enqueue(jobs);
    if (status === 'full') this.missed();
    this.#report.healed(jobs[0], status);
    return status;
  }

  /** A job was refused as 'full' elsewhere: its row is to be looked for when there is room. */
  missed() {
    this.#recovery?.missed();
  }

  prepare(claims) {
    const bySlug = this.#senders.bySlug(claims, (...failed) => this.fail(...failed));
    for (const [slug, group] of bySlug) this.#prepareBot(slug, group);
  }

  async #prepareBot(slug, claims) {
    try {
      const bot = await this.#senders.get(slug);
      const { token, chatIds } = bot;
      this.#handover.settle(slug, { token, chatIds });
      const open = this.#senders.give(claims, bot, (...failed) => this.fail(...failed));
      this.submit(open, (claim) => ({ ...claim.job, ...this.#senders.of(claim) }));
    } catch (err) {
      // A store may hold what this version would not have accepted: one such job must not take the others along.
      if (err?.code === 'ERR_WARMPATH_INVALID_JOB' && claims.length > 1) {
        for (const claim of claims) this.#prepareBot(slug, [claim]);
        return;
      }
      const failure =
        err instanceof WarmpathError
          ? err
          : new WarmpathError('ERR_WARMPATH_INTERNAL', 'the job could not be prepared', { cause: err });
      const transient = failure.class === 'transient';
      if (transient || failure.class === 'bug') this.problem(failure);
      this.fail(claims, failure, { charged: !transient, retryAfterMs: transient ? LOOKUP_RETRY_MS : undefined });
    }
  }

  progressed(results) {
    this.#healing.learn(results);
    this.#recovery?.check(results);
  }

  review(claim, outcome) {
    if (outcome.value?.chatId !== undefined) this.#handover.sent(claim.job.botSlug, outcome.value.chatId);
    // A wrong setting of the bot: its jobs wait until it is put right.
    const refused = this.#senders.learn(claim, outcome);
    if (refused?.news) this.problem(refused.news);
    if (refused !== null) return refused.outcome;
    if (outcome.value?.migratedChat !== undefined) this.#migrated(claim.job.botSlug, outcome.value.migratedChat);
    if (this.#retryWeakId && claim.attempt === 1 && outcome.status === 'succeeded' && hasWeakId(outcome.value)) {
      const error = {
        code: 'ERR_WARMPATH_SEND_AMBIGUOUS',
        class: 'ambiguous',
        phase: 'answer',
        message: 'the file_unique_id is too short; sent again once, as configured',
        certainty: 'maybe-sent',
      };
      // The message is there, and the next attempt sends another.
      const possibleDuplicates = outcome.possibleDuplicates + 1;
      return { ...outcome, status: 'failed', value: undefined, error, charged: true, possibleDuplicates };
    }
    return outcome;
  }

  /** The engine has sent to the new chat already; what is left is to use it from now on, and to tell the app once. */
  #migrated(botSlug, { from, to }) {
    if (!this.#senders.migrate(botSlug, from, to)) return;
    this.#report.log('warn', '[CHAT_MIGRATED]', { bot_slug: botSlug, from, to });
    emitSafely(this, 'chat-migrated', { botSlug, from, to });
  }
}

module.exports = { PrewarmWorker };
