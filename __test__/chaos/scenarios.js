'use strict';

// What can happen to worker processes, one scenario each. A scenario answers `{ violations, counts }`: what was broken, and how
// often its faults really did harm, because a fault that does not bite proves nothing.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Herd } = require('./herd.js');
const { overlaps, duplicates, endings, violations } = require('./ledger.js');
const { openStage } = require('./stage.js');
const { Watch } = require('./watch.js');

const WAIT_MS = 90_000;

/** Polls until the condition holds; what is not there in time is for the verdict to say. */
async function until(condition, timeoutMs = WAIT_MS) {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await condition()) return true;
    await sleep(40);
  }
  return false;
}

const open = async (stage) => {
  const { rows } = await stage.pool.query("SELECT count(*)::int AS n FROM media_cache WHERE status = 'warming'");
  return rows[0].n;
};

/** What a scenario without any fault of the network allows: one send for each job, one process at a time. */
async function strictVerdict(stage, jobs, herd) {
  const { counts, unexcused } = duplicates(stage, { inFlightAtKill: herd.inFlightAtKill });
  const { counts: ended, found } = await endings(stage, jobs);
  return {
    violations: [...found, ...violations('duplicate', unexcused), ...violations('overlap', overlaps(stage, jobs))],
    counts: { ...counts, ...ended },
  };
}

/** How long this process did not come to its turn. A machine that stood still for longer than a lease tells nothing of leases. */
function standstill() {
  const seen = { longestMs: 0 };
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    seen.longestMs = Math.max(seen.longestMs, now - last);
    last = now;
  }, 50);
  return { seen, stop: () => clearInterval(timer) };
}

/** Runs a scenario on a stage of its own; `counts.standstillMs` says whether the machine was fit for it. */
async function onStage(serverUrl, settings, play) {
  const stage = await openStage(serverUrl);
  const herd = new Herd(stage, settings);
  const machine = standstill();
  stage.standstillMs = () => machine.seen.longestMs;
  try {
    const { violations, counts } = await play(stage, herd);
    return { violations, counts: { ...counts, standstillMs: Math.round(machine.seen.longestMs) } };
  } finally {
    machine.stop();
    await herd.close();
    await stage.close();
  }
}

/**
 * The event loop of a process stands still for longer than its leases: nothing renews them, and another process takes over. The
 * engine of the first must have stopped by then, and when its loop wakes up, it must not change anything.
 */
function blockedLoop(serverUrl, { leaseMs, blockMs, plant }) {
  return onStage(serverUrl, { leaseMs, concurrency: 4, plant }, async (stage, herd) => {
    const first = await herd.start();
    // It gets no answer from R2, so that its claims are at work when the loop stops.
    const stuck = stage.r2.faults.add({ kind: 'stallBeforeHead', times: 4 });
    // And its heir is still at it when it wakes up.
    stage.tg.faults.add({ kind: 'delay', at: 'answer', ms: blockMs, times: 4 });
    const jobs = await stage.enqueue(4, { bot: 'bot-0' });
    await stuck.bitten(4);
    await herd.start();
    const awake = herd.hear(first, 'awake');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-chaos-'));
    const file = path.join(folder, 'go-on');
    first.child.send({ block: blockMs, until: file });
    await until(() => stage.tg.received.length === 4, 4 * blockMs);
    fs.writeFileSync(file, '');
    await awake;
    fs.rmSync(folder, { recursive: true });
    await until(async () => (await open(stage)) === 0, 3 * blockMs);
    const verdict = await strictVerdict(stage, jobs, herd);
    const heirs = new Set(stage.r2.requests.map(({ accessKeyId }) => accessKeyId));
    return { ...verdict, counts: { ...verdict.counts, stalled: stuck.bites, processes: heirs.size } };
  });
}

