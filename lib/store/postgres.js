'use strict';

const { randomUUID } = require('node:crypto');
const { WarmpathError } = require('../errors.js');
const { checkAll, checkWorkerJob } = require('../options/job.js');
const { postgresOptions } = require('../options/postgres.js');
const { namesOf } = require('../sql/names.js');
const { Claims } = require('./postgres/claims.js');
const { Counts } = require('./postgres/counts.js');
const { Database } = require('./postgres/database.js');
const { Desk } = require('./postgres/desk.js');
const { Due } = require('./postgres/due.js');
const { Held } = require('./postgres/held.js');
const { Hints } = require('./postgres/hints.js');
const { Intake } = require('./postgres/intake.js');
const { Lanes } = require('./postgres/lanes.js');
const { jobsOf, columnsOf, claimKey } = require('./postgres/rows.js');
const { Settler } = require('./postgres/settler.js');
const { statements } = require('./postgres/statements.js');
const { Suspects } = require('./postgres/suspects.js');
const { Watch } = require('./postgres/watch.js');

/** Above everything an app would choose by itself: somebody is looking at a message without its picture. */
const TOP_PRIORITY = 2 ** 31 - 1;

/**
 * The store contract (contract.js) in the app's own Postgres: a row of `media_cache` that is `warming` is a job, and its
 * result goes into the same row. Any number of processes share one database; each needs a store of its own.
 *
 * Every method is one statement for the whole batch, on the server's clock. Who may change a row is decided by the fence that
 * its claim was given: whatever comes late, from wherever, changes nothing. See docs/postgres.md.
 */
class PostgresStore {
  #id = randomUUID();
  #options;
  #database;
  #sql;
  #queue;
  #held = new Held();
  #lanes;
  #hints;
  #intake;
  #counts;
  #settler;
  #claims;
  #due;
  #watch;
  #desk;
  #closed = false;

