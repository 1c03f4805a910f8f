'use strict';

const { randomUUID } = require('node:crypto');
const { inNobodysContext } = require('../context.js');
const { WarmpathError, databaseError } = require('../errors.js');
const { emitSafely, emitError } = require('../executor/emit.js');
const { KeepAlive } = require('../executor/keep-alive.js');
const { publishSettled, publishStart } = require('../metrics/channels.js');
const { closeOptions } = require('../options/executor.js');
const { ClaimLoop } = require('./claim-loop.js');
const { Heartbeat } = require('./heartbeat.js');
const { Inflight } = require('./inflight.js');
const { Operated } = require('./operated.js');
const { Outbox } = require('./outbox.js');
const { Shutdown } = require('./shutdown.js');
const { failedUnrun, handedBack } = require('./unrun.js');

// Results that wait to be recorded, for a store without a bound of its own.
const UNRECORDED_MAX = 500;

/**
 * Store + executor = a durable worker. Jobs are claimed from the store as the executor has room (twice its concurrency
 * at most, so that little has to be handed back), prepared by the subclass, run natively, recorded, and settled in the
 * store. Everything is driven by events; the only poll is the fallback of the claim loop.
 *
 * Events: 'settled' (results[]), 'succeeded', 'failed', 'retry' (result), 'error' (WarmpathError; without a listener it
 * is dropped, never thrown).
 *
 * A subclass gives `createExecutor()` and `prepare(claims)`, and may override `review(claim, outcome)`,
 * `progressed(results)` and `show(job)`.
 */
class Worker extends Operated {
  #state = 'idle';
  #settings;
  #executor = null;
  #inflight = new Inflight();
  #outbox = null;
  #heartbeat = null;
  #loop;
  #keepAlive = new KeepAlive();
  #shutdown = null;
  #stopping = null;
  #counts = { succeeded: 0, failed: 0, retries: 0 };

