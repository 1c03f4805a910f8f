'use strict';

const { WarmpathError } = require('../errors.js');
const { jobKey } = require('../key.js');
const { shape, withDefault, integer, milliseconds, arrayOf, func, failWith } = require('../options/check.js');
const { Heap } = require('./heap.js');
const { afterFailure, DEFAULT_DELAYS_MS } = require('./retry-policy.js');

const invalidOption = failWith('ERR_WARMPATH_INVALID_OPTION');
const options = shape({
  capacity: withDefault(integer(1, 1_000_000), 500),
  delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [...DEFAULT_DELAYS_MS]),
  keepDone: withDefault(integer(0, 1_000_000), 0),
});

const sourceFields = shape({ now: func, random: func });

/**
 * The store contract (contract.js) in the memory of this process. `capacity` bounds the jobs that are ready to run;
 * claimed ones and those that wait for a retry are outside it. All waiting is on the monotonic clock.
 */
class MemoryStore {
  #entries = new Map();
  #ready = new Heap((a, b) => a.priority > b.priority || (a.priority === b.priority && a.seq < b.seq));
  #delayed = new Heap((a, b) => a.dueAt < b.dueAt);
  #running = new Set();
  #listeners = new Set();
  // Values of the last jobs that succeeded, oldest first.
  #done = new Map();
  #capacity;
  #delaysMs;
  #keepDone;
  #clock;
  #random;
  #seq = 0;
  #fence = 0;
  #closed = false;

  /**
   * @param {{ capacity?: number, delaysMs?: number[], keepDone?: number }} [given] capacity 500; delaysMs: one delay per
   *   retry, 1, 2, 4, 8, 16 min; keepDone: of how many jobs that succeeded the value is kept, 0
   * @param {{ now?: () => number, random?: () => number }} [sources] clock and chance, for tests
   */
  constructor(given = {}, sources = {}) {
    this.adjust(given);
    const { now = () => performance.now(), random = Math.random } = sourceFields(sources, 'sources', invalidOption);
    this.#clock = now;
    this.#random = random;
  }

  /** Changes the bound and the delays; what is held already stays. */
  adjust(given) {
    const { capacity, delaysMs, keepDone } = options(given, '', invalidOption);
    this.#capacity = capacity;
    this.#delaysMs = delaysMs;
    this.#keepDone = keepDone;
  }