  /**
   * @param {object} options see PostgresStoreOptions in index.d.ts
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
   */
  constructor(options) {
    const checked = postgresOptions(options);
    const names = namesOf(checked);
    const database = new Database(checked.pool, checked);
    this.#options = checked;
    this.#database = database;
    this.#sql = statements(names);
    this.#queue = names.queue;
    const common = { database, queue: names.queue, id: this.#id };
    this.#desk = new Desk({ database, names });
    this.#hints = new Hints({ ...common, enabled: checked.notify });
    this.#lanes = new Lanes({ ...common, sql: this.#sql, held: this.#held, hint: (kind) => this.#hints.payload(kind) });
    this.#intake = new Intake({
      database,
      sql: this.#sql,
      capacity: checked.capacity,
      timeoutMs: checked.enqueueTimeoutMs,
    });
    this.#settler = new Settler({
      database,
      sql: this.#sql.settle,
      record: this.#sql.record,
      delaysMs: checked.delaysMs,
      onRetry: (waitMs) => this.#due.in(waitMs),
      onError: (err) => this.#report(err),
    });
    const postpone = (claims, retryAfterMs) => this.settle(claims.map((claim) => uncharged(claim, retryAfterMs)));
    const { maxLostLeases } = checked;
    this.#claims = new Claims({
      ...common,
      sql: this.#sql,
      maxLostLeases,
      held: this.#held,
      lanes: this.#lanes,
      suspects: new Suspects({ held: this.#held, maxLostLeases, postpone }),
      onTaken: (count) => this.#counts.change({ queued: -count, running: count }),
      release: (claims) => this.release(claims),
      onError: (err) => this.#report(err),
    });
    this.#due = new Due(async () => {
      const [{ due }] = await database.run('looking for the next job', this.#sql.nextDue, [names.queue, this.#id]);
      return due;
    });
    this.#watch = new Watch({
      database,
      listen: checked.listen,
      onHint: (hint) => this.#hear(hint),
      onBeat: () => this.#beat(),
      onError: (err) => this.#report(err),
    });
    this.#counts = new Counts(() => database.run('counting jobs', this.#sql.count, []));
  }

  /** The name of this instance in `lease_owner` and in the registry. */
  get id() {
    return this.#id;
  }

  #report(err) {
    try {
      this.#options.onError?.(err);
    } catch {}
  }

  async enqueue(jobs) {
    const checked = checkAll(checkWorkerJob, jobs);
    if (this.#closed) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the store is closed');
    if (checked.length === 0) return [];
    this.#watch.attach();
    // Who owns a lane is the only one to claim from it: nobody else has to be told.
    const foreign = checked.some(({ botSlug }) => !this.#lanes.owns(botSlug));
    const statuses = await this.#intake.put(checked, foreign ? this.#hints.work() : null);
    const queued = statuses.filter((status) => status === 'queued').length;
    this.#counts.change({ queued });
    if (queued > 0) {
      if (foreign) this.#lanes.news();
      this.#watch.tell();
    }
    return statuses;
  }

  async claim({ limit, leaseMs }) {
    this.#watch.attach();
    this.#lanes.leaseMs = leaseMs;
    this.#lanes.enter();
    this.#database.look();
    await this.#claims.giveBackOrphans();
    if (this.#lanes.due(false)) await this.#lanes.balance();
    const claims = await this.#claims.take(limit, leaseMs);
    if (claims.length === limit || !this.#lanes.due(true)) return claims;
    try {
      const taken = await this.#lanes.balance();
      if (taken > 0) claims.push(...(await this.#claims.take(limit - claims.length, leaseMs)));
    } catch (err) {
      if (claims.length === 0) throw err;
      // What was claimed is claimed: the rest can wait for the next time.
      this.#report(err);
    }
    return claims;
  }

  async extend(claims, leaseMs) {
    this.#lanes.leaseMs = leaseMs;
    const known = claims.map((claim, i) => ({ i, at: this.#held.find(claim) })).filter(({ at }) => at !== null);
    const kept = claims.map(() => false);
    if (known.length === 0) return kept;
    const keys = columnsOf(
      known.map(({ at }) => claimKey(at)),
      4,
    );
    const params = [...keys, leaseMs, this.#queue, this.#id, this.#lanes.laneMs];
    for (const { n } of await this.#database.run('extending leases', this.#sql.extend, params))
      kept[known[n - 1].i] = true;
    claims.forEach((claim, i) => {
      if (!kept[i]) this.#held.remove(claim);
    });
    return kept;
  }

  async settle(outcomes) {
    const results = outcomes.map(() => ({ applied: false }));
    const known = outcomes.map((outcome, i) => ({ i, at: this.#held.find(outcome), outcome }));
    const open = known.filter(({ at }) => at !== null);
    if (open.length > 0) {
      const answers = await this.#settler.settle(open);
      for (const [n, { i }] of open.entries()) results[i] = answers[n];
    }
    for (const outcome of outcomes) this.#held.remove(outcome);
    const retries = results.filter(({ state }) => state === 'retry').length;
    this.#counts.change({ running: -outcomes.length, delayed: retries });
    this.#letGo();
    if (retries > 0) this.#watch.tell();
    return results;
  }

  /**
   * A file_id that is not valid any more: its row waits again, before everything else.
   *
   * @param {string} fileId
   * @returns {Promise<object[]>} the jobs, to be enqueued; none where no row has it, or nobody knows its source
   */
  async invalidate(fileId) {
    // Postgres text cannot hold NUL: no row has such a file_id.
    if (fileId.includes('\0')) return [];
    const rows = await this.#database.run('invalidating a file_id', this.#sql.invalidate, [fileId, TOP_PRIORITY]);
    return jobsOf(rows);
  }

  async release(claims) {
    const known = claims.map((claim) => this.#held.find(claim)).filter((at) => at !== null);
    if (known.length === 0) return;
    await this.#database.run('giving back jobs', this.#sql.release, columnsOf(known.map(claimKey), 4));
    for (const claim of claims) this.#held.remove(claim);
    this.#counts.change({ running: -known.length, queued: known.length });
    this.#letGo();
    this.#watch.tell();
  }

  /** A worker keeps the limits of its bots: it is asked and told when they change hands (contract.js). */
  shareLimits(sharing) {
    this.#lanes.sharing = sharing;
  }

  /** Claims have come to their end: bots that only waited for that go to others. */
  #letGo() {
    this.#lanes.settled().catch((err) => this.#report(err));
  }

  /** As far as this process knows: counted now and then, and kept up by what it does itself. */
  stats() {
    return { ...this.#counts.read(), capacity: this.#options.capacity };
  }

  /** Counted now, in the whole table. */
  async counts() {
    return this.#counts.refresh();
  }

  /** Every instance of this table: `{ id, host, pid, version, startedAt, seenAt, live, lanes }`. */
  async instances() {
    const rows = await this.#database.run('reading instances', this.#sql.instances, [this.#queue]);
    return rows.map(({ started_at: startedAt, seen_at: seenAt, ...row }) => ({ ...row, startedAt, seenAt }));
  }

  /** Failed jobs stay in the table; the desk (contract.js) sees them. */
  get keepsFailed() {
    return true;
  }

  page(query) {
    return this.#desk.page(query);
  }

  later(bounds) {
    return this.#desk.later(bounds);
  }

  find(keys) {
    return this.#desk.find(keys);
  }

  cancel(keys) {
    return this.#desk.cancel(keys);
  }

  async retry(keys) {
    const answers = await this.#desk.retry(keys);
    if (answers.includes(true)) this.#opened();
    return answers;
  }

  async retryFailed(options) {
    const count = await this.#desk.retryFailed(options);
    if (count > 0) this.#opened();
    return count;
  }

  purge(what) {
    return this.#desk.purge(what);
  }

  /** An operator has made rows claimable, whoever owns their lanes: other instances find them by polling. */
  #opened() {
    this.#due.forget();
    this.#lanes.news();
    this.#watch.tell();
  }

  async nextDueMs() {
    const own = this.#lanes.size === 0 ? null : await this.#due.readMs();
    const waits = [own, this.#lanes.freeInMs].filter((ms) => ms !== null);
    return waits.length === 0 ? null : Math.max(0, Math.ceil(Math.min(...waits)));
  }

  onWork(fn) {
    return this.#watch.subscribe(fn);
  }

  #hear(hint) {
    // Null: the connection is new, and hints may have been missed, whatever they said.
    const kind = hint === null ? 'all' : this.#hints.read(hint);
    if (kind === null) return;
    if (kind !== 'work' && kind !== 'free') this.#balance();
    if (kind === 'join') return;
    this.#lanes.news();
    this.#due.forget();
    this.#watch.tell();
  }

  /** A sign of life, when no claim has given one. */
  #beat() {
    if (this.#lanes.size > 0 && this.#lanes.due(false)) this.#balance();
  }

  async #balance() {
    try {
      if ((await this.#lanes.balance()) > 0) this.#watch.tell();
    } catch (err) {
      this.#report(err);
    }
  }

  /**
   * Signs this instance off: its bots go to others at once, those in which it has claims as soon as these are settled or
   * given back (call it again then, for the registry). The next claim signs it on again.
   */
  async leave() {
    this.#hints.stop();
    try {
      await this.#lanes.leave();
    } finally {
      this.#watch.detach();
    }
  }

  /** Refuses further jobs, signs off, and ends the connection that listens. The pool is the caller's. */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    await this.leave();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}

/** A claim that goes back, to be claimed again in `retryAfterMs`; what it has lost until now stays on record. */
function uncharged({ key, fence }, retryAfterMs) {
  return { key, fence, status: 'failed', charged: false, retryAfterMs };
}

module.exports = { PostgresStore };
