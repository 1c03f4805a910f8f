'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { adminRouter } = require('../admin/router.js');
const { Monitor } = require('../metrics/monitor.js');
const { SeedNames } = require('../metrics/seed-names.js');
const { shape, func, having, milliseconds, failWith } = require('../options/check.js');
const { closeOptions, mostSlots } = require('../options/executor.js');
const { checkWorkerJob } = require('../options/job.js');
const { logger: loggerCheck, workerOptions } = require('../options/worker.js');
const { MemoryStore } = require('../store/memory.js');
const { DEFAULT_DELAYS_MS } = require('../store/retry-policy.js');
const { PrewarmReport } = require('../worker/report.js');
const { PrewarmWorker } = require('../worker/prewarm.js');
const { prewarmEnv, prewarmEnvOrDefaults, s3Env, telegramEnv, naming } = require('./env.js');
const { Marks } = require('./marks.js');
const { botLookup, ServiceRecorder } = require('./services.js');
const { prewarmSubject } = require('./subject.js');

// The module is the worker, as in the module that it replaces: one queue per process, started and stopped at will.
// What was counted outlives a worker, and so does what a start was given.
const state = {
  ...{ config: {}, store: null, worker: null, running: null, marks: new Marks(), stopping: undefined },
  ...{ monitor: new Monitor(), seedNames: observer(), pool: null, intervalMs: undefined },
};

function observer() {
  return new SeedNames((name, value, labels) => state.config.services?.observe?.(name, value, labels));
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
  ...Object.fromEntries(ENGINE_OPTIONS.map((name) => [name, any])),
});

/**
 * Sets the app's services, logger and connection settings. Takes effect at the next start; each call replaces the
 * settings of the one before.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function configure(options = {}) {
  const { services, logger, ...engine } = configFields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  // s3 may still come from the environment; everything else that is given is to be right now, not at the start.
  workerOptions({ s3: ANY_S3, ...engine, resolveBot: any });
  state.config = { services, logger, ...engine };
}

function report() {
  const { logger = console } = state.config;
  return new PrewarmReport({ logger, observe: state.seedNames.observe });
}

/**
 * The numbers of the running worker, else those of the next start. For answers that must not fail: a wrong variable stops
 * the start, not a metrics route.
 */
function numbers() {
  if (state.running !== null) return state.running;
  const env = prewarmEnvOrDefaults();
  const { concurrency = env.concurrency, capacity = env.capacity } = state.config;
  return { concurrency: mostSlots(concurrency), capacity };
}

function store() {
  state.store ??= new MemoryStore({ capacity: numbers().capacity });
  return state.store;
}

function jobId({ botSlug, sha256, kind }) {
  // Unambiguous although a slug may hold ':': sha256 and kind are checked, and neither can.
  return `${botSlug}:${sha256}:${kind}`;
}

const FIELDS = {
  bot_slug: 'botSlug',
  sha256: 'sha256',
  kind: 'kind',
  r2_key: 'r2Key',
  file_name: 'fileName',
  content_type: 'contentType',
  size: 'size',
  priority: 'priority',
  caption: 'caption',
};

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
  if (status === 'queued') state.marks.add(job);
  return status === 'queued';
}

function toJob(params) {
  const job = {};
  for (const [field, name] of Object.entries(FIELDS)) {
    const value = params?.[field];
    if (value !== undefined && value !== null) job[name] = value;
  }
  const checked = checkWorkerJob(job);
  checked.key = jobId(checked);
  return checked;
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
  const { services = {}, logger = console, ...given } = state.config;
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
  const recorder = new ServiceRecorder(pool, services, state.marks);
  const { monitor, seedNames } = state;
  const parts = { store: store(), recorder, resolveBot: botLookup(pool, services), keyOf: jobId, monitor, seedNames };
  const worker = naming(() => new PrewarmWorker(options, parts));
  store().adjust({ capacity: options.capacity, delaysMs: options.retry?.delaysMs ?? [...DEFAULT_DELAYS_MS] });
  Object.assign(state, {
    worker,
    running: { concurrency: mostSlots(options.concurrency), capacity: options.capacity },
  });
  worker.start();
  state.marks.connect(recorder, (err) => worker.problem(err));
  return getWorkerController();
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
  const marked = state.marks.close();
  await worker.stop(options);
  await Promise.race([marked, sleep(MARK_GRACE_MS, undefined, { ref: false })]);
}

/** How many wait and run now; jobs claimed ahead, but not begun, count as waiting. */
function gauges() {
  const waiting = store().stats();
  const executor = state.worker?.executor?.stats();
  const ahead = executor?.queued ?? 0;
  return {
    queueSize: waiting.queued + ahead,
    processing: waiting.running - ahead,
    activeWorkers: executor?.running ?? 0,
  };
}

function queueItems() {
  const ahead = new Set();
  for (const { key, state: place } of state.worker?.executor?.list() ?? []) {
    if (place === 'queued') ahead.add(key.slice(0, key.lastIndexOf('#')));
  }
  return store()
    .list()
    .filter((entry) => entry.state === 'queued' || ahead.has(entry.key))
    .map(({ key, job, enqueuedAt }) => ({
      jobId: key,
      bot_slug: job.botSlug,
      sha256: job.sha256,
      kind: job.kind,
      r2_key: job.r2Key,
      enqueued_at: enqueuedAt,
    }));
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
 * The admin router: the seed's metrics and control routes, and the dashboard; see docs/admin.md.
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
