'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { adminRouter } = require('../admin/router.js');
const { Monitor } = require('../metrics/monitor.js');
const { CompatNames } = require('../metrics/compat-names.js');
const { shape, func, having, milliseconds, oneOf, failWith } = require('../options/check.js');
const { closeOptions, mostSlots } = require('../options/executor.js');
const { logger: loggerCheck, workerOptions } = require('../options/worker.js');
const { MemoryStore } = require('../store/memory.js');
const { PostgresStore } = require('../store/postgres.js');
const { DEFAULT_DELAYS_MS } = require('../store/retry-policy.js');
const { PrewarmReport } = require('../worker/report.js');
const { PrewarmWorker } = require('../worker/prewarm.js');
const { Entrance } = require('./entrance.js');
const { STORES, prewarmEnv, prewarmEnvOrDefaults, s3Env, telegramEnv, naming } = require('./env.js');
const { Marks } = require('./marks.js');
const { jobId, toJob, itemOf } = require('./params.js');
const { botLookup, ServiceRecorder } = require('./services.js');
const { prewarmSubject } = require('./subject.js');

// The module is the worker, as in the module that it replaces: one queue per process, started and stopped at will.
// What was counted outlives a worker, and so does what a start was given.
const state = {
  ...{ config: {}, store: null, worker: null, running: null, marks: new Marks(), stopping: undefined },
  // What an operator sees, and sets, before the first start.
  standIn: null,
  ...{ monitor: new Monitor(), compatNames: observer(), pool: null, intervalMs: undefined, table: null },
};

function observer() {
  return new CompatNames((name, value, labels) => state.config.services?.observe?.(name, value, labels));
}

// How long a stop waits for the rows of jobs that were queued last, beyond what the worker itself takes.
const MARK_GRACE_MS = 2000;

const any = (value) => value;
const ANY_S3 = { endpoint: 'https://localhost', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };

/** Options of a PrewarmWorker that configure() takes too; workerOptions() checks them. */
const ENGINE_OPTIONS = [
  's3',
  'telegram',
  'concurrency',
  'capacity',
  'retry',
  'timeouts',
  'http',
  'verifySha256',
  'route',
  'limits',
  'cache',
  'leaseMs',
  'onTooLarge',
  'onRejected',
  'onOtherKind',
  'onLargePhoto',
  'probe',
  'faststart',
];

const configFields = shape({
  services: shape({
    getTokenBySlug: func,
    getWarmupChatId: func,
    updateCacheWithFileId: func,
    markCacheError: func,
    observe: func,
  }),
  logger: loggerCheck,
  store: oneOf(...STORES),
  ...Object.fromEntries(ENGINE_OPTIONS.map((name) => [name, any])),
});

/**
 * Sets the app's services, logger and connection settings. Takes effect at the next start; each call replaces the
 * settings of the one before.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function configure(options = {}) {
  const invalid = failWith('ERR_WARMPATH_INVALID_OPTION');
  const { services, logger, store: kind, ...engine } = configFields(options, '', invalid);
  if (kind === 'postgres') checkServices(services);
  // s3 may still come from the environment; everything else that is given is to be right now, not at the start.
  workerOptions({ s3: ANY_S3, ...engine, resolveBot: any });
  state.config = { services, logger, store: kind, ...engine };
}

/** A durable store records results itself, in the same statement that ends the job. */
function checkServices(services = {}) {
  for (const name of ['updateCacheWithFileId', 'markCacheError']) {
    if (services[name] !== undefined) {
      failWith('ERR_WARMPATH_INVALID_OPTION')(
        `services.${name}`,
        "needs the store 'memory'; 'postgres' records in media_cache",
      );
    }
  }
}

function report() {
  const { logger = console } = state.config;
  return new PrewarmReport({ logger, observe: state.compatNames.observe });
}

/**
 * The numbers of the running worker, else those of the next start. For answers that must not fail: a wrong variable stops
 * the start, not a metrics route.
 */
function numbers() {
  if (state.running !== null) return { ...state.running, concurrency: state.worker.slots };
  const env = prewarmEnvOrDefaults();
  const { concurrency = env.concurrency, capacity = env.capacity } = state.config;
  return { concurrency: predecessor()?.slotsSet ?? mostSlots(concurrency), capacity };
}

