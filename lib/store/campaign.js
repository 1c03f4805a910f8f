'use strict';

const { WarmpathError } = require('../errors.js');
const { campaignNamesOf } = require('../sql/campaign-names.js');
const { jobOf, seen } = require('./campaign/desk.js');
const {
  claimOf,
  column,
  columns,
  messageColumns,
  outcomeColumns,
  partColumns,
  resultOf,
  runOf,
} = require('./campaign/rows.js');
const { statements, TYPES } = require('./campaign/sql.js');
const { Database } = require('./postgres/database.js');

const SKIP_BATCH = 10_000;

// How often a running campaign is looked at, when nothing in it is due: its app puts messages in with SQL of its own.
const RUNNING_POLL_MS = 5000;

/**
 * The store contract (contract.js) on the app's table of campaign messages: a row that is `pending` is a job. Any number of
 * processes share one table. Every method is one statement for the whole batch, on the server's clock, and who may change a
 * row is decided by the fence of its claim.
 *
 * Beyond the contract, with its desk: `saveParts`, `delivered`, `active`, `pause`, `resume`, `skipOld`, `run`.
 */
class CampaignStore {
  #options;
  #database;
  #names;
  #sql = null;
  #subscribers = new Set();
  // What this store has claimed and not settled: key to fence.
  #held = new Map();
  #lostAnswer = false;
  #counts = { queued: 0, delayed: 0, running: 0 };
  #closed = false;

  /** @param {object} options checked: pool, names, delaysMs, activeStatuses, maxLostLeases, timeoutMs, prepare */
  constructor(options) {
    this.#options = options;
    this.#names = campaignNamesOf(options);
    this.#database = new Database(options.pool, options);
  }

