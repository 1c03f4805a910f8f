'use strict';

const os = require('node:os');
const { performance } = require('node:perf_hooks');
const { version } = require('../../package.json');

const SERIES_SECONDS = 60;
const MOST_BOTS = 50;
const MOST_THROTTLED = 50;
const SLOW_MS = 5000;

/**
 * Everything the dashboard shows at a glance, as one plain value. What the database has to be asked for is asked every five
 * seconds at most, however many look.
 */
class Snapshots {
  #worker;
  #loop = performance.eventLoopUtilization();
  #slow = { at: Number.NEGATIVE_INFINITY, health: null, instances: null, later: null };
  #asking = null;

  #abilities;

  /** @param {() => object} worker @param {object} [abilities] of the router itself */
  constructor(worker, abilities = {}) {
    this.#worker = worker;
    this.#abilities = abilities;
  }

  async take() {
    await this.#askSlowly();
    const worker = this.#worker();
    const { monitor } = worker;
    const stats = worker.stats();
    const { bytesIn = 0, bytesOut = 0, possibleDuplicates = 0, resumes = 0 } = stats;
    return {
      worker: { name: worker.name, mode: worker.mode, version, now: Date.now() },
      can: { limits: typeof worker.setLimits === 'function', ...worker.abilities(), ...this.#abilities },
      health: this.#slow.health,
      queue: { ...worker.depth(), capacity: Number.isFinite(stats.capacity) ? stats.capacity : null },
      slots: { running: stats.running ?? 0, total: stats.concurrency },
      recording: stats.recording ?? 0,
      totals: { ...ended(monitor), retries: monitor.retriesTotal, bytesIn, bytesOut, possibleDuplicates, resumes },
      rates: rates(monitor),
      phases: Object.fromEntries(Array.from(monitor.windows, ([phase, window]) => [phase, window.quantiles()])),
      errors: errors(monitor),
      bots: bots(worker),
      later: this.#slow.later,
      throttled: typeof worker.throttled === 'function' ? worker.throttled().slice(0, MOST_THROTTLED) : [],
      limits: typeof worker.limits === 'function' ? worker.limits() : null,
      failures: monitor.failures.newest(10).map(({ original: _kept, ...item }) => item),
      results: monitor.results.newest(10),
      problems: monitor.problems.newest(3),
      instances: this.#slow.instances,
      process: this.#process(),
    };
  }

  async #askSlowly() {
    if (performance.now() - this.#slow.at < SLOW_MS) return;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    await this.#asking;
  }

  async #ask() {
    const worker = this.#worker();
    const health = await worker.health();
    const instances = await worker.instances().catch(() => null);
    const later = await worker.later().catch(() => null);
    const most = (list) => list?.slice(0, MOST_BOTS) ?? null;
    this.#slow = { at: performance.now(), health, instances: most(instances), later: most(later) };
  }

  /** After a command: the next snapshot is to know what came of it. */
  forget() {
    this.#slow.at = Number.NEGATIVE_INFINITY;
  }

  #process() {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#loop);
    this.#loop = now;
    return { host: os.hostname(), pid: process.pid, rssBytes: process.memoryUsage.rss(), eventLoop: utilization };
  }
}

/** What the monitor counted, which outlives a worker of the compat module. */
function ended(monitor) {
  const totals = { succeeded: 0, failed: 0 };
  for (const [key, count] of monitor.settledTotal) totals[key.split('\0')[1]] += count;
  return totals;
}

function rates(monitor) {
  const of = (name) => monitor.rates.series(name, SERIES_SECONDS);
  return {
    seconds: SERIES_SECONDS,
    succeeded: of('succeeded'),
    failed: of('failed'),
    retried: of('retried'),
    bytes: of('bytes'),
  };
}

// What needs somebody comes first; that which passes by itself, however often it happened, last.
const BY_URGENCY = ['bug', 'config', 'permanent', 'ambiguous', 'transient', 'cancelled', 'throttled'];
const rank = (error) => BY_URGENCY.indexOf(error.class);

function errors(monitor) {
  return Array.from(monitor.errorsTotal, ([key, count]) => {
    const [kind, code] = key.split('\0');
    return { class: kind, code, count, ...monitor.errorsLast.get(key) };
  }).sort((a, b) => rank(a) - rank(b) || b.count - a.count);
}

/** What each bot has here: jobs that run, jobs that wait, and what the one that waits longest waits for. */
function bots(worker) {
  const byBot = new Map();
  for (const item of worker.executor?.list() ?? []) {
    const botSlug = item.botSlug ?? '';
    const bot = byBot.get(botSlug) ?? { botSlug, running: 0, waiting: 0, oldestMs: 0, handle: null };
    if (item.state === 'running') bot.running++;
    else {
      bot.waiting++;
      if (item.sinceMs >= bot.oldestMs) Object.assign(bot, { oldestMs: item.sinceMs, handle: item.key });
    }
    byBot.set(botSlug, bot);
  }
  const busiest = [...byBot.values()]
    .sort((a, b) => b.waiting - a.waiting || b.running - a.running)
    .slice(0, MOST_BOTS);
  return busiest.map(({ handle, ...bot }) => {
    const waits = handle === null ? [] : (worker.executor.explain(handle)?.waits ?? []);
    return { ...bot, wait: waits[0] ?? null };
  });
}

module.exports = { Snapshots };