/** Whether jobs wait in the database, not in this process. */
const isDurable = () => state.store instanceof Entrance;

function store() {
  if (state.store === null) keepJobsIn(state.config.store ?? prewarmEnvOrDefaults().store);
  return state.store;
}

/** Opens the place where jobs wait; those that wait elsewhere move. */
function keepJobsIn(kind) {
  const Place = kind === 'postgres' ? Entrance : MemoryStore;
  if (state.store instanceof Place) return;
  const jobs = state.store?.list().map(({ job }) => job) ?? [];
  state.store = new Place({ capacity: Math.max(numbers().capacity, jobs.length) });
  state.store.enqueue(jobs);
  if (kind === 'postgres') state.marks.forget(jobs);
  else for (const job of jobs) state.marks.add(job);
}

/**
 * Queues a media for prewarming; works before the start too. Unknown fields are ignored.
 *
 * @param {object} params bot_slug, sha256 (64 lower-case hex), kind, r2_key; optional file_name, content_type, size,
 *   priority, caption
 * @returns {boolean} true = accepted; false = queued already, in progress, queue full, or not a valid job (the log says which)
 */
function enqueuePrewarm(params) {
  let job;
  try {
    job = toJob(params);
  } catch (err) {
    report().refused(params, err.message);
    return false;
  }
  const [status] = store().enqueue([job]);
  report().enqueued(job, status, gauges());
  if (status === 'full') state.worker?.missed();
  if (status === 'queued' && !isDurable()) state.marks.add(job);
  return status === 'queued';
}

/**
 * Starts the worker; while it runs, a further call only returns the controller. Settings come from configure(), then from
 * the environment.
 *
 * @param {object} pool a pg.Pool (or anything with query(text, params))
 * @param {number} [intervalMs] the fallback poll, ms; MEDIA_PREWARM_INTERVAL_MS, else 2000. Work itself waits for no tick.
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION naming the variable or option, ERR_WARMPATH_NATIVE_LOAD
 */
function startPrewarmWorker(pool, intervalMs) {
  if (state.running !== null) {
    report().log('warn', '[WORKER][ALREADY_RUNNING]');
    return getWorkerController();
  }
  const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
  having('query')(pool, 'pool', invalid);
  if (intervalMs !== undefined) milliseconds(10)(intervalMs, 'intervalMs', invalid);
  const env = prewarmEnv();
  const { services = {}, logger = console, store: kind = env.store, ...given } = state.config;
  if (kind === 'postgres') checkServices(services);
  Object.assign(state, { pool, intervalMs });
  const options = {
    s3: given.s3 ?? s3Env(),
    telegram: given.telegram ?? telegramEnv(),
    concurrency: env.concurrency,
    capacity: env.capacity,
    limits: env.limits,
    ...given,
    pool,
    pollMs: intervalMs ?? env.intervalMs,
    retryWeakId: env.retryWeakId === 1,
    logger,
  };
  const { monitor, compatNames } = state;
  const common = { resolveBot: botLookup(pool, services), keyOf: jobId, monitor, compatNames };
  const delaysMs = options.retry?.delaysMs ?? [...DEFAULT_DELAYS_MS];
  const begin = kind === 'postgres' ? beginDurable : beginInMemory;
  begin({ pool, services, options, common, delaysMs });
  return getWorkerController();
}

/** Whose settings, made by an operator, hold for the next worker too: the one before, or what stands in before the first. */
const predecessor = () => state.worker ?? state.standIn;

function began(worker, { concurrency, capacity }) {
  const before = predecessor();
  if (before !== null) worker.inherit(before);
  Object.assign(state, { worker, running: { concurrency: mostSlots(concurrency), capacity } });
  worker.start();
}

/** Jobs in this process; their rows are a copy, read again at the next start. */
function beginInMemory({ pool, services, options, common, delaysMs }) {
  const recorder = new ServiceRecorder(pool, services, state.marks);
  keepJobsIn('memory');
  const worker = naming(() => new PrewarmWorker(options, { ...common, store: state.store, recorder }));
  state.store.adjust({ capacity: options.capacity, delaysMs });
  began(worker, options);
  state.marks.connect(recorder, (err) => worker.problem(err));
}