/** Jobs that last longer than their lease: the heartbeat keeps them. */
function longJobs(serverUrl, { leaseMs, plant }) {
  return onStage(serverUrl, { leaseMs, concurrency: 4, plant }, async (stage, herd) => {
    const slow = stage.tg.faults.add({ kind: 'delay', at: 'answer', ms: 2 * leaseMs, times: 4 });
    const watch = new Watch(stage, leaseMs);
    const jobs = await stage.enqueue(4, { bot: 'bot-0' });
    await herd.start();
    await until(async () => (await open(stage)) === 0, 10 * leaseMs);
    const seen = await watch.stop();
    const verdict = await strictVerdict(stage, jobs, herd);
    return { violations: [...seen, ...verdict.violations], counts: { ...verdict.counts, slow: slow.bites } };
  });
}

/** SIGTERM in the middle: half of what is in flight ends in time, half never would. */
function orderlyStop(serverUrl, { leaseMs, plant, inFlight = 64, jobs: count = 200 }) {
  const graceMs = 8000;
  return onStage(serverUrl, { leaseMs, concurrency: inFlight, graceMs, plant }, async (stage, herd) => {
    stage.tg.faults.add({ kind: 'delay', ms: 300, times: inFlight / 2 });
    const stuck = stage.r2.faults.add({ kind: 'stallBeforeHead', times: inFlight / 2, after: inFlight / 2 });
    const jobs = await stage.enqueue(count);
    const member = await herd.start();
    await stuck.bitten(inFlight / 2);
    const { late, tookMs } = await herd.stop(member);
    const rows = await stage.rows();
    const ready = rows.filter(({ status }) => status === 'ready');
    const back = rows.filter(({ status }) => status === 'warming');
    const { counts, unexcused } = duplicates(stage);
    const texts = {
      'late claim': late > 0 && `${late} claims later than 50 ms after the signal`,
      'slow stop': tookMs > graceMs + 2000 && `stopped after ${tookMs} ms`,
      charged: back.some(({ attempts }) => attempts !== 0) && 'a job that was handed back was charged',
      held: back.some(({ lease_until: until }) => until !== null) && 'a lease was not handed back',
      lost: ready.length + back.length !== jobs.length && `${jobs.length - ready.length - back.length} jobs are gone`,
      unrecorded: counts.sends !== ready.length && `${counts.sends} sent, ${ready.length} recorded`,
      duplicate: unexcused.length > 0 && unexcused.join(', '),
      signed: (await stage.feeder.instances()).length > 0 && 'it did not sign off',
    };
    const found = Object.entries(texts).flatMap(([rule, text]) => (text ? [{ rule, text }] : []));
    return { violations: found, counts: { ...counts, ready: ready.length, back: back.length, tookMs } };
  });
}

/** A job that ends its process whenever it is begun, among others that do not. */
function poison(serverUrl, { leaseMs, plant, maxLostLeases }) {
  return onStage(serverUrl, { leaseMs, concurrency: 4, maxLostLeases, plant }, async (stage, herd) => {
    const [bad] = await stage.enqueue(1, { prefix: 'poison', bot: 'bot-0' });
    const good = await stage.enqueue(40);
    let over = false;
    const tend = (async () => {
      while (!over && herd.kills <= maxLostLeases) {
        const member = await herd.start();
        await Promise.race([member.exited, until(() => over)]);
        if (member.child.signalCode === 'SIGKILL') await herd.buried(member);
      }
    })();
    await until(async () => (await open(stage)) === 0 || herd.kills > maxLostLeases, 20 * leaseMs);
    over = true;
    const deaths = herd.kills;
    const verdict = await strictVerdict(stage, good, herd);
    const row = (await stage.rows()).find(({ sha256 }) => sha256 === bad.sha256);
    const isAside = row.status === 'error' && row.last_error?.includes('quarantined');
    const found = verdict.violations;
    if (deaths > maxLostLeases) found.push({ rule: 'poison', text: `it has ended ${deaths} processes` });
    else if (!isAside) found.push({ rule: 'poison', text: `it is ${row.status}: ${row.last_error}` });
    await tend;
    return { violations: found, counts: { ...verdict.counts, deaths } };
  });
}

module.exports = { blockedLoop, longJobs, orderlyStop, poison, onStage, until, open };
