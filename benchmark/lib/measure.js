'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Child } = require('./child');
const { machineCpuUs } = require('./server');

const entry = path.join(__dirname, 'contender.js');

/** Ports, keys and addresses a contender needs, as one plain object. */
function configOf(contender, servers, { size, concurrency, verify = false, fsync = true, warmMs, route, queued }) {
  const { s3Url, botUrl, s3Port, botPort, ca, caFile, sha256, tls } = servers;
  const sums = { sha256: sha256[size], verify };
  return {
    contender,
    size,
    concurrency,
    fsync,
    warmMs,
    route,
    queued,
    tls,
    s3Url,
    botUrl,
    s3Port,
    botPort,
    ca,
    caFile,
    ...sums,
  };
}

/** Those that are no process of Node. */
const FLOORS = {
  bare: ({ botPort }) => ({ 'bot-port': botPort, bare: true }),
  floor: ({ botPort, verify, sha256 }) => ({ 'bot-port': botPort, ...(verify ? { verify: sha256 } : {}) }),
  'ingest-floor': ({ fsync }) => ({
    dir: fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-bench-ingest-')),
    ...(fsync ? { fsync: 'true' } : {}),
  }),
};

function start(config, floor) {
  const special = FLOORS[config.contender];
  if (special === undefined) {
    return Child.node(entry, config, config.tls ? { NODE_EXTRA_CA_CERTS: config.caFile } : {});
  }
  const args = { 's3-port': config.s3Port, size: config.size, ...special(config) };
  Object.assign(args, { concurrency: config.concurrency, 'warm-ms': config.warmMs });
  Object.assign(args, config.tls ? { 'ca-file': config.caFile } : {});
  return new Child(
    floor,
    Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]),
  );
}

/** Half as many jobs once more, the contender and an idle process watched at the same time. */
async function watchDelay(child, idle, jobs) {
  idle.tell('start');
  child.tell(Math.ceil(jobs / 2));
  const delay = await child.hear();
  idle.tell('stop');
  return { delay, idle: await idle.hear() };
}

/**
 * Runs one contender once in a fresh process.
 * @param {string} contender file name under `contenders/`, 'floor' or 'ingest-floor'
 * @param {object} servers from `startServers`
 * @param {object} options `{ size, concurrency, verify, warmMs, floor }` and either `jobs` (exactly so many) or `measureMs`
 *   (as many as the warm-up says fit); with `idle`, the control process, the event loop's delay is watched too
 * @returns {Promise<object>} what the child measured, with `jobsPerSecond`, `cpuPerJobUs`, `serverCpuPerJobUs`, `sleepsPerJob`,
 *   `serverSleepsPerJob`, `othersShare`, `delay` and `idle`
 */
async function measure(contender, servers, options) {
  const child = start(configOf(contender, servers, options), options.floor);
  try {
    const ready = await child.hear();
    const fitting = Math.ceil((ready.jobsPerSecond * options.measureMs) / 1000);
    const jobs = options.jobs ?? Math.max(fitting, 2 * options.concurrency);
    const serverBefore = servers.cpuUs();
    const serverSlept = servers.sleeps();
    const machineBefore = machineCpuUs();
    child.tell(jobs);
    const done = await child.hear();
    const serverCpuUs = servers.cpuUs() - serverBefore;
    const serverSleeps = servers.sleeps() - serverSlept;
    const othersUs = machineCpuUs() - machineBefore - serverCpuUs - done.cpuUs;
    const delays = options.idle && FLOORS[contender] === undefined ? await watchDelay(child, options.idle, jobs) : {};
    return {
      ...done,
      ...delays,
      baseRss: ready.baseRss,
      jobsPerSecond: (jobs / done.wallMs) * 1000,
      cpuPerJobUs: done.cpuUs / jobs,
      serverCpuPerJobUs: serverCpuUs / jobs,
      sleepsPerJob: done.sleeps / jobs,
      serverSleepsPerJob: serverSleeps / jobs,
      // Share of the machine that went to processes that have nothing to do with the benchmark.
      othersShare: Math.max(0, othersUs / (done.wallMs * 1000 * os.cpus().length)),
    };
  } finally {
    await child.end();
  }
}

module.exports = { configOf, measure };