/** Jobs in the table, for any number of processes; what this one accepts is on its way there. */
function beginDurable({ pool, options, common, delaysMs }) {
  const table = new PostgresStore({ pool, delaysMs, onError: (err) => worker.problem(err) });
  const worker = naming(() => new PrewarmWorker(options, { ...common, store: table }));
  keepJobsIn('postgres');
  state.store.adjust({ capacity: options.capacity });
  state.table = table;
  began(worker, options);
  state.store.connect(table, {
    onError: (err) => worker.problem(err),
    onRefused: (job, status) => report().enqueued(job, status, gauges()),
  });
}

/** @returns {Promise<void>} resolves when running jobs are finished or handed back, and results recorded */
async function stop(options) {
  closeOptions(options);
  if (state.running !== null) {
    state.running = null;
    state.stopping = stopAll(state.worker, options);
  }
  await state.stopping;
}

async function stopAll(worker, options) {
  const { table } = state;
  state.table = null;
  const written = isDurable() ? state.store.close() : state.marks.close();
  await worker.stop(options);
  await Promise.race([written, sleep(MARK_GRACE_MS, undefined, { ref: false })]);
  await table?.close().catch((err) => worker.problem(err));
}

/** How many wait and run now; jobs claimed ahead, but not begun, count as waiting. */
function gauges() {
  const waiting = store().stats();
  const executor = state.worker?.executor?.stats();
  const ahead = executor?.queued ?? 0;
  const activeWorkers = executor?.running ?? 0;
  return {
    queueSize: waiting.queued + ahead,
    // The table knows of every process's.
    processing: isDurable() ? activeWorkers : waiting.running - ahead,
    activeWorkers,
  };
}

function queueItems() {
  if (isDurable()) return [...state.store.list().map(itemOf), ...claimedItems()];
  const ahead = new Set();
  for (const { key, state: place } of state.worker?.executor?.list() ?? []) {
    if (place === 'queued') ahead.add(key.slice(0, key.lastIndexOf('#')));
  }
  return store()
    .list()
    .filter((entry) => entry.state === 'queued' || ahead.has(entry.key))
    .map(itemOf);
}

/** What this process has claimed and not begun. */
function claimedItems() {
  const queued = (state.worker?.executor?.list() ?? []).filter((one) => one.state === 'queued');
  return queued.map(({ botSlug, sha256, kind, sinceMs }) => {
    const job = { botSlug, sha256, kind, r2Key: null };
    return itemOf({ key: jobId(job), job, enqueuedAt: Date.now() - sinceMs });
  });
}

/** The worker's controls; the same functions before, during and after a run. */
function getWorkerController() {
  return {
    stop,
    getQueueSize: () => gauges().queueSize,
    getProcessingCount: () => gauges().processing,
    getActiveWorkers: () => gauges().activeWorkers,
    getMaxConcurrency: () => numbers().concurrency,
    getQueueItems: queueItems,
    isRunning: () => state.running !== null,
  };
}

function getQueueMetrics() {
  const { queueSize, processing, activeWorkers } = gauges();
  const { concurrency, capacity } = numbers();
  const utilization = activeWorkers / concurrency;
  return {
    queue_size: queueSize,
    processing_count: processing,
    active_workers: activeWorkers,
    max_concurrency: concurrency,
    max_queue_size: capacity,
    utilization: Math.round(utilization * 100) / 100,
    utilization_pct: Math.round(utilization * 100),
  };
}

/**
 * The admin router: the hand-written metrics and control routes, and the dashboard; see docs/admin.md.
 *
 * @param {{ auth: Function | 'external' }} options
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function router(options) {
  const start = startPrewarmWorker;
  return adminRouter(
    prewarmSubject({ state, store, numbers, start, stop, queueItems, metrics: getQueueMetrics }),
    options,
  );
}

module.exports = { enqueuePrewarm, startPrewarmWorker, getQueueMetrics, getWorkerController, configure, router };