  enqueue(jobs) {
    if (this.#closed) throw new WarmpathError('ERR_WARMPATH_CLOSED', 'the store is closed');
    const statuses = jobs.map((job) => this.#enqueueOne(job));
    if (statuses.includes('queued')) this.#notify();
    return statuses;
  }

  #enqueueOne(job) {
    const key = jobKey(job);
    if (this.#done.has(key)) return 'cached';
    const present = this.#entries.get(key);
    if (present !== undefined) {
      // Run by another queue so far: from now on a job of this store, should that one give it up.
      if (present.taken) Object.assign(present, { taken: false, job });
      return present.state === 'running' ? 'processing' : 'duplicate';
    }
    if (this.#ready.size >= this.#capacity) return 'full';
    const entry = { key, job, priority: job.priority ?? 0, seq: this.#seq++, attempt: 0, enqueuedAt: Date.now() };
    entry.since = this.#clock();
    this.#entries.set(key, entry);
    this.#toReady(entry);
    return 'queued';
  }

  #toReady(entry) {
    entry.state = 'queued';
    entry.readySince = this.#clock();
    this.#ready.push(entry);
  }

  #promoteDue() {
    const now = this.#clock();
    while (this.#delayed.size > 0 && this.#delayed.peek().dueAt <= now) this.#toReady(this.#delayed.pop());
    for (const entry of this.#running) {
      if (entry.leaseUntil > now) continue;
      this.#running.delete(entry);
      this.#giveBack(entry);
    }
  }

  #giveBack(entry) {
    if (entry.taken) this.#entries.delete(entry.key);
    else this.#toReady(entry);
  }

  claim({ limit, leaseMs }) {
    this.#promoteDue();
    const now = this.#clock();
    const claims = [];
    while (claims.length < limit && this.#ready.size > 0) {
      const entry = this.#ready.pop();
      Object.assign(entry, { state: 'running', leaseUntil: now + leaseMs, fence: ++this.#fence });
      entry.attempt++;
      this.#running.add(entry);
      const { key, job, fence, attempt } = entry;
      const [waitedMs, ageMs] = [entry.readySince, entry.since].map((at) => Math.round(now - at));
      claims.push({ key, job, fence, attempt, waitedMs, ageMs });
    }
    return claims;
  }

  #owned({ key, fence }) {
    const entry = this.#entries.get(key);
    return entry?.state === 'running' && entry.fence === fence ? entry : null;
  }

  extend(claims, leaseMs) {
    const until = this.#clock() + leaseMs;
    return claims.map((claim) => {
      const entry = this.#owned(claim);
      if (entry !== null) entry.leaseUntil = until;
      return entry !== null;
    });
  }

  settle(outcomes) {
    const results = outcomes.map((outcome) => this.#settleOne(outcome));
    if (results.some((result) => result.state === 'retry')) this.#notify();
    return results;
  }

  #settleOne(outcome) {
    const entry = this.#owned(outcome);
    if (entry === null) return { applied: false };
    this.#running.delete(entry);
    if (outcome.status === 'succeeded') {
      this.#entries.delete(entry.key);
      this.#remember(entry.key, outcome.value);
      return { applied: true, state: 'done' };
    }
    const next = afterFailure(entry.attempt, outcome, { delaysMs: this.#delaysMs, random: this.#random });
    if (next.state === 'dead' || entry.taken) {
      this.#entries.delete(entry.key);
      return { applied: true, state: 'dead' };
    }
    if (outcome.charged === false) entry.attempt--;
    const { code, message } = outcome.error ?? {};
    Object.assign(entry, { state: 'delayed', dueAt: this.#clock() + next.delayMs, error: code && { code, message } });
    this.#delayed.push(entry);
    return { applied: true, state: 'retry', runAtMs: Date.now() + next.delayMs };
  }

  release(claims) {
    for (const claim of claims) {
      const entry = this.#owned(claim);
      if (entry === null) continue;
      this.#running.delete(entry);
      entry.attempt--;
      this.#giveBack(entry);
    }
    this.#notify();
  }

  #remember(key, value) {
    if (this.#keepDone === 0) return;
    this.#done.set(key, value);
    if (this.#done.size > this.#keepDone) this.#done.delete(this.#done.keys().next().value);
  }

  /**
   * Another queue is about to run this job: asks for it, and remembers that it runs there. See contract.js.
   *
   * @returns {{ state: 'taken', fence: number } | { state: 'done', value: object } | { state: 'elsewhere', leftMs: number }}
   */
  take(job, { leaseMs }) {
    const key = jobKey(job);
    if (this.#done.has(key)) return { state: 'done', value: this.#done.get(key) };
    this.#promoteDue();
    const now = this.#clock();
    const present = this.#entries.get(key);
    if (present !== undefined) {
      const { state, leaseUntil, dueAt } = present;
      const until = state === 'running' ? leaseUntil : state === 'delayed' ? dueAt : now;
      return { state: 'elsewhere', leftMs: Math.ceil(until - now) };
    }
    const fence = ++this.#fence;
    const entry = { key, job, priority: job.priority ?? 0, seq: this.#seq++, attempt: 1, enqueuedAt: Date.now() };
    Object.assign(entry, { state: 'running', taken: true, leaseUntil: now + leaseMs, fence });
    this.#entries.set(key, entry);
    this.#running.add(entry);
    return { state: 'taken', fence };
  }

  stats() {
    return {
      queued: this.#ready.size,
      delayed: this.#delayed.size,
      running: this.#running.size,
      capacity: this.#capacity,
    };
  }

  nextDueMs() {
    this.#promoteDue();
    if (this.#ready.size > 0) return 0;
    let at = Number.POSITIVE_INFINITY;
    if (this.#delayed.size > 0) at = this.#delayed.peek().dueAt;
    for (const entry of this.#running) at = Math.min(at, entry.leaseUntil);
    return at === Number.POSITIVE_INFINITY ? null : Math.max(0, Math.ceil(at - this.#clock()));
  }

  onWork(fn) {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  #notify() {
    for (const fn of this.#listeners) fn();
  }

  /** See contract.js, "desk". Oldest first; `after` is the number of the last job of the page before. */
  page({ state, search, limit, after }) {
    this.#promoteDue();
    const rows = [];
    let last = null;
    for (const entry of this.#entries.values()) {
      if (after !== null && entry.seq <= after) continue;
      const row = rowOf(entry, this.#clock());
      if ((state !== undefined && row.state !== state) || !matches(entry, search)) continue;
      if (rows.length === limit) return { rows, next: last };
      rows.push(row);
      last = entry.seq;
    }
    return { rows, next: null };
  }

  find(keys) {
    this.#promoteDue();
    return keys.map((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? undefined : rowOf(entry, this.#clock());
    });
  }

  /** A claimed job is left alone: its worker cancels it. */
  cancel(keys) {
    return keys.map((key) => {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.state === 'running') return null;
      this.#forget((each) => each === entry);
      return entry.job;
    });
  }

  /** A job that waits for its retry can be claimed now; one that is ready already stays where it is. */
  retry(keys) {
    const answers = keys.map((key) => {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.state === 'running') return false;
      if (this.#delayed.remove((each) => each === entry) > 0) this.#toReady(entry);
      return true;
    });
    if (answers.includes(true)) this.#notify();
    return answers;
  }

  /** Failed jobs are not kept here. */
  purge({ state }) {
    return state === 'queued' ? this.#forget(() => true) : undefined;
  }

  #forget(test) {
    for (const [key, entry] of this.#entries) {
      if (entry.state !== 'running' && test(entry)) this.#entries.delete(key);
    }
    return this.#ready.remove(test) + this.#delayed.remove(test);
  }

  /** See contract.js, "desk". */
  later({ most }) {
    this.#promoteDue();
    const now = this.#clock();
    const groups = new Map();
    for (const { job, dueAt, error } of this.#delayed.first(most)) {
      const atMs = Date.now() + Math.max(0, dueAt - now);
      const id = `${job.botSlug}\0${error?.code}`;
      const group = groups.get(id) ?? {
        botSlug: job.botSlug,
        code: error?.code,
        count: 0,
        nextAtMs: atMs,
        lastAtMs: atMs,
      };
      group.count++;
      group.nextAtMs = Math.min(group.nextAtMs, atMs);
      group.lastAtMs = Math.max(group.lastAtMs, atMs);
      groups.set(id, group);
    }
    return [...groups.values()];
  }

  /** What is here now, oldest first: `{ key, job, state: 'queued' | 'delayed' | 'running', attempt, enqueuedAt }`. */
  list() {
    const view = ({ key, job, state, attempt, enqueuedAt }) => ({ key, job, state, attempt, enqueuedAt });
    return Array.from(this.#entries.values(), view);
  }

  /** Refuses further jobs; what is held stays claimable. */
  close() {
    this.#closed = true;
  }
}

function rowOf({ key, job, state, attempt, enqueuedAt, dueAt, error }, now) {
  return {
    ...{ key, job, attempt, enqueuedAtMs: enqueuedAt },
    state: state === 'running' ? 'claimed' : state,
    ...(state === 'delayed' && { runAtMs: Date.now() + Math.max(0, dueAt - now), error }),
  };
}

function matches({ key, job }, search) {
  if (search === undefined) return true;
  const wanted = search.toLowerCase();
  return [key, job.botSlug, job.r2Key, job.fileName].some(
    (value) => typeof value === 'string' && value.toLowerCase().includes(wanted),
  );
}

module.exports = { MemoryStore };