  /** The types of the keys are the app's; what they are is asked once. */
  async #statements() {
    if (this.#sql !== null) return this.#sql;
    const { table, raw } = this.#names;
    const names = [raw.id, raw.runId, raw.leadId];
    const rows = await this.#database.run('reading the table of messages', TYPES, [table, names]);
    const types = Object.fromEntries(rows.map(({ name, type }) => [name, type]));
    if (types[raw.id] === undefined || types[raw.runId] === undefined) {
      const text = `there is no table ${this.#options.table} with its keys; run: npx warmpath migrate --campaigns`;
      throw new WarmpathError('ERR_WARMPATH_DATABASE', text, { class: 'config', phase: 'settle' });
    }
    this.#sql = statements(this.#names, {
      id: types[raw.id],
      run: types[raw.runId],
      lead: types[raw.leadId] ?? 'text',
    });
    return this.#sql;
  }

  async #run(what, name, params, options) {
    const sql = await this.#statements();
    return this.#database.run(what, sql[name], params, options);
  }

  async claim({ limit, leaseMs, owner }) {
    const { activeStatuses } = this.#options;
    this.#database.look();
    if (this.#lostAnswer) {
      const [keys, fences] = [[...this.#held.keys()], [...this.#held.values()]];
      await this.#run('giving back messages', 'orphans', [owner, keys, fences]);
      this.#lostAnswer = false;
    }
    // An answer that comes when nobody waits for it any more: its messages go back.
    const late = (rows) => this.release(rows.map(claimOf)).catch(() => {});
    try {
      const rows = await this.#run('claiming messages', 'claim', [limit, leaseMs, owner, activeStatuses], { late });
      this.#change({ queued: -rows.length, running: rows.length });
      return rows.map((row) => this.#claim(row));
    } catch (err) {
      // Broken off, the claim may have been committed: what it took is ours, and we do not know it.
      this.#lostAnswer = true;
      throw err;
    }
  }

  #letGo(claims) {
    for (const { key, fence } of claims) if (this.#held.get(key) === fence) this.#held.delete(key);
  }

  #claim(row) {
    const claim = claimOf(row);
    this.#held.set(claim.key, claim.fence);
    const lead = row.message[this.#names.raw.leadId];
    claim.job.leadId = lead === null || lead === undefined ? null : String(lead);
    claim.job.payload = row.message[this.#names.raw.payload] ?? null;
    if (row.lost_leases > this.#options.maxLostLeases) {
      const text = `${row.lost_leases} workers in a row ended without a word while they had this message`;
      claim.error = new WarmpathError('ERR_WARMPATH_LEASE_LOST', text, { class: 'permanent' });
    }
    return claim;
  }

  /**
   * Stores the parts of messages, before the first of them is sent.
   *
   * @param {{ key: string, fence: number, runId: string, value: object }[]} entries value: as of the step `generate`
   * @returns {Promise<{ applied: boolean, active: boolean, parts: { text: string, delivered: boolean }[] }[]>} the parts as
   *   they are stored, which is what is to be sent; not applied: the claim is somebody else's now
   */
  async saveParts(entries) {
    const params = [...partColumns(entries), this.#options.activeStatuses];
    const answers = await this.#run('storing parts', 'parts', params);
    const results = entries.map(() => ({ applied: false, active: false, parts: [] }));
    for (const { n, applied, active, parts } of answers) results[n - 1] = { applied, active, parts: parts ?? [] };
    return results;
  }

  /** @returns {Promise<{ active: boolean }[]>} one each; not active: the run is paused, or the claim is lost */
  async delivered(entries) {
    const params = columns(entries, ['key', 'fence', 'part', 'attempts']);
    const rows = await this.#run('recording parts', 'delivered', [...params, this.#options.activeStatuses]);
    const results = entries.map(() => ({ active: false }));
    for (const { n, active } of rows) results[n - 1] = { active };
    return results;
  }

  async extend(claims, leaseMs) {
    const params = [column(claims, 'key'), column(claims, 'fence'), leaseMs];
    const kept = claims.map(() => false);
    for (const { n } of await this.#run('extending leases', 'extend', params)) kept[n - 1] = true;
    this.#letGo(claims.filter((_, i) => !kept[i]));
    return kept;
  }

  async settle(outcomes) {
    const back = outcomes.filter(({ value }) => value?.paused);
    if (back.length > 0) await this.release(back);
    const open = outcomes.filter((outcome) => !back.includes(outcome));
    const answers = open.length === 0 ? [] : await this.#settle(open);
    const byOutcome = new Map(open.map((outcome, i) => [outcome, answers[i]]));
    return outcomes.map((outcome) => byOutcome.get(outcome) ?? { applied: true, state: 'released' });
  }

  async #settle(outcomes) {
    const { delaysMs } = this.#options;
    const params = [...outcomeColumns(outcomes, delaysMs[0]), delaysMs];
    const answers = await this.#run('recording results', 'settle', params);
    const results = outcomes.map(() => ({ applied: false }));
    for (const row of answers) results[row.n - 1] = resultOf(row);
    this.#letGo(outcomes);
    const retries = results.filter(({ state }) => state === 'retry').length;
    this.#change({ running: -outcomes.length, delayed: retries });
    if (retries > 0) this.wake();
    return results;
  }

  async release(claims) {
    if (claims.length === 0) return;
    await this.#run('giving back messages', 'release', [column(claims, 'key'), column(claims, 'fence')]);
    this.#letGo(claims);
    this.#change({ running: -claims.length, queued: claims.length });
  }

  /**
   * Puts messages in.
   *
   * @param {{ messageId?: string, runId: string, leadId?: string, scheduledAt?: Date, payload?: object }[]} messages
   * @param {(keys: string[]) => void} [onNew] told of the ids of those that are new, before any of them can be claimed here
   * @returns {Promise<('queued' | 'duplicate' | 'processing' | 'cached')[]>}
   */
  async enqueue(messages, onNew = () => {}) {
    if (this.#closed) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the store is closed');
    if (messages.length === 0) return [];
    const found = await this.#run('putting messages in', 'enqueue', messageColumns(messages));
    const answers = messages.map(() => 'queued');
    const states = { pending: 'duplicate', processing: 'processing' };
    const [known, added] = [found.filter(({ n }) => n !== null), found.filter(({ n }) => n === null)];
    for (const { n, status } of known) answers[n - 1] = states[status] ?? 'cached';
    onNew(added.map(({ id }) => id));
    this.#change({ queued: answers.filter((answer) => answer === 'queued').length });
    this.wake();
    return answers;
  }

  /** Which of these runs are worked on. */
  async active(runIds) {
    const rows = await this.#run('reading runs', 'active', [runIds, this.#options.activeStatuses]);
    return new Set(rows.map(({ id }) => id));
  }

  /** @returns {Promise<string | null>} its status now; null: there is no such run */
  pause(runId) {
    return this.#setRun(runId, 'paused', this.#options.activeStatuses);
  }

  async resume(runId) {
    const status = await this.#setRun(runId, this.#options.activeStatuses[0], ['paused']);
    this.wake();
    return status;
  }

  async #setRun(runId, to, from) {
    const rows = await this.#run('changing a run', 'setRun', [runId, to, from]);
    return rows[0]?.status ?? null;
  }

  /** Marks what has waited for longer than this as skipped. @returns {Promise<number>} how many */
  async skipOld(ageMs) {
    let total = 0;
    for (;;) {
      const rows = await this.#run('skipping old messages', 'skip', [ageMs, SKIP_BATCH]);
      total += rows.length;
      if (rows.length < SKIP_BATCH) return total;
    }
  }

  /** A run's status, its messages by status, tokens and cost; null: there is no such run. */
  async run(runId) {
    const rows = await this.#run('reading a run', 'run', [runId]);
    return rows.length === 0 ? null : runOf(rows);
  }

  get keepsFailed() {
    return true;
  }

  async page({ state, search, limit, after }) {
    const params = [after?.[0] ?? null, state ?? null, search ?? null, limit + 1];
    const rows = await this.#run('listing messages', 'page', params);
    const shown = rows.slice(0, limit);
    return { rows: shown.map(seen), next: rows.length > limit ? [shown.at(-1).id, '', ''] : null };
  }

  async later({ most }) {
    const rows = await this.#run('looking at what waits', 'later', [most]);
    return rows.map(({ code, count, next, last }) => ({
      ...{ code: code ?? undefined, count, nextAtMs: Math.round(next), lastAtMs: Math.round(last) },
    }));
  }

  async find(keys) {
    const found = keys.map(() => undefined);
    for (const row of await this.#run('looking for messages', 'find', [keys])) found[row.n - 1] = seen(row);
    return found;
  }

  async cancel(keys) {
    const found = keys.map(() => null);
    const why = 'ERR_WARMPATH_CANCELLED: cancelled by an operator';
    for (const row of await this.#run('cancelling messages', 'cancel', [keys, why])) found[row.n - 1] = jobOf(row);
    return found;
  }

  async retry(keys) {
    const again = keys.map(() => false);
    for (const { n } of await this.#run('retrying messages', 'retry', [keys])) again[n - 1] = true;
    if (again.includes(true)) this.wake();
    return again;
  }

  async retryFailed({ limit }) {
    const { length } = await this.#run('retrying messages', 'retryFailed', [limit]);
    if (length > 0) this.wake();
    return length;
  }

  /** To forget a message is to skip it. */
  async purge({ state }) {
    const name = state === 'failed' ? 'purgeFailed' : 'purgeQueued';
    let total = 0;
    for (;;) {
      const { length } = await this.#run('leaving messages out', name, [SKIP_BATCH]);
      total += length;
      if (length < SKIP_BATCH) return total;
    }
  }

  #change(by) {
    for (const [name, n] of Object.entries(by)) this.#counts[name] = Math.max(0, this.#counts[name] + n);
  }

  /** As far as this process knows; counts() looks. */
  stats() {
    return { ...this.#counts, capacity: Number.POSITIVE_INFINITY };
  }

  /** Counted now, over all runs that are worked on. */
  async counts() {
    [this.#counts] = await this.#run('counting messages', 'count', [this.#options.activeStatuses]);
    return { ...this.#counts };
  }

  async nextDueMs() {
    const [{ any, due }] = await this.#run('looking for the next message', 'nextDue', [this.#options.activeStatuses]);
    if (!any) return null;
    return Math.min(due === null ? RUNNING_POLL_MS : Math.max(0, due), RUNNING_POLL_MS);
  }

  onWork(fn) {
    this.#subscribers.add(fn);
    return () => this.#subscribers.delete(fn);
  }

  wake() {
    for (const fn of this.#subscribers) fn();
  }

  async close() {
    this.#closed = true;
    this.#subscribers.clear();
  }
}

module.exports = { CampaignStore };
