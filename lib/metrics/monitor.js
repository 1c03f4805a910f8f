'use strict';

const { Histogram } = require('./histogram.js');
const { Ring, Rates, Window } = require('./recent.js');

// A label must stay a closed set whatever comes in: what is beyond the first ones counts under one name.
const MOST_KINDS = 50;
const OTHER = 'other';

const RECENT_FAILURES = 500;
const RECENT_RESULTS = 100;
const RECENT_PROBLEMS = 20;

/**
 * What one worker did, in numbers, since it was made: what a scrape, the dashboard and health() read. Fed with every batch of
 * recorded results; holds no secret and no payload but the jobs that failed, so that they can be tried again.
 */
class Monitor {
  /** Settled for good: `succeeded` or `failed`, by kind. */
  settledTotal = new Map();
  /** Failed tries, by class and code; `class\0code`. */
  errorsTotal = new Map();
  /** The last of each of these: `{ lastAtMs, message }`. */
  errorsLast = new Map();
  retriesTotal = 0;
  /** Seconds, by kind and phase: `kind\0phase`. */
  durations = new Map();
  /** Milliseconds of the last results, by phase. */
  windows = new Map();
  rates = new Rates(['succeeded', 'failed', 'retried', 'bytes']);
  failures = new Ring(RECENT_FAILURES);
  results = new Ring(RECENT_RESULTS);
  problems = new Ring(RECENT_PROBLEMS);
  #kinds = new Set();
  /** A failure of the store or another part that no job has, and when one was last followed by a success; ms since 1970. */
  lastProblemAt = 0;
  lastRecordedAt = 0;

  #kind(kind) {
    const name = typeof kind === 'string' && kind !== '' ? kind : 'none';
    if (this.#kinds.has(name)) return name;
    if (this.#kinds.size >= MOST_KINDS) return OTHER;
    this.#kinds.add(name);
    return name;
  }

  /**
   * @param {object[]} results as a worker's 'settled' event has them
   * @param {(job: object) => object} describe what of a job may be shown
   */
  settled(results, describe) {
    this.lastRecordedAt = Date.now();
    for (const result of results) this.#one(result, describe);
  }

  #one(result, describe) {
    const { job, state, status, error } = result;
    if (state === 'released') return;
    const kind = this.#kind(job.kind);
    if (error !== undefined) this.#error(error);
    if (state === 'retry') {
      this.retriesTotal++;
      this.rates.add('retried');
      this.#remember(result, describe);
      return;
    }
    const outcome = status === 'succeeded' ? 'succeeded' : 'failed';
    add(this.settledTotal, `${kind}\0${outcome}`);
    this.rates.add(outcome);
    this.rates.add('bytes', result.bytes ?? 0);
    this.#times(kind, result);
    this.#remember(result, describe);
    if (state === 'dead') this.failed(result, describe);
  }

  #error({ class: kind, code, message }) {
    const key = `${kind}\0${code}`;
    add(this.errorsTotal, key);
    this.errorsLast.set(key, { lastAtMs: Date.now(), message });
  }

  #times(kind, { timings, waitedMs }) {
    for (const [phase, ms] of Object.entries({ wait: waitedMs, ...timings })) {
      if (typeof ms !== 'number') continue;
      const key = `${kind}\0${phase}`;
      getOrMake(this.durations, key, () => new Histogram()).observe(ms / 1000);
      getOrMake(this.windows, phase, () => new Window()).push(ms);
    }
  }

  #remember({ key, job, state, error, timings, attempt, runAtMs, value }, describe) {
    this.results.push({
      at: Date.now(),
      ...{ key, state, attempt, runAtMs, route: value?.route, totalMs: timings?.total },
      job: describe(job),
      error: briefly(error),
    });
  }

  /** A job that failed for good, kept so that an operator can see it and try it again. */
  failed({ key, job, error, attempt }, describe) {
    this.failures.remove((item) => item.key === key);
    this.failures.push({ at: Date.now(), key, attempt, job: describe(job), error: briefly(error), original: job });
  }

  problem(err) {
    this.lastProblemAt = Date.now();
    this.problems.push({ at: this.lastProblemAt, error: briefly(err) });
  }
}

function getOrMake(map, key, make) {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
}

function add(map, key) {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** Code, class, phase and the message, which holds no secret and no URL. */
function briefly(error) {
  if (error === undefined || error === null) return undefined;
  const { code, phase, message, retryAfterMs } = error;
  return { code, class: error.class, phase, message, retryAfterMs };
}

module.exports = { Monitor };
