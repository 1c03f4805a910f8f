'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { MemoryStore, PrewarmExecutor, PrewarmWorker } = require('..');
const { processor, producer, jobId } = require('../lib/adapters/bullmq');
const { startStage, until, events, TOKEN, CHAT } = require('./support/prewarm');
const { startRedis, redisMissing } = require('./support/redis');
const { BULLMQ, openOn } = require('./support/redis-queues');
const { scripted } = require('./support/scripted');

const skip = redisMissing() ?? false;
const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
const job = (n = 1) => ({ botSlug: 'bot', sha256: String(n).padStart(64, '0'), kind: 'photo', r2Key: `${n}.jpg` });
const keyOf = (one) => `photo:${one.sha256}:bot`;
const answers = (list) => list.map(({ status, via }) => `${status} ${via}`);

let stage;
let common;
if (!skip) {
  test.before(async () => {
    [stage, common] = await Promise.all([startStage(), startRedis()]);
  });
  test.after(() => Promise.all([stage?.close(), common?.stop()]));
}

/** A Redis that the test may kill. */
async function own(t, bullmq) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return { redis, ...openOn(bullmq, redis) };
}

function executor(t, extra) {
  const made = new PrewarmExecutor(stage.options(extra));
  t.after(() => made.close({ timeoutMs: 0 }));
  return made;
}

