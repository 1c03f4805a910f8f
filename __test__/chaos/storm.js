'use strict';

const { duplicates, endings, explainer, overlaps, violations } = require('./ledger.js');
const { mixF } = require('../../lib/testing');
const { onStage, until, open } = require('./scenarios.js');
const { stopMs } = require('./leases.js');
const { Trace } = require('./trace.js');
const { Watch } = require('./watch.js');

// Enough for a few jobs of every process to be under way at any moment.
const SEND_MS = 60;

/** Events in an order that depends on the seed only. */
function shuffled(events, seed) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  const out = [...events];
  for (let i = out.length - 1; i > 0; i--) {
    const k = Math.floor(random() * (i + 1));
    [out[i], out[k]] = [out[k], out[i]];
  }
  return out;
}

/**
 * Several processes under mix F of faults, some of them killed, and the database ended without a word and started again. Jobs come
 * in portions; each portion is under way when the next blow falls.
 *
 * @param {object} server `url`, and `restarts` to end it with
 * @param {object} plan jobs, workers, kills, restarts, concurrency, leaseMs, patienceMs, seed, plant
 */
function storm(server, plan) {
  const { leaseMs, seed, plant, concurrency, patienceMs } = plan;
  return onStage(server.url, { leaseMs, concurrency, plant, patienceMs }, async (stage, herd) => {
    const mixes = [stage.r2.faults.mix(mixF(seed)), stage.tg.faults.mix(mixF(seed + 1))];
    stage.tg.faults.add({ kind: 'delay', ms: SEND_MS, times: Number.POSITIVE_INFINITY });
    const outages = [];
    const marks = [];
    const mark = (what) => marks.push([Date.now(), what]);
    // A bot is free a third of a lease after the last job of its owner; then it must be found, by machines that have much to do.
    const watch = new Watch(stage, leaseMs + 10_000);
    await Promise.all(Array.from({ length: plan.workers }, () => herd.start()));

    const blows = {
      async kill() {
        const victim = await busiest(stage, herd);
        mark(`${victim.name} is killed`);
        counts.inFlight += await herd.kill(victim);
        await herd.start();
      },
      async restart() {
        const from = Date.now();
        mark('the database is ended');
        await server.restarts.crash();
        server.restarts.start();
        await until(() =>
          stage.pool.query('SELECT 1').then(
            () => true,
            () => false,
          ),
        );
        watch.since = Date.now();
        mark('the database is there again');
        const to = Date.now();
        outages.push({ from, to });
        counts.restarts++;
        counts.outageMs = Math.max(counts.outageMs, to - from);
      },
    };
    const counts = { inFlight: 0, restarts: 0, outageMs: 0 };
    const events = shuffled([...Array(plan.kills).fill('kill'), ...Array(plan.restarts).fill('restart')], seed);
    const jobs = [];
    const portion = Math.ceil(plan.jobs / (events.length + 1));
    for (const event of [...events, null]) {
      jobs.push(...(await stage.enqueue(Math.min(portion, plan.jobs - jobs.length))));
      const wanted = jobs.length - portion * 0.7;
      await until(() => stage.tg.received.length >= wanted);
      if (event !== null) await blows[event]();
    }
    await until(async () => (await open(stage).catch(() => 1)) === 0, plan.timeoutMs);

    const found = await watch.stop();
    const { counts: ended, found: lost } = await endings(stage, jobs, { mayFail: explainer(stage, jobs) });
    const trace = Trace.read(stage.trace);
    for (const [at, what] of marks) trace.mark(at, what);
    const { counts: sends, unexcused } = duplicates(stage, {
      inFlightAtKill: herd.inFlightAtKill,
      outages,
      leaseMs,
      stopMs: stopMs(leaseMs),
      trace,
    });
    const bites = Object.fromEntries(
      Object.keys(mixes[0].counts).map((name) => [name, mixes.map((mix) => mix.counts[name]?.bites ?? 0)]),
    );
    return {
      violations: [
        ...found,
        ...lost,
        ...violations('duplicate', unexcused),
        ...violations('overlap', overlaps(stage, jobs, trace)),
      ],
      counts: {
        ...counts,
        ...ended,
        ...sends,
        kills: herd.kills,
        stuckMs: watch.stuckMs,
        bites,
      },
    };
  });
}

/** The member with the most claims: a kill that hits nothing shows nothing. */
async function busiest(stage, herd) {
  let victim = null;
  await until(async () => {
    const { rows } = await stage.pool.query(
      `SELECT lease_owner AS id FROM media_cache WHERE status = 'warming' AND lease_until > now()
       GROUP BY 1 ORDER BY count(*) DESC`,
    );
    victim = rows.map(({ id }) => herd.members.find((member) => member.id === id)).find(Boolean) ?? null;
    return victim !== null;
  });
  return victim ?? herd.members[0];
}

module.exports = { storm };
