'use strict';

const { randomUUID } = require('node:crypto');
const { WarmpathError } = require('../errors.js');
const { checkAll } = require('../options/job.js');
const { checkIngestWorkerJob } = require('../options/ingest-worker-job.js');
const { ingestStoreOptions } = require('../options/ingest-store.js');
const { quoteTable } = require('../sql/names.js');
const { IngestDesk } = require('./ingest/desk.js');
const { packAll, batchesOf, packJob, claimOf, settlementOf } = require('./ingest/rows.js');
const { statements } = require('./ingest/sql.js');
const { Counts } = require('./postgres/counts.js');
const { Database, isRefusedValue } = require('./postgres/database.js');
const { Hints } = require('./postgres/hints.js');
const { CHANNEL } = require('./postgres/listener.js');
const { patiently } = require('./postgres/patience.js');
const { columnsOf } = require('./postgres/rows.js');
const { Watch } = require('./postgres/watch.js');

const DUE_TRUST_MS = 30_000;
const SWEEP_MS = 60_000;
// Longer than any lease: what another queue held and never gave back is forgotten after it.
const HELD_MS = 86_400_000;

/**
 * The store contract (contract.js) for incoming media: a row of `ingest_jobs` is a job. Any number of processes share the table,
 * and any of them may claim any row: nothing paces a download, so no row belongs to somebody before it is claimed.
 *
 * With take() it is also the one book in which other queues (BullMQ) look before they run a job of the same key.
 */
class PostgresIngestStore {
  #id = randomUUID();
  #options;
  #database;
  #sql;
  #hints;
  #counts;
  #watch;
  #desk;
  #held = new Map();
  #closed = false;
  #lostAnswer = false;
  // When the next row is due (monotonic ms, null = none waits), and until when that is believed.
  #due = { at: null, until: 0 };
  #sweptAt = Number.NEGATIVE_INFINITY;