  /**
   * @param {object} settings store, recorder, report, concurrency, leaseMs, pollMs; claimUpTo: most jobs claimed at a time,
   *   twice the concurrency; claimAtLeast: claim only where there is room for so many at once, 1; and what Operated takes
   */
  constructor(settings) {
    super(settings);
    this.#settings = settings;
    const { store, leaseMs, pollMs } = settings;
    this.#loop = new ClaimLoop({
      store,
      room: () => this.#room(),
      isHeld: () => this.held,
      take: (claims, claimedAt) => this.#take(claims, claimedAt),
      onError: (err) => this.problem(err),
      options: { leaseMs, pollMs, owner: randomUUID() },
    });
  }

  get state() {
    return this.#state;
  }

  get executor() {
    return this.#executor;
  }

  /** Begins to claim. @throws {WarmpathError} ERR_WARMPATH_CLOSED while it is stopping */
  begin() {
    if (this.#state === 'stopping') throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the worker is stopping');
    if (this.#state === 'running') return false;
    const { store, recorder, leaseMs } = this.#settings;
    const executor = this.createExecutor();
    const inflight = this.#inflight;
    const onError = (err) => this.problem(err);
    this.equip(executor);
    executor.on('settled', (outcomes) => this.#outcomes(outcomes));
    this.#executor = executor;
    this.#outbox = new Outbox({ store, recorder, onDone: (entries) => this.#recorded(entries), onError });
    const onRenewed = () => this.#loop.wake();
    this.#heartbeat = new Heartbeat({ store, executor, inflight, outbox: this.#outbox, leaseMs, onError, onRenewed });
    this.#shutdown = new Shutdown({
      ...{ executor, store, outbox: this.#outbox, loop: this.#loop, onError },
      handBack: () => this.#handBack(inflight.takeUnsubmitted()),
    });
    this.#state = 'running';
    inNobodysContext(() => {
      this.#heartbeat.start();
      this.#loop.start();
    });
    return true;
  }

  /** Looks for work now: something changed that the store cannot know. */
  wake() {
    this.#loop.wake();
  }

  #room() {
    const { concurrency, recorder, claimUpTo = 2 * concurrency, claimAtLeast = 1 } = this.#settings;
    if (this.held) return 0;
    // A database that comes back gets the results first. A lease may have run out meanwhile: claimed before its result is
    // recorded, that job would be sent again.
    if (recorder === null && (this.#outbox.away || this.#heartbeat.lapsed())) return 0;
    // Results that cannot be recorded pile up while the database is away: stop sending more when they are that many.
    if (this.#outbox.size >= this.#unrecordedMax() || !this.mayClaim()) return 0;
    const room = claimUpTo - this.#inflight.size;
    return room < claimAtLeast ? 0 : room;
  }

  /** A subclass may stay away from the store for a while; it calls wake() when that is over. */
  mayClaim() {
    return true;
  }

  #unrecordedMax() {
    const { concurrency, store, recorder } = this.#settings;
    const { capacity } = store.stats();
    // The bound of a table says nothing of this process.
    const isOwn = recorder !== null && Number.isFinite(capacity);
    return Math.max(isOwn ? capacity : UNRECORDED_MAX, 2 * concurrency);
  }

  /** For log lines and gauges: what this side knows, without asking the native one for each of them. */
  gauges() {
    const { store, concurrency } = this.#settings;
    const claimed = this.#inflight.size;
    const activeWorkers = Math.min(claimed, concurrency);
    return { queueSize: store.stats().queued + claimed - activeWorkers, activeWorkers };
  }

  #take(claims, claimedAt) {
    const leaseEnd = claimedAt + this.#settings.leaseMs;
    const entries = claims.map((claim) => this.#inflight.add(claim, leaseEnd));
    this.#settings.report.claimed(claims, this.gauges());
    // A row that can be no job, or must not be run again: the store says why.
    const [good, refused] = [entries.filter(({ error }) => !error), entries.filter(({ error }) => error)];
    for (const entry of refused) this.fail([entry], entry.error, { charged: true });
    if (good.length === 0) return;
    try {
      this.prepare(good);
    } catch (cause) {
      // A claim that stayed here, submitted to nobody, would hold its room and its lease for ever.
      const err = new WarmpathError('ERR_WARMPATH_INTERNAL', 'the claimed jobs could not be prepared', { cause });
      this.problem(err);
      this.fail(good, err, { charged: true });
    }
  }

  /** Called by prepare(): `jobs[i]` is what the executor gets for `claims[i]`. */
  submit(claims, toJob) {
    const here = claims.filter((claim) => this.#inflight.has(claim) && !claim.submitted);
    if (here.length === 0) return;
    const now = performance.now();
    const jobs = here.map((claim) => ({
      ...toJob(claim),
      key: claim.handle,
      leaseMs: Math.max(1, Math.floor(claim.leaseEnd - now)),
    }));
    const statuses = this.#executor.submitMany(jobs);
    const { activeWorkers } = this.gauges();
    const refused = [];
    here.forEach((claim, i) => {
      if (statuses[i] === 'queued') {
        claim.submitted = true;
        this.#settings.report.dispatched(claim, activeWorkers);
        publishStart(this, claim);
      } else {
        refused.push(claim);
      }
    });
    this.#handBack(refused);
  }

  /** Called by prepare(): these claims failed before they reached the executor. */
  fail(claims, err, { charged, retryAfterMs }) {
    const outcome = failedUnrun(err, { charged, retryAfterMs });
    const here = claims.filter((claim) => this.#inflight.take(claim.handle) !== null);
    this.#outbox.push(here.map((claim) => ({ claim, outcome })));
    this.#loop.wake();
  }

  #handBack(claims) {
    for (const claim of claims) this.#inflight.take(claim.handle);
    this.#outbox.push(claims.map((claim) => ({ claim, outcome: handedBack(), release: true })));
  }

  #outcomes(outcomes) {
    const entries = [];
    for (const { key, ...outcome } of outcomes) {
      const claim = this.#inflight.take(key);
      if (claim === null) continue;
      const cancelled = outcome.error?.class === 'cancelled';
      const final = this.takeCancelled(key) && cancelled;
      const release = cancelled && !final && this.#state === 'stopping';
      entries.push({ claim, outcome: this.review(claim, outcome), release, final });
    }
    this.#outbox.push(entries);
    this.#loop.wake();
  }

  /** A subclass may judge an outcome before it is recorded. */
  review(_claim, outcome) {
    return outcome;
  }

  /** A subclass may act on results that are recorded; called before the events. */
  progressed(_results) {}

  /** A subclass may keep something of a job from those who listen to events. */
  show(job) {
    return job;
  }

  /** The jobs that are over, but not recorded yet. */
  unrecorded() {
    return this.#outbox?.jobs() ?? [];
  }

  #recorded(entries) {
    const results = entries
      .filter(({ result, outcome }) => result.applied || outcome.status === 'succeeded')
      .map(({ claim, outcome, result }) => ({
        ...outcome,
        key: claim.key,
        job: claim.job,
        attempt: claim.attempt,
        waitedMs: claim.waitedMs,
        state: result.state ?? 'done',
        runAtMs: result.runAtMs,
      }));
    for (const result of results) {
      if (result.state === 'done') this.#counts.succeeded++;
      else if (result.state === 'dead') this.#counts.failed++;
      else if (result.state === 'retry') this.#counts.retries++;
    }
    const news = results.filter(({ state }) => state !== 'released');
    if (news.length > 0) {
      this.monitor.settled(news, (job) => this.describe(job));
      this.progressed(news);
      this.#settings.report.settled(news, this.gauges());
      publishSettled(this, news);
      const told = news.map((result) => ({ ...result, job: this.show(result.job) }));
      inNobodysContext(() => emitSafely(this, 'settled', told));
      const names = { done: 'succeeded', dead: 'failed', retry: 'retry' };
      for (const result of told) {
        const over = result.state !== 'retry';
        this.origins.run(result.key, over, () => emitSafely(this, names[result.state], result));
      }
    }
    this.#loop.wake();
  }

  /** Reports a failure that belongs to no job: as an event where somebody listens, and to the log. */
  problem(cause) {
    const err = cause instanceof WarmpathError ? cause : databaseError('the store', cause);
    this.#settings.report.failure(err);
    this.monitor.problem(err);
    emitError(this, err);
  }

  busy() {
    return this.#inflight.size + (this.#outbox?.size ?? 0);
  }

  /**
   * Claims and begins no more, lets what was begun finish for `timeoutMs` (default 10,000), then cancels the rest. What was not
   * begun is handed back to the store at once, what was not finished then; neither is charged. Resolves when every result is
   * recorded, or was given up (2 s after `timeoutMs`). A second, more impatient call cuts the first one short.
   */
  stop(options) {
    const { timeoutMs } = closeOptions(options);
    if (this.#state === 'idle') return Promise.resolve();
    if (this.#state === 'running') {
      this.#state = 'stopping';
      this.#stopping = this.#stop(timeoutMs);
    } else {
      this.#shutdown.shorten(timeoutMs);
    }
    return this.#stopping;
  }

  async #stop(timeoutMs) {
    const release = this.#keepAlive.hold();
    try {
      this.#settings.report.stopped();
      await this.#shutdown.run(timeoutMs);
    } finally {
      this.#heartbeat.stop();
      this.#state = 'idle';
      release();
    }
  }

  /** Numbers of this process since the worker was made; gauges are of now. */
  stats() {
    const { store, concurrency } = this.#settings;
    const waiting = store.stats();
    const stats = this.#executor?.stats() ?? {};
    return {
      ...stats,
      queued: waiting.queued + (stats.queued ?? 0),
      waiting: waiting.delayed + (stats.waiting ?? 0),
      running: stats.running ?? 0,
      ...this.#counts,
      concurrency: stats.concurrency ?? concurrency,
      capacity: waiting.capacity,
      recording: this.#outbox?.size ?? 0,
    };
  }

  [Symbol.asyncDispose]() {
    return this.stop();
  }
}

module.exports = { Worker };
