'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { PrewarmExecutor, WarmpathError } = require('..');
const { processor, closeWorker, jobId } = require('../lib/adapters/bullmq');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm');
const { startRedis, redisMissing } = require('./support/redis');
const { BULLMQ, openOn } = require('./support/redis-queues');
const { scripted } = require('./support/scripted');

const skip = redisMissing() ?? false;
const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
const job = (n = 1) => ({ botSlug: 'bot', sha256: String(n).padStart(64, '0'), kind: 'photo', r2Key: `${n}.jpg` });
const failing = (code, fields) => new WarmpathError(code, 'as the test says', fields);

let redis;
let stage;
if (!skip) {
  test.before(async () => {
    [redis, stage] = await Promise.all([startRedis(), startStage()]);
  });
  test.after(() => Promise.all([redis?.stop(), stage?.close()]));
}

function executor(t, extra) {
  const made = new PrewarmExecutor(stage.options(extra));
  t.after(() => made.close({ timeoutMs: 0 }));
  return made;
}

for (const [name, bullmq] of BULLMQ) {
  const on = () => openOn(bullmq, redis);

  test(`${name}: a job is sent, its value recorded, and no token ever written to Redis`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t);
    worker(t, jobs, processor(executor(t), { resolveBot, bullmq }));
    const added = await jobs.add('prewarm', await stage.workerJob());
    await until(() => added.isCompleted());
    const { returnvalue } = await bullmq.Job.fromId(jobs, added.id);
    assert.match(returnvalue.fileId, /./);

    // A failure writes more: its reason and its stack.
    const bad = await jobs.add('prewarm', { ...(await stage.workerJob()), r2Key: 'missing' }, { attempts: 3 });
    await until(() => bad.isFailed());
    const written = redis.written();
    assert.ok(written.includes('botSlug'), 'the record holds what was written');
    assert.ok(!written.includes(TOKEN) && !written.includes(TOKEN.split(':')[1]));
  });

  test(`${name}: transient failures are retried and charged, permanent and config ones are the last`, {
    skip,
  }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 3, backoff: { type: 'fixed', delay: 10 } } });
    const play = ({ r2Key }, nth) => {
      if (r2Key === '1.jpg' && nth < 3) throw failing('ERR_WARMPATH_SEND_FAILED', { class: 'transient' });
      if (r2Key === '2.jpg') throw failing('ERR_WARMPATH_SOURCE_NOT_FOUND', { class: 'permanent' });
      if (r2Key === '3.jpg') throw failing('ERR_WARMPATH_S3_SIGNATURE', { class: 'config' });
      if (r2Key === '4.jpg') throw failing('ERR_WARMPATH_SEND_AMBIGUOUS', { class: 'ambiguous' });
      return { fileId: r2Key };
    };
    worker(t, jobs, processor(scripted(play), { resolveBot, bullmq }));
    const added = await jobs.addBulk([1, 2, 3, 4].map((n) => ({ name: 'x', data: job(n) })));
    await until(async () => (await jobs.getJobCountByTypes('completed', 'failed')) === 4);
    const [ok, permanent, config, ambiguous] = await Promise.all(added.map(({ id }) => bullmq.Job.fromId(jobs, id)));
    assert.deepStrictEqual([ok.returnvalue, ok.attemptsMade], [{ fileId: '1.jpg' }, 3]);
    assert.strictEqual(permanent.attemptsMade, 1);
    assert.strictEqual(permanent.failedReason, 'ERR_WARMPATH_SOURCE_NOT_FOUND: as the test says');
    assert.strictEqual(config.attemptsMade, 1);
    assert.strictEqual(ambiguous.attemptsMade, 3);
  });

  test(`${name}: throttled, full and unresolved jobs come back later and lose no attempt`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 1 } });
    const play = (_, nth) => {
      if (nth <= 5) throw failing('ERR_WARMPATH_TELEGRAM_THROTTLED', { class: 'throttled', retryAfterMs: 20 });
      return { nth };
    };
    const run = scripted(play);
    worker(t, jobs, processor(run, { resolveBot, bullmq }));
    const added = await jobs.add('x', job());
    await until(() => added.isCompleted());
    const done = await bullmq.Job.fromId(jobs, added.id);
    assert.deepStrictEqual(done.returnvalue, { nth: 6 });
    assert.strictEqual(done.attemptsMade, 1);

    for (const code of ['ERR_WARMPATH_QUEUE_FULL', 'ERR_WARMPATH_CLOSED', 'ERR_WARMPATH_LEASE_LOST']) {
      const waiting = queue(t);
      const refusing = scripted(() => {
        throw new WarmpathError(code, 'no');
      });
      const refused = await waiting.add('x', job());
      worker(t, waiting, processor(refusing, { resolveBot, bullmq }));
      await until(() => refused.isDelayed(), code);
    }
    const lost = queue(t);
    const lookup = async () => {
      throw new Error('postgres://u:hunter2@db');
    };
    const unresolved = await lost.add('x', job());
    worker(t, lost, processor(run, { resolveBot: lookup, bullmq }));
    await until(() => unresolved.isDelayed());
    const foreign = queue(t, { defaultJobOptions: { attempts: 1 } });
    const broken = await foreign.add('x', job());
    worker(t, foreign, processor(run, { prepare: lookup, bullmq }));
    await until(() => broken.isFailed());
    const { failedReason } = await bullmq.Job.fromId(foreign, broken.id);
    assert.strictEqual(failedReason, 'ERR_WARMPATH_INTERNAL: the job could not be prepared');
    assert.ok(!redis.written().includes('hunter2'), 'what a hook throws is not recorded');
  });

  test(`${name}: the jobs of a bot that Telegram refuses wait, and are not sent`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 1 } });
    const run = scripted(() => {
      throw failing('ERR_WARMPATH_TELEGRAM_UNAUTHORIZED', { class: 'config' });
    });
    worker(t, jobs, processor(run, { resolveBot, bullmq }));
    const first = await jobs.add('x', job(1));
    await until(() => first.isDelayed());
    const second = await jobs.add('x', job(2));
    await until(() => second.isDelayed());
    assert.strictEqual(run.calls.length, 1, 'the second was not sent to be refused');
    for (const { id } of [first, second]) assert.strictEqual((await bullmq.Job.fromId(jobs, id)).attemptsMade, 0);
  });

  test(`${name}: a 429 of Telegram that is too long to hold delays the job by its time`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 1 } });
    stage.tg.faults.add({ name: 'flood', retryAfter: 30 });
    worker(t, jobs, processor(executor(t), { resolveBot, bullmq }));
    const added = await jobs.add('x', await stage.workerJob());
    await until(() => added.isDelayed());
    const { delay, attemptsMade } = await bullmq.Job.fromId(jobs, added.id);
    assert.ok(delay > 20_000 && delay <= 31_000, `delay ${delay}`);
    assert.strictEqual(attemptsMade, 0);
    stage.tg.reset();
  });

  test(`${name}: data that is no job, or holds a token, fails at once`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 3 } });
    const run = scripted(() => ({}));
    worker(t, jobs, processor(run, { resolveBot, bullmq }));
    const added = await jobs.addBulk(
      [{}, { ...job(), token: '1:x' }, { ...job(), kind: 'film' }].map((data) => ({ name: 'x', data })),
    );
    await until(async () => (await jobs.getFailedCount()) === 3);
    for (const { id } of added) {
      const { failedReason, attemptsMade } = await bullmq.Job.fromId(jobs, id);
      assert.match(failedReason, /^ERR_WARMPATH_INVALID_JOB: job/);
      assert.strictEqual(attemptsMade, 1);
    }
    assert.strictEqual(run.calls.length, 0);
  });

  test(`${name}: closeWorker ends what does not finish and hands it back, uncharged`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t, { defaultJobOptions: { attempts: 1 } });
    const slow = executor(t);
    slow.pause();
    const first = worker(t, jobs, processor(slow, { resolveBot, bullmq }), { concurrency: 3 });
    const added = await jobs.addBulk(
      (await Promise.all([1, 2, 3].map(() => stage.workerJob()))).map((data) => ({ name: 'x', data })),
    );
    await until(() => slow.stats().queued === 3);
    await closeWorker(first, { timeoutMs: 0 });
    assert.deepStrictEqual(await Promise.all(added.map((one) => one.getState())), ['waiting', 'waiting', 'waiting']);
    await until(() => slow.stats().queued === 0);

    worker(t, jobs, processor(executor(t), { resolveBot, bullmq }));
    await until(async () => (await jobs.getCompletedCount()) === 3);
    for (const { id } of added) assert.strictEqual((await bullmq.Job.fromId(jobs, id)).attemptsMade, 1);
  });

  test(`${name}: a job that is cancelled comes back, is retried, or fails, as configured`, { skip }, async (t) => {
    const { queue, worker } = on();
    const ends = { release: ['delayed', 0], retry: ['delayed', 1], fail: ['failed', 1] };
    for (const [onCancel, [state, attempts]] of Object.entries(ends)) {
      const jobs = queue(t, { defaultJobOptions: { attempts: 2, backoff: { type: 'fixed', delay: 60_000 } } });
      const slow = executor(t);
      slow.pause();
      const one = worker(t, jobs, processor(slow, { resolveBot, bullmq, onCancel }));
      const added = await jobs.add('x', await stage.workerJob());
      await until(() => slow.stats().queued === 1);
      one.cancelJob(added.id, 'by hand');
      await until(async () => (await added.getState()) === state, `${onCancel}: ${state}`);
      assert.strictEqual((await bullmq.Job.fromId(jobs, added.id)).attemptsMade, attempts, onCancel);
    }
  });

  test(`${name}: a job whose completion could not be recorded is not run again when it stalls`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t);
    const run = scripted(async ({ key }, nth) => {
      // The lock falls while the job runs: its completion will be refused.
      await redis.client.del(`bull:${jobs.name}:${jobId(key)}:lock`);
      return { nth };
    });
    const data = { ...job(), key: 'stalls' };
    const options = { stalledInterval: 50, lockDuration: 60_000 };
    worker(t, jobs, processor(run, { resolveBot, bullmq }), options);
    const added = await jobs.add('x', data, { jobId: jobId('stalls') });
    await until(() => added.isCompleted());
    assert.strictEqual(run.calls.length, 1);
    const done = await bullmq.Job.fromId(jobs, added.id);
    assert.deepStrictEqual(done.returnvalue, { nth: 1 });
    assert.strictEqual(done.stalledCounter, 1);
  });

  test(`${name}: a job that is run twice at once is sent once, and a known result not at all`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t);
    const shared = executor(t);
    shared.pause();
    const data = await stage.workerJob();
    const lookup = async ({ key }) => (key === 'known' ? { fileId: 'from before' } : null);
    worker(t, jobs, processor(shared, { resolveBot, lookup, bullmq }), { concurrency: 3 });
    const before = stage.tg.received.length;
    const twins = await jobs.addBulk([data, data].map((one) => ({ name: 'x', data: one })));
    const known = await jobs.add('x', { ...data, key: 'known' });
    await until(async () => (await jobs.getActiveCount()) === 2 && (await known.isCompleted()));
    shared.resume();
    await until(async () => (await jobs.getCompletedCount()) === 3);
    const [a, b] = await Promise.all(twins.map(({ id }) => bullmq.Job.fromId(jobs, id)));
    assert.deepStrictEqual(a.returnvalue, b.returnvalue);
    assert.strictEqual(stage.tg.received.length, before + 1);
    assert.deepStrictEqual((await bullmq.Job.fromId(jobs, known.id)).returnvalue, { fileId: 'from before' });
  });

  test(`${name}: progress tells where a job is`, { skip }, async (t) => {
    const { queue, worker } = on();
    const jobs = queue(t);
    const slow = executor(t);
    slow.pause();
    const one = worker(t, jobs, processor(slow, { resolveBot, bullmq, progressMs: 20 }));
    const said = [];
    one.on('progress', (_, progress) => said.push(progress.state));
    const added = await jobs.add('x', await stage.workerJob());
    await until(() => said.includes('queued'));
    slow.resume();
    await until(() => added.isCompleted());
  });
}