for (const [name, bullmq] of BULLMQ) {
  test(`${name}: add() says what is there already`, { skip }, async (t) => {
    const { queue, worker } = openOn(bullmq, common);
    const jobs = queue(t);
    const add = producer(jobs, { deadlineMs: 5000, jobOptions: { attempts: 1 } });
    assert.deepStrictEqual(await add.add(job(1)), { status: 'queued', via: 'bullmq', key: keyOf(job(1)) });
    assert.deepStrictEqual(answers(await add.addMany([job(1), job(2), job(2)])), [
      'duplicate bullmq',
      'queued bullmq',
      'duplicate bullmq',
    ]);
    const { opts, data } = await jobs.getJob(jobId(keyOf(job(1))));
    assert.deepStrictEqual([opts.attempts, opts.backoff.type, data.key], [1, 'exponential', keyOf(job(1))]);

    const gates = [];
    const run = scripted(({ r2Key }) => {
      if (r2Key === '2.jpg') throw new Error('as the test says');
      return new Promise((resolve) => gates.push(resolve));
    });
    worker(t, jobs, processor(run, { bullmq }), { concurrency: 2 });
    await until(async () => gates.length === 1 && (await jobs.getFailedCount()) === 1);
    assert.deepStrictEqual(answers(await add.addMany([job(1)])), ['processing bullmq']);
    gates[0]({});
    await until(async () => (await jobs.getCompletedCount()) === 1);
    assert.deepStrictEqual(answers(await add.addMany([job(1)])), ['cached bullmq']);
    assert.deepStrictEqual(answers(await add.addMany([job(2)])), ['queued bullmq'], 'a failed job runs again');
    await until(() => run.calls.filter(({ r2Key }) => r2Key === '2.jpg').length === 2);
    const rerun = producer(jobs, { deadlineMs: 5000, onCompleted: 'rerun' });
    assert.deepStrictEqual(answers(await rerun.addMany([job(1)])), ['queued bullmq']);
    await until(() => gates.length === 2);
    gates[1]({});
    assert.strictEqual(add.stats().bullmq, 6, 'equal jobs of one call count once');
  });

  test(`${name}: higher priorities run first, those without one in the middle`, { skip }, async (t) => {
    const { queue, worker } = openOn(bullmq, common);
    const jobs = queue(t);
    const add = producer(jobs, { deadlineMs: 5000 });
    await add.addMany([
      { ...job(1), priority: -1 },
      job(2),
      { ...job(3), priority: 5 },
      { ...job(4), priority: 2 ** 31 - 1 },
    ]);
    const run = scripted(() => ({}));
    worker(t, jobs, processor(run, { bullmq }), { concurrency: 1 });
    await until(() => run.calls.length === 4);
    assert.deepStrictEqual(
      run.calls.map(({ r2Key }) => r2Key),
      ['4.jpg', '3.jpg', '2.jpg', '1.jpg'],
    );
  });

  test(`${name}: a job that is none, or holds a token, is refused`, { skip }, async (t) => {
    const { queue } = openOn(bullmq, common);
    const add = producer(queue(t), { fallback: 'store', store: new MemoryStore() });
    const refused = { code: 'ERR_WARMPATH_INVALID_JOB' };
    await assert.rejects(add.add({ ...job(), token: '1:x' }), { ...refused, option: 'job.token' });
    await assert.rejects(add.addMany([job(), {}]), { ...refused, option: 'jobs[1].botSlug' });
    assert.deepStrictEqual(add.stats().bullmq, 0);
  });

  test(`${name}: with Redis away add() refuses, or goes by its policy, and comes back`, { skip }, async (t) => {
    const { redis, queue } = await own(t, bullmq);
    const jobs = queue(t);
    const store = new MemoryStore();
    const refuse = producer(jobs);
    const keep = producer(jobs, { fallback: 'store', store });
    await refuse.add(job(1));
    await redis.kill();

    const heard = events(refuse, 'fallback');
    await assert.rejects(refuse.add(job(2)), {
      name: 'WarmpathError',
      code: 'ERR_WARMPATH_DATABASE',
      class: 'transient',
      phase: 'queue',
      certainty: 'not-sent',
      message: 'the queue did not take the jobs within 250 ms',
    });
    const [{ via, jobs: count, error }] = await heard;
    assert.deepStrictEqual([via, count, error.code], ['reject', 1, 'ERR_WARMPATH_DATABASE']);
    assert.deepStrictEqual(answers(await keep.addMany([job(2), job(3)])), ['queued store', 'queued store']);
    assert.deepStrictEqual(answers(await keep.addMany([job(2)])), ['duplicate store']);
    // ioredis would keep commands for a Redis that is away, and send them when everybody has given up on them.
    const client = await (jobs.getBackend?.().client ?? jobs.client);
    assert.strictEqual(client.offlineQueue.length, 0);
    // A queue that has never been connected: BullMQ itself would wait for ever.
    await assert.rejects(producer(queue(t)).add(job(4)), { code: 'ERR_WARMPATH_DATABASE' });

    const inline = executor(t);
    const here = producer(jobs, { fallback: 'inline', executor: inline, resolveBot });
    const media = await stage.workerJob();
    const settled = events(inline, 'settled');
    assert.deepStrictEqual(answers(await here.addMany([media])), ['queued inline']);
    const [[outcome]] = await settled;
    assert.strictEqual(outcome.status, 'succeeded');

    await redis.start();
    const back = await until(async () => (await refuse.add(job(5)).catch(() => null)) ?? false);
    assert.strictEqual(back.via, 'bullmq');
    assert.deepStrictEqual((await jobs.getPrioritized()).map(({ data }) => data.r2Key).sort(), ['1.jpg', '5.jpg']);
    const { bullmq: taken, rejected } = refuse.stats();
    assert.ok(taken === 2 && rejected >= 1);
    assert.deepStrictEqual(keep.stats(), { bullmq: 0, store: 3, inline: 0, rejected: 0, late: 0, withdrawn: 0 });
  });

  test(`${name}: add() is back with Redis, however long its client would wait`, { skip }, async (t) => {
    const { redis, queue } = await own(t, bullmq);
    // BullMQ's own waits grow up to 20 s.
    let waits = 0;
    const retryStrategy = () => {
      waits++;
      return 300_000;
    };
    const add = producer(queue(t, { connection: { ...redis.connection, retryStrategy } }));
    await add.add(job(1));
    await redis.kill();
    await until(() => waits > 0);
    await assert.rejects(add.add(job(2)), { code: 'ERR_WARMPATH_DATABASE' });
    await redis.start();
    const back = await until(async () => (await add.add(job(3)).catch(() => null)) ?? false);
    assert.strictEqual(back.via, 'bullmq');
  });

  test(`${name}: when Redis takes a job after all, it is withdrawn where another way has it`, { skip }, async (t) => {
    const { redis, queue } = await own(t, bullmq);
    const jobs = queue(t);
    const addBulk = jobs.addBulk.bind(jobs);
    jobs.addBulk = async (list) => {
      // Frozen just now: the command goes out, the answer does not come back in time.
      await redis.freeze();
      return addBulk(list);
    };
    const store = new MemoryStore();
    const keep = producer(jobs, { fallback: 'store', store });
    assert.deepStrictEqual(answers([await keep.add(job(1))]), ['queued store']);
    await redis.thaw();
    await until(() => keep.stats().withdrawn === 1);
    assert.strictEqual(await jobs.getJob(jobId(keyOf(job(1)))), undefined);
    assert.strictEqual(store.stats().queued, 1);

    const refuse = producer(jobs);
    await assert.rejects(refuse.add(job(2)), { code: 'ERR_WARMPATH_DATABASE', certainty: 'maybe-sent' });
    await redis.thaw();
    await until(() => refuse.stats().late === 1);
    assert.strictEqual((await jobs.getJob(jobId(keyOf(job(2))))).data.r2Key, '2.jpg', 'nobody else has it: it stays');
    await assert.doesNotReject(producer(jobs, { deadlineMs: 5000 }).add(job(2)));
  });

  test(`${name}: both ways ran: equal jobs of queue and executor are sent once`, { skip }, async (t) => {
    const { redis, queue, worker } = await own(t, bullmq);
    const jobs = queue(t);
    const shared = executor(t);
    shared.pause();
    worker(t, jobs, processor(shared, { resolveBot, bullmq }));
    const media = await stage.workerJob();
    const add = producer(jobs, { deadlineMs: 5000, fallback: 'inline', executor: shared, resolveBot });
    assert.deepStrictEqual(answers([await add.add(media)]), ['queued bullmq']);
    await until(() => shared.stats().queued === 1);
    await redis.kill();
    const before = stage.tg.received.length;
    const hasty = producer(jobs, { fallback: 'inline', executor: shared, resolveBot });
    assert.deepStrictEqual(answers([await hasty.add(media)]), ['duplicate inline']);
    await redis.start();
    shared.resume();
    await until(async () => (await jobs.getCompletedCount()) === 1);
    assert.strictEqual(stage.tg.received.length, before + 1);
  });

  test(`${name}: Redis is killed while jobs run and comes back: nothing is lost`, { skip }, async (t) => {
    const { redis, queue, worker } = await own(t, bullmq);
    const jobs = queue(t);
    const store = new MemoryStore();
    const options = { deadlineMs: 250, fallback: 'store', store };
    const add = producer(jobs, options);
    const media = await Promise.all(Array.from({ length: 60 }, () => stage.workerJob()));
    const before = stage.tg.received.length;
    await producer(jobs, { deadlineMs: 5000 }).addMany(media.slice(0, 40));
    const done = [];
    // A job whose claim was answered into a dead connection waits for the end of its lock, here 2 s.
    const brief = { concurrency: 4, stalledInterval: 500, lockDuration: 2000 };
    const one = worker(t, jobs, processor(executor(t), { resolveBot, bullmq }), brief);
    one.on('completed', ({ data }) => done.push(data.sha256));
    await until(() => done.length >= 10);
    await redis.kill();
    const away = await add.addMany(media.slice(40, 50));
    assert.ok(away.every(({ status, via }) => status === 'queued' && via === 'store'));
    // The long form is longer than any lock: what was in flight stalls.
    if (process.env.WARMPATH_TEST_LONG === '1') await sleep(30_000);
    await redis.start();
    await until(async () => {
      const [answer] = await add.addMany(media.slice(50));
      return answer.via === 'bullmq' || answer.status === 'duplicate';
    });
    // Who runs the fallback's store: any worker on it.
    const other = new PrewarmWorker(stage.options({ store, resolveBot }));
    t.after(() => other.stop({ timeoutMs: 0 }));
    await other.start();
    const wanted = new Set(media.map(({ sha256 }) => sha256));
    const sent = () => new Set(stage.tg.received.slice(before).map(({ sha256 }) => sha256));
    await until(() => [...wanted].every((hash) => sent().has(hash)));
    await until(async () => (await jobs.getJobCountByTypes('active', 'prioritized', 'wait', 'delayed')) === 0);
    assert.strictEqual(await jobs.getFailedCount(), 0);
    // Sent twice can only be what was in flight when Redis went.
    assert.ok(stage.tg.received.length - before <= wanted.size + 4 + 10);
  });
}
