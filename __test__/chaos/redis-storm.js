'use strict';

const bullmq = require('bullmq');
const { producer, jobId } = require('../../lib/adapters/bullmq');
const { jobKey } = require('../..');
const { setTimeout: sleep } = require('node:timers/promises');
const { onStage, until } = require('./scenarios.js');

const QUEUE = 'storm';
const DEADLINE_MS = 250;
const FALLBACK_MS = 750;

/** Jobs come all the time; the next one while the answer of the last one is awaited. */
const PACE_MS = 15;

/** Enough for something to be under way at any moment. */
const SEND_MS = 60;

/**
 * BullMQ with our producer and processor, while Redis is killed and stays away, and worker processes are killed. What Redis does not
 * take goes into the table, where the durable workers of the same processes find it.
 *
 * @param {string} serverUrl a Postgres
 * @param {object} redis support/redis.js
 * @param {object} plan jobs, workers, kills, outages, awayMs, concurrency, timeoutMs
 */
function redisStorm(serverUrl, redis, plan) {
  const { concurrency } = plan;
  const settings = { program: 'redis-child.js', redis: redis.connection, queue: QUEUE, concurrency };
  return onStage(serverUrl, settings, async (stage, herd) => {
    stage.tg.faults.add({ kind: 'delay', ms: SEND_MS, times: Number.POSITIVE_INFINITY });
    const queue = new bullmq.Queue(QUEUE, { connection: redis.connection });
    queue.on('error', () => {});
    try {
      return await play({ stage, herd, queue, redis, plan });
    } finally {
      await queue.close();
    }
  });
}

async function play({ stage, herd, queue, redis, plan }) {
  const add = producer(queue, {
    ...{ deadlineMs: DEADLINE_MS, fallback: 'store', fallbackDeadlineMs: FALLBACK_MS, store: stage.feeder },
    jobOptions: { attempts: 20, backoff: { type: 'fixed', delay: 200 } },
  });
  const counts = { bullmq: 0, store: 0, refused: 0, longestMs: 0, excused: 0, resumedMs: 0, workedMs: 0, loopP99Ms: 0 };
  const jobs = await stage.make(plan.jobs);
  const listen = (member) => member.child.on('message', ({ completed }) => completed && completions.push(completed));
  const completions = [];
  for (let i = 0; i < plan.workers; i++) listen(await herd.start());

  /** Until somebody has it: a job that was refused is still its caller's. */
  async function put(job) {
    for (;;) {
      const startedAt = performance.now();
      const answer = await add.add(job).catch(() => null);
      counts.longestMs = Math.max(counts.longestMs, performance.now() - startedAt);
      if (answer !== null) {
        counts[answer.via]++;
        answers.push({ at: Date.now(), via: answer.via });
        return;
      }
      counts.refused++;
      await sleep(100);
    }
  }
  const answers = [];
  let given = 0;
  const feeding = (async () => {
    const open = [];
    for (const job of jobs) {
      open.push(put(job));
      given++;
      await sleep(PACE_MS);
    }
    await Promise.all(open);
  })();

  const firstSince = (list, from, timeOf) => {
    const found = list.find((one) => timeOf(one) >= from);
    return found === undefined ? null : timeOf(found) - from;
  };
  const blows = {
    async kill() {
      const [victim] = herd.members;
      counts.excused += 2 * plan.concurrency;
      victim.child.kill('SIGKILL');
      await victim.exited;
      herd.kills++;
      listen(await herd.start());
    },
    async outage() {
      // What is at work then may have sent, and nobody can be told.
      counts.excused += (await queue.getActiveCount()) + plan.workers;
      await redis.kill();
      await sleep(plan.awayMs);
      await redis.start();
      const back = Date.now();
      const viaRedis = () =>
        firstSince(
          answers.filter(({ via }) => via === 'bullmq'),
          back,
          ({ at }) => at,
        );
      await until(() => viaRedis() !== null || given === jobs.length);
      counts.resumedMs = Math.max(counts.resumedMs, viaRedis() ?? 0);
      await until(() => firstSince(completions, back, (at) => at) !== null);
      counts.workedMs = Math.max(
        counts.workedMs,
        firstSince(completions, back, (at) => at) ?? Number.POSITIVE_INFINITY,
      );
    },
  };
  const events = [];
  for (let i = 0; i < Math.max(plan.kills, plan.outages); i++) {
    if (i < plan.outages) events.push('outage');
    if (i < plan.kills) events.push('kill');
  }
  for (const [i, event] of events.entries()) {
    await until(() => given >= ((i + 1) * jobs.length) / (events.length + 2));
    await blows[event]();
  }
  await feeding;

  const done = async (job) =>
    (await queue.getJobState(jobId(jobKey(job)))) === 'completed' ||
    (await stage.pool.query("SELECT FROM media_cache WHERE sha256 = $1 AND status = 'ready'", [job.sha256]))
      .rowCount === 1;
  let open = jobs;
  await until(async () => {
    const states = await Promise.all(open.map(done));
    open = open.filter((_, i) => !states[i]);
    return open.length === 0;
  }, plan.timeoutMs);
  for (const member of herd.members) counts.loopP99Ms = Math.max(counts.loopP99Ms, (await herd.stop(member)).loopP99Ms);

  const sends = stage.tg.received.length;
  const sent = new Set(stage.tg.received.map(({ sha256 }) => sha256));
  const { late, withdrawn } = add.stats();
  counts.excused += late - withdrawn;
  const found = open.map(({ sha256 }) => ({ rule: 'lost', text: `${sha256.slice(0, 8)} has not come to its end` }));
  for (const { sha256 } of jobs)
    if (!sent.has(sha256)) found.push({ rule: 'lost', text: `${sha256.slice(0, 8)} was not sent` });
  if (sends - sent.size > counts.excused) {
    found.push({
      rule: 'duplicate',
      text: `${sends - sent.size} sends too many, ${counts.excused} could not be known`,
    });
  }
  // Deadlines are timers: late by as much as this very process stood still.
  const bound = DEADLINE_MS + FALLBACK_MS + stage.standstillMs() + 100;
  if (counts.longestMs > bound)
    found.push({ rule: 'deadline', text: `an add() took ${Math.round(counts.longestMs)} ms` });
  const rounded = Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, Math.round(value)]));
  return {
    violations: found,
    counts: { ...rounded, sends, extra: sends - sent.size, late, withdrawn, kills: herd.kills },
  };
}

module.exports = { redisStorm };