  /**
   * @param {object} options see PostgresIngestStoreOptions in index.d.ts
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
   */
  constructor(options) {
    const checked = ingestStoreOptions(options);
    const database = new Database(checked.pool, checked);
    this.#options = checked;
    this.#database = database;
    this.#sql = statements(quoteTable(checked.table));
    this.#desk = new IngestDesk({
      database,
      table: quoteTable(checked.table),
      keepFailedMs: checked.keepFailedMs,
    });
    this.#hints = new Hints({ database, queue: checked.table, id: this.#id, enabled: checked.notify });
    this.#counts = new Counts(() => database.run('counting jobs', this.#sql.count, []));
    this.#watch = new Watch({
      database,
      listen: checked.listen,
      onHint: (hint) => this.#hear(hint),
      onBeat: () => {},
      onError: (err) => this.#report(err),
    });
  }

  /** The name of this instance in `lease_owner`. */
  get id() {
    return this.#id;
  }

  #report(err) {
    try {
      this.#options.onError?.(err);
    } catch {}
  }

  async enqueue(jobs) {
    const checked = checkAll(checkIngestWorkerJob, jobs);
    if (this.#closed) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the store is closed');
    if (checked.length === 0) return [];
    this.#watch.attach();
    const { maxPayloadBytes } = this.#options;
    const rows = packAll(checked, maxPayloadBytes);
    const deadline = performance.now() + this.#options.enqueueTimeoutMs;
    const statuses = [];
    for (const batch of batchesOf(rows, maxPayloadBytes)) statuses.push(...(await this.#put(batch, deadline)));
    const queued = statuses.filter((status) => status === 'queued').length;
    this.#counts.change({ queued });
    if (queued > 0) this.#news();
    return statuses;
  }

  async #put(rows, deadline) {
    const columns = columnsOf(
      rows.map(({ key, priority, job, payload }) => [key, priority, job, payload]),
      4,
    );
    const hint = this.#hints.work();
    const params = [...columns, hint === null ? null : CHANNEL, hint];
    const run = (timeoutMs) =>
      this.#database.run('queueing jobs', this.#sql.enqueue, params, { timeoutMs, keepAlive: true });
    const answers = await patiently(run, deadline);
    const known = new Map(answers.map(({ n, status }) => [rows[n - 1].key, { n, status }]));
    // The statement answers once per key; of equal jobs in one call the first wins, and the others are its duplicates.
    return rows.map(({ key }, i) => {
      const { n, status } = known.get(key);
      return n !== i + 1 && status === 'queued' ? 'duplicate' : status;
    });
  }

  async claim({ limit, leaseMs }) {
    this.#watch.attach();
    this.#database.look();
    this.#sweep();
    if (this.#lostAnswer) await this.#giveBackOrphans();
    const late = (rows) => this.release(this.#taken(rows)).catch((err) => this.#report(err));
    try {
      return this.#taken(
        await this.#database.run('claiming jobs', this.#sql.claim, [limit, leaseMs, this.#id], { late }),
      );
    } catch (err) {
      // Broken off, the claim may have been committed: what it took is ours, and we do not know it.
      this.#lostAnswer = true;
      throw err;
    }
  }

  #taken(rows) {
    this.#counts.change({ queued: -rows.length, running: rows.length });
    return rows.map((row) => {
      const claim = claimOf(row, { check: checkIngestWorkerJob, maxLostLeases: this.#options.maxLostLeases });
      this.#held.set(claim.key, claim.fence);
      return claim;
    });
  }

  async #giveBackOrphans() {
    const params = [this.#id, [...this.#held.keys()], [...this.#held.values()]];
    await this.#database.run('giving back jobs', this.#sql.orphans, params);
    this.#lostAnswer = false;
  }

  #forget({ key, fence }) {
    if (this.#held.get(key) === fence) this.#held.delete(key);
  }

  async extend(leases, leaseMs) {
    const kept = leases.map(() => false);
    if (leases.length === 0) return kept;
    const params = [...keysOf(leases), leaseMs];
    for (const { n } of await this.#database.run('extending leases', this.#sql.extend, params)) kept[n - 1] = true;
    leases.forEach((lease, i) => {
      if (!kept[i]) this.#forget(lease);
    });
    return kept;
  }

  async settle(settlements) {
    if (settlements.length === 0) return [];
    const results = await this.#settle(settlements);
    for (const settlement of settlements) this.#forget(settlement);
    const retries = results.filter(({ state }) => state === 'retry').length;
    this.#counts.change({ running: -settlements.length, delayed: retries });
    if (retries > 0) this.#watch.tell();
    return results;
  }

  async #settle(settlements) {
    const { delaysMs, keepDoneMs, keepFailedMs } = this.#options;
    const params = [...columnsOf(settlements.map(settlementOf), 8), delaysMs, keepDoneMs, keepFailedMs];
    let answers;
    try {
      answers = await this.#database.run('recording results', this.#sql.settle, params);
    } catch (err) {
      if (!isRefusedValue(err) || settlements.length === 1) throw err;
      // One result that the table refuses must not hold up the others.
      const results = [];
      for (const one of settlements) results.push(...(await this.#settle([one])));
      return results;
    }
    const results = settlements.map(() => ({ applied: false }));
    for (const { n, applied, status, delay } of answers) if (applied) results[n - 1] = this.#applied(status, delay);
    return results;
  }

  #applied(status, delay) {
    if (status === 'done') return { applied: true, state: 'done' };
    if (status === 'failed') return { applied: true, state: 'dead' };
    const at = performance.now() + delay;
    if (this.#due.at === null || at < this.#due.at) this.#due.at = at;
    return { applied: true, state: 'retry', runAtMs: Date.now() + Math.round(delay) };
  }

  async release(leases) {
    if (leases.length === 0) return;
    await this.#database.run('giving back jobs', this.#sql.release, keysOf(leases));
    for (const lease of leases) this.#forget(lease);
    this.#counts.change({ running: -leases.length, queued: leases.length });
    this.#news();
  }

  /**
   * Another queue is about to run this job: asks for it, and writes down that it runs there.
   *
   * @param {object} job checked, with its key
   * @param {{ leaseMs: number }} options
   * @returns {Promise<{ state: 'taken', fence: number } | { state: 'done', value: object } | { state: 'elsewhere', leftMs: number }>}
   *   taken: run it, extend() meanwhile, and settle() it, or release() it for the other queue to try again; elsewhere: it is a
   *   job of this store, or runs; look again after that time
   * @throws {WarmpathError} ERR_WARMPATH_DATABASE
   */
  async take(job, { leaseMs }) {
    this.#watch.attach();
    this.#sweep();
    const params = [job.key, leaseMs, this.#id, HELD_MS, packJob(job).job];
    const [{ fence, status, result, leftMs }] = await this.#database.run('taking a job', this.#sql.take, params);
    if (fence !== null) return { state: 'taken', fence: Number(fence) };
    if (status === 'done') return { state: 'done', value: result };
    return { state: 'elsewhere', leftMs: Math.ceil(leftMs ?? 0) };
  }

  /**
   * What is known of jobs, by key: `{ state: 'waiting' | 'running' | 'done' | 'failed', value?, error?, attempts }`; null for
   * one that is not known (any more).
   */
  async lookup(keys) {
    const rows = await this.#database.run('looking for jobs', this.#sql.find, [keys]);
    const known = new Map(rows.map((row) => [row.key, row]));
    return keys.map((key) => {
      const row = known.get(key);
      if (row === undefined) return null;
      const { status, result, error, attempts, leased } = row;
      if (status === 'done') return { state: 'done', value: result, attempts };
      if (status === 'failed') return { state: 'failed', error, attempts };
      return { state: leased ? 'running' : 'waiting', attempts };
    });
  }

  /** Failed jobs stay in the table; the desk (contract.js) sees them. */
  get keepsFailed() {
    return true;
  }

  page(query) {
    return this.#desk.page(query);
  }

  find(keys) {
    return this.#desk.find(keys);
  }

  cancel(keys) {
    return this.#desk.cancel(keys);
  }

  async retry(keys) {
    const answers = await this.#desk.retry(keys);
    if (answers.includes(true)) this.#news();
    return answers;
  }

  async retryFailed(options) {
    const count = await this.#desk.retryFailed(options);
    if (count > 0) this.#news();
    return count;
  }

  purge(what) {
    return this.#desk.purge(what);
  }

  /** As far as this process knows: counted now and then, and kept up by what it does itself. Nothing bounds the table. */
  stats() {
    return { ...this.#counts.read(), capacity: Number.POSITIVE_INFINITY };
  }

  /** Counted now, in the whole table. */
  async counts() {
    return this.#counts.refresh();
  }

  async nextDueMs() {
    const now = performance.now();
    if (now >= this.#due.until || (this.#due.at !== null && this.#due.at <= now)) {
      const [{ due }] = await this.#database.run('looking for the next job', this.#sql.nextDue, []);
      this.#due = { at: due === null ? null : now + Math.max(0, due), until: now + DUE_TRUST_MS };
    }
    return this.#due.at === null ? null : Math.max(0, Math.ceil(this.#due.at - performance.now()));
  }

  onWork(fn) {
    return this.#watch.subscribe(fn);
  }

  #news() {
    this.#due.until = 0;
    this.#watch.tell();
  }

  #hear(hint) {
    // Null: the connection is new, and hints may have been missed.
    if (hint === null || this.#hints.read(hint) !== null) this.#news();
  }

  /** Beside whatever else is going on: rows that were kept long enough go. */
  #sweep() {
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    this.#database.run('removing old jobs', this.#sql.sweep, []).catch((err) => this.#report(err));
  }

  /** Ends what was begun for a worker; the next use begins it again. */
  leave() {
    this.#hints.stop();
    this.#watch.detach();
  }

  /** Refuses further jobs, and ends the connection that listens. The pool is the caller's. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.leave();
  }

  async [Symbol.asyncDispose]() {
    this.close();
  }
}

const keysOf = (leases) => [leases.map(({ key }) => key), leases.map(({ fence }) => fence)];

module.exports = { PostgresIngestStore };
