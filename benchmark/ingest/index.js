'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Child } = require('../lib/child');
const { measure } = require('../lib/measure');
const { startServers } = require('../lib/server');
const { spread } = require('../lib/statistics');
const { perTransfer, perUpload } = require('./memory');
const { measurePeak } = require('./peak');
const { report } = require('./report');

const MB = 1 << 20;

const FORMS = {
  url: ['ingest-url-ours', 'ingest-url-undici', 'ingest-floor'],
  unsynced: ['ingest-url-ours', 'ingest-url-undici', 'ingest-floor'],
  base64: ['ingest-base64-ours', 'ingest-base64-node', 'ingest-base64-copy'],
};

const PLANS = {
  full: {
    sizes: [100 * 1024, 5 * MB, 50 * MB],
    rounds: 3,
    warmMs: 2000,
    measureMs: 2500,
    concurrency: 8,
    memoryJobs: 36,
  },
  quick: { sizes: [100 * 1024], rounds: 1, warmMs: 100, measureMs: 150, concurrency: 8, memoryJobs: 9 },
};

const FIGURES = {
  jobsPerSecond: (round) => round.jobsPerSecond,
  cpuPerJobUs: (round) => round.cpuPerJobUs,
  othersShare: (round) => round.othersShare,
  delayP99: (round) => round.delay?.p99,
  delayMax: (round) => round.delay?.max,
  aboveIdleP99: (round) => round.delay?.p99 - round.idle?.p99,
  loopBusy: (round) => round.loopBusy,
};

/** What a file system calls itself (statfs(2)). */
const FILE_SYSTEMS = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
};

/**
 * Runs with a folder for temporary files, of this process and its children, and removes it with all they have left.
 *
 * The folder is marked as the top of a tree (ext4: its folders lie apart from all others). Without a journal ext4 looks for a place for
 * each new file past every one that was removed near by in the last minutes, by whomever: a third of a small job, for everybody.
 */
async function inScratch(work) {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-bench-'));
  spawnSync('chattr', ['+T', process.env.TMPDIR]);
  try {
    return await work();
  } finally {
    fs.rmSync(process.env.TMPDIR, { recursive: true, force: true });
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/**
 * Removes what a contender has stored. All of it together would fill the memory of the machine, and who comes last would have to make
 * room for his pages first: as much again as to write them.
 */
function clear() {
  for (const name of fs.readdirSync(os.tmpdir())) {
    if (name.startsWith('warmpath-bench-ingest-')) {
      fs.rmSync(path.join(os.tmpdir(), name), { recursive: true, force: true });
    }
  }
}

async function runCell(cell, { plan, servers, idle, floor, log }) {
  const contenders = FORMS[cell.form];
  const rounds = new Map(contenders.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const name = contenders[(turn + round) % contenders.length];
      const { warmMs, measureMs, concurrency } = plan;
      const how = { size: cell.size, concurrency, fsync: cell.form !== 'unsynced', warmMs, measureMs };
      const result = await measure(name, servers, { ...how, idle, floor });
      clear();
      rounds.get(name).push(result);
      log(
        `${cell.size / 1024} KB ${name}: ${result.jobsPerSecond.toFixed(1)} jobs/s, ${result.cpuPerJobUs.toFixed(0)} µs CPU`,
      );
    }
  }
  const memory = new Map();
  for (const name of cell.form === 'url' ? contenders.slice(0, 2) : []) {
    memory.set(name, await perTransfer(name, servers, { size: cell.size, jobs: plan.memoryJobs }));
  }
  const rows = contenders.map((name) => {
    const measured = rounds.get(name);
    const figures = Object.entries(FIGURES).map(([figure, read]) => [
      figure,
      spread(measured.map((r) => read(r, plan))),
    ]);
    return { contender: name, ...Object.fromEntries(figures), perTransfer: memory.get(name) ?? null, rounds: measured };
  });
  return { ...cell, rows };
}

/**
 * TLS URL → disk and base64 → disk, sha256 and fsync on every side, ours against JavaScript by hand; the memory of one more transfer;
 * and a peak of messages through BullMQ.
 * @returns {Promise<{ data: object, markdown: string }>}
 */
async function run({ quick, rounds, sizes, programs, log }) {
  const base = quick ? PLANS.quick : PLANS.full;
  const fileSystem = FILE_SYSTEMS[fs.statfsSync(os.tmpdir()).type] ?? 'unknown';
  const plan = { ...base, rounds: rounds || base.rounds, sizes: sizes ?? base.sizes, fileSystem };
  const idle = Child.node(path.join(__dirname, '..', 'lib', 'idle.js'), {});
  const servers = await startServers(programs.server, { tls: true, sizes: plan.sizes });
  const cells = [];
  let peak;
  let upload;
  try {
    for (const form of Object.keys(FORMS)) {
      for (const size of plan.sizes) {
        const parts = { plan, servers, idle, floor: programs.floor, log };
        cells.push(await inScratch(() => runCell({ form, size }, parts)));
      }
    }
    const size = plan.sizes.at(-1);
    upload = { size, perTransfer: await perUpload(servers, { size, jobs: plan.memoryJobs }) };
    peak = await inScratch(() => measurePeak({ quick, servers, idle, concurrency: plan.concurrency }));
    log(
      peak === null
        ? 'no peak: there is no redis-server'
        : `a peak of ${peak.media} took ${(peak.wallMs / 1000).toFixed(1)} s`,
    );
  } finally {
    await servers.close();
    await idle.end();
  }
  return { data: { plan, cells, upload, peak }, markdown: report({ plan, cells, upload, peak }) };
}

module.exports = { run };