// At this speed every transfer outlives the second that its lock is good for.
const HEAVY = { rounds: 1, bytes: 500_000, bytesPerSecond: 300_000 };
if (process.env.WARMPATH_TEST_LONG === '1')
  Object.assign(HEAVY, { rounds: 20, bytes: 2_000_000, bytesPerSecond: 500_000 });

for (const [name, bullmq] of BULLMQ) {
  test(`${name}: 64 heavy jobs at once keep their locks`, { skip }, async (t) => {
    const { queue, worker } = openOn(bullmq, redis);
    const jobs = queue(t);
    // A lock of a second: BullMQ has to renew each of them twice a second, on an event loop that the sandboxes share.
    const heavy = worker(t, jobs, processor(executor(t, { concurrency: 64 }), { resolveBot, bullmq }), {
      concurrency: 64,
      lockDuration: 1000,
      stalledInterval: 1000,
    });
    const trouble = [];
    let renewed = 0;
    heavy.on('locksRenewed', ({ count }) => {
      renewed += count;
    });
    for (const event of ['lockRenewalFailed', 'stalled', 'failed']) {
      heavy.on(event, (...what) => trouble.push([event, ...what]));
    }
    const media = await Promise.all(
      Array.from({ length: 64 }, (_, i) => stage.workerJob({}, Buffer.alloc(HEAVY.bytes, `${i}.`))),
    );
    const { bytesPerSecond } = HEAVY;
    stage.r2.faults.add({ kind: 'trickle', bytesPerSecond, times: Infinity, match: { operation: 'GetObject' } });
    t.after(() => stage.r2.faults.clear());
    for (let round = 1; round <= HEAVY.rounds; round++) {
      await jobs.addBulk(media.map((one) => ({ name: 'x', data: { ...one, key: `${round}:${one.sha256}` } })));
      await until(async () => (await jobs.getCompletedCount()) === 64 * round, undefined, 120_000);
    }
    assert.deepStrictEqual(trouble, []);
    assert.deepStrictEqual(heavy.errors.map(String), []);
    assert.ok(renewed >= 64 * HEAVY.rounds, `${renewed} locks renewed`);
    t.diagnostic(`${renewed} locks renewed`);
  });
}
