'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const path = require('node:path');
const test = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');
const { WarmpathError } = require('..');
const { ProcessMedia, jobId, redisEnv } = require('../lib/adapters/bullmq.js');
const { folder, startOrigin, gate, hashes } = require('./support/ingest-media.js');
const { until, events } = require('./support/prewarm.js');
const { startRedis, redisMissing } = require('./support/redis.js');
const { BULLMQ } = require('./support/redis-queues.js');

const skip = redisMissing() ?? false;
const ROOT = path.join(__dirname, '..');
const long = process.env.WARMPATH_TEST_LONG === '1';
const [[, bullmq]] = BULLMQ;
const failing = (code, fields) => new WarmpathError(code, 'as the test says', fields);
const byWay = (answers) => answers.map(({ status, via }) => `${status} ${via}`);

let common;
let origin;
let medium;
if (!skip) {
  test.before(async () => {
    [common, origin] = await Promise.all([startRedis(), startOrigin()]);
    medium = origin.medium;
  });
  test.after(() => {
    origin?.close();
    return common?.stop();
  });
}

/** For tests about other things: on a busy machine the first connection alone may take longer than the default. */
const PATIENT = { deadlineMs: 10_000, redisDeadlineMs: 10_000 };

/** A queue of its own, on a folder. */
function open(t, redis, { place = folder(t), ...extra } = {}) {
  const connection = { ...redis.connection, retryStrategy: () => 50 };
  const common = { dir: place.dir, http: origin.http, fsync: false, retry: { quick: 0 }, concurrency: 4 };
  const media = new ProcessMedia({ ...common, bullmq, connection, prefix: `p-${randomUUID()}`, ...extra });
  media.on('error', () => {});
  t.after(() => media.close({ timeoutMs: 0 }));
  return Object.assign(media, { place });
}

async function own(t) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  return redis;
}

const isAll = (place, media) => () => place.names().length >= media.length;

for (const [name, version] of BULLMQ) {
  test(`${name}: media go through Redis, are stored once, and told of`, { skip }, async (t) => {
    const told = [];
    const queue = open(t, common, { ...PATIENT, bullmq: version, notify: (event) => told.push(event) });
    const media = Array.from({ length: 20 }, () => medium({ meta: { contact: 'ana' }, prewarm: { botSlug: 'shop' } }));
    const answers = await Promise.all(media.map(({ job }) => queue.add(job)));
    assert.deepEqual(byWay(answers), Array(20).fill('queued bullmq'));
    assert.deepEqual(byWay([await queue.add(media[0].job)]), ['duplicate bullmq']);
    const { data, opts, name: jobName } = await queue.queue.getJob(jobId(media[0].job.key));
    assert.equal(jobName, 'ProcessMedia');
    assert.deepEqual(data.meta, { contact: 'ana' });
    const { attempts, backoff, removeOnComplete, removeOnFail } = opts;
    assert.deepEqual(
      { attempts, removeOnComplete, removeOnFail },
      {
        ...{ attempts: 3, removeOnComplete: 100, removeOnFail: 50 },
      },
    );
    assert.deepEqual([backoff.type, backoff.delay, backoff.jitter], ['exponential', 2000, 0.5]);

    const done = events(queue, 'completed', 20);
    queue.process();
    const results = await done;
    const { origin: at } = new URL(media[0].url);
    assert.deepEqual(results[0].job.source, { type: 'url', origin: at });
    assert.deepEqual(queue.place.hashes(), hashes(media));
    assert.deepEqual(results[0].job.meta, { contact: 'ana' });
    const { completed, failed, bytes, latency, depth } = await queue.stats();
    assert.deepEqual([completed, failed, bytes, depth.memory], [20, 0, 40_000, 0]);
    assert.ok(latency.p50 > 0 && latency.mean > 0);
    assert.deepEqual(byWay([await queue.add(media[0].job)]), ['cached bullmq']);
    assert.equal(told.filter(({ type }) => type === 'media:stored').length, 20);
    assert.ok(!JSON.stringify(told).includes('base64'));
  });

  test(`${name}: three attempts, then the end; what can never succeed has one`, { skip }, async (t) => {
    const status = (...list) => ({ play: (nth) => ({ status: list[nth - 1] ?? list.at(-1) }) });
    const media = [medium({}, status(503, 503, 200)), medium({}, status(503)), medium({}, status(404))];
    const [flaky, hopeless, gone] = media.map(({ job }) => job.key);
    const captured = [];
    const captureException = (err, context) => captured.push([err, context]);
    const jobOptions = { backoff: { type: 'exponential', delay: 10 } };
    const queue = open(t, common, { ...PATIENT, bullmq: version, captureException, jobOptions });
    const over = new Map();
    const retries = [];
    queue.on('retry', (result) => retries.push(result));
    for (const end of ['completed', 'failed']) queue.on(end, (result) => over.set(result.key, result));
    queue.process();
    await Promise.all(media.map(({ job }) => queue.add(job)));
    await until(() => over.size === 3);
    assert.deepEqual(
      [flaky, hopeless, gone].map((key) => [over.get(key).state, over.get(key).attempt]),
      [
        ['done', 3],
        ['dead', 3],
        ['dead', 1],
      ],
    );
    assert.equal(retries.length, 4);
    assert.ok(retries.every(({ runAtMs }) => runAtMs > Date.now() - 10_000));
    assert.deepEqual(captured.map(([, { extra }]) => extra.key).sort(), [gone, hopeless].sort());
    const [err, { tags, extra }] = captured.find(([, context]) => context.extra.key === gone);
    assert.ok(err instanceof Error && err.code === over.get(gone).error.code);
    assert.deepEqual(tags, { queue: 'ProcessMedia', code: err.code, class: 'permanent', session: 's1' });
    assert.equal(extra.attempt, 1);
    const { completed, failed, retries: retried } = await queue.stats();
    assert.deepEqual([completed, failed, retried], [1, 2, 4]);
  });
}

test('record and prewarm come before a job is done; hooks are asked with the whole job', { skip }, async (t) => {
  const steps = [];
  const prewarm = {
    enqueueMany: async (jobs) => {
      steps.push(`prewarm ${jobs.map(({ botSlug }) => botSlug)}`);
      return jobs.map(() => 'queued');
    },
  };
  let away = 1;
  const record = async ([{ meta }]) => {
    if (away-- > 0) throw new Error('away');
    steps.push(`record ${meta.chat}`);
  };
  const asked = [];
  const target = medium();
  const resolve = async (job) => {
    asked.push(job.meta.chat);
    return { url: target.url };
  };
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  const queue = open(t, common, { ...PATIENT, then: 'prewarm', prewarm, record, resolve });
  queue.on('completed', () => steps.push('completed'));
  queue.process();
  await queue.add({ key: 'a', source: { mediaId: '7' }, meta: { chat: 'ana' }, prewarm: { botSlug: 'shop' } });
  await until(() => steps.includes('completed'));
  assert.deepEqual(steps, ['record ana', 'prewarm shop', 'completed']);
  assert.deepEqual(asked, ['ana']);
  assert.deepEqual(queue.place.hashes(), hashes([target]));
});

test('what is too large for Redis goes the other way, and never into Redis', { skip }, async (t) => {
  const large = medium({}, { size: 200_000 });
  large.job.source = { base64: large.bytes.toString('base64') };
  const bytes = medium();
  bytes.job.source = { bytes: new Uint8Array(bytes.bytes) };
  const queue = open(t, common, PATIENT);
  const done = events(queue, 'completed', 2);
  assert.deepEqual(byWay([await queue.add(large.job), await queue.add(bytes.job)]), ['queued inline', 'queued bullmq']);
  queue.process();
  await done;
  assert.deepEqual(queue.place.hashes(), hashes([large, bytes]));
  assert.ok(!common.written().includes(large.job.source.base64.slice(0, 64)));
  const strict = open(t, common, { ...PATIENT, fallback: 'reject' });
  await assert.rejects(strict.add(large.job), { code: 'ERR_WARMPATH_INVALID_JOB', option: 'job.source' });
  assert.deepEqual(byWay([await strict.add(medium().job)]), ['queued bullmq']);
});

test('Redis away: every answer comes in its time, and what was accepted is stored, once', { skip }, async (t) => {
  const redis = await own(t);
  const captured = [];
  const captureException = (err, context) => captured.push({ err, context });
  const soon = { lockDurationMs: 10_000, workerOptions: { stalledInterval: 500 } };
  const queue = open(t, redis, { captureException, capacity: 1000, ...soon });
  const media = Array.from({ length: 120 }, () => medium());
  queue.process();
  const slow = [];
  const add = async ({ job }) => {
    const startedAt = performance.now();
    const answer = await queue.add(job);
    const took = performance.now() - startedAt;
    // The budget, and what a busy machine adds to a timer.
    if (took > 250 + 200) slow.push(took);
    return answer;
  };
  await queue.queue.waitUntilReady();
  assert.ok((await Promise.all(media.slice(0, 20).map(add))).every(({ via }) => via === 'bullmq'));
  // The long form waits for what Redis has given to a worker and cannot take back before its lock is over: 10 s.
  if (!long) await until(async () => (await queue.stats()).completed === 20);
  await redis.kill();
  const away = [...(await Promise.all(media.slice(20, 60).map(add))), await add(media[60]), await add(media[60])];
  assert.ok(
    away.every(({ via }) => via === 'inline' || via === 'memory'),
    byWay(away).join(),
  );
  const startedAt = Date.now();
  for (let i = 61; i < 100; i++) {
    await add(media[i]);
    await sleep(long ? 700 : 60);
  }
  const awayMs = Date.now() - startedAt;
  assert.ok(awayMs > 2000);
  const { err } = captured.find(({ context }) => context.tags.via === 'inline');
  assert.equal(err.code, 'ERR_WARMPATH_DATABASE');
  assert.ok(captured.length <= 4 + awayMs / 2500, `an outage is told some times, not ${captured.length} times`);
  await redis.start();
  const more = [];
  await until(async () => {
    more.push(medium());
    return (await add(more.at(-1))).via === 'bullmq';
  });
  await Promise.all(media.slice(100).map(add));
  media.push(...more);
  await until(isAll(queue.place, media), 'all to be stored', 60_000);
  await until(async () => (await queue.stats()).depth.redis === 0 && (await queue.stats()).running === 0);
  assert.deepEqual(queue.place.hashes(), hashes(media), 'none lost, none twice');
  assert.deepEqual(slow, []);
});

test('a peak: all are accepted in time, and every medium is stored once', { skip }, async (t) => {
  const count = long ? 2000 : 200;
  const queue = open(t, common, { concurrency: 16 });
  await queue.queue.waitUntilReady();
  queue.process();
  const done = events(queue, 'completed', count);
  const media = Array.from({ length: count }, () => medium({}, { size: 500 }));
  const startedAt = performance.now();
  const answers = await Promise.all(media.map(({ job }) => queue.add(job)));
  const took = performance.now() - startedAt;
  // Far more than it takes, and far less than to wait for what comes after: this machine may be busy.
  assert.ok(took < 250 + 20 * count, `${took} ms`);
  assert.ok(answers.every(({ status }) => status === 'queued'));
  await done;
  assert.deepEqual(queue.place.hashes(), hashes(media));
  assert.equal((await queue.stats()).completed, count);
});

test('when Redis takes a job after all, it is withdrawn, or found to be done: it runs once', { skip }, async (t) => {
  const redis = await own(t);
  const queue = open(t, redis);
  const one = medium();
  await queue.queue.waitUntilReady();
  await queue.add(medium().job);
  const addBulk = queue.queue.addBulk.bind(queue.queue);
  queue.queue.addBulk = async (list) => {
    await redis.freeze();
    return addBulk(list);
  };
  assert.deepEqual(byWay([await queue.add(one.job)]), ['queued inline']);
  queue.queue.addBulk = addBulk;
  await redis.thaw();
  queue.process();
  await until(isAll(queue.place, [1, 2]));
  await until(async () => (await queue.stats()).depth.redis === 0);
  assert.equal(queue.place.names().length, 2);
});

test('neither way takes jobs: they stay in memory, are told as lost at the end, and a full memory refuses', {
  skip,
}, async (t) => {
  const redis = await own(t);
  const problems = [];
  const store = {
    ...Object.fromEntries(['claim', 'extend', 'settle', 'release', 'close'].map((name) => [name, () => []])),
  };
  Object.assign(store, {
    stats: () => ({ queued: 0, delayed: 0, running: 0 }),
    nextDueMs: () => null,
    onWork: () => () => {},
  });
  store.enqueue = async () => {
    throw failing('ERR_WARMPATH_DATABASE', { class: 'transient' });
  };
  const queue = open(t, redis, { store, backlog: 3 });
  queue.on('error', (err) => problems.push(err));
  await redis.kill();
  const media = Array.from({ length: 4 }, () => medium());
  const answers = await Promise.all(media.slice(0, 3).map(({ job }) => queue.add(job)));
  assert.deepEqual(byWay(answers), Array(3).fill('queued memory'));
  await assert.rejects(queue.add(media[3].job), { code: 'ERR_WARMPATH_QUEUE_FULL' });
  assert.equal((await queue.stats()).depth.memory, 3);
  await queue.close({ timeoutMs: 100 });
  assert.match(problems.at(-1).message, /^jobs in memory could not be handed on before the end: 3/);
  await assert.rejects(queue.add(media[3].job), { code: 'ERR_WARMPATH_CLOSED' });
});

test('what is in memory at the end goes to Redis, and another process stores it', { skip }, async (t) => {
  const redis = await own(t);
  const prefix = `p-${randomUUID()}`;
  const held = gate();
  const first = open(t, redis, { prefix });
  const small = medium({}, held);
  await first.queue.waitUntilReady();
  await redis.kill();
  assert.deepEqual(byWay([await first.add(small.job)]), ['queued inline']);
  await redis.start();
  assert.equal(await until(() => first.stats().then(({ running }) => running === 1)), true);
  await first.close({ timeoutMs: 0 });
  held.open();
  const second = open(t, redis, { ...PATIENT, prefix });
  second.process();
  await until(isAll(second.place, [small]));
});

test('with Redis away a close comes to its end, and nothing keeps the process alive', { skip }, async () => {
  const code = `
    const { startRedis } = require('./__test__/support/redis.js');
    const { ProcessMedia } = require('./lib/adapters/bullmq.js');
    (async () => {
      const redis = await startRedis();
      const { connection } = redis;
      const queue = new ProcessMedia({ dir: require('node:os').tmpdir(), bullmq: require(process.argv[1]), connection });
      queue.process();
      await queue.queue.waitUntilReady();
      await redis.stop();
      await queue.close({ timeoutMs: 100 });
      if (process.argv[1] === 'bullmq-v5') return;
      // One that never was connected: in BullMQ 5 a timer of its own outlives that by half a minute.
      const other = new ProcessMedia({ dir: require('node:os').tmpdir(), bullmq: require(process.argv[1]), connection });
      other.process();
      await other.close({ timeoutMs: 100 });
    })();`;
  const run = promisify(execFile);
  const ends = ['bullmq', 'bullmq-v5'].map((name) =>
    run(process.execPath, ['-e', code, name], { cwd: ROOT, timeout: 40_000 }),
  );
  await Promise.all(ends);
});

test('a worker whose first connection is reset, and which asks it for ever, is replaced by another one', {
  skip,
}, async (t) => {
  // What BullMQ does then, now and then: the reset has to come between two packets of its first exchange. Without an end to it
  // this test does not come to its own.
  const made = [];
  class Spinning extends bullmq.Worker {
    constructor(...args) {
      super(...args);
      made.push(this);
      if (made.length === 1) setImmediate(() => this.spin());
    }

    async spin() {
      while (!this.closing) {
        this.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
        await null;
      }
    }
  }
  const queue = open(t, common, { ...PATIENT, bullmq: { ...bullmq, Worker: Spinning } });
  const problems = [];
  queue.on('error', (err) => problems.push(err.message));
  queue.process();
  const one = medium();
  await queue.add(one.job);
  await until(isAll(queue.place, [one]));
  assert.equal(made.length, 2);
  assert.deepEqual(problems, ['the queue failed (ECONNRESET)']);
});

test('several workers share the queue', { skip }, async (t) => {
  const prefix = `p-${randomUUID()}`;
  const place = folder(t);
  const workers = Array.from({ length: 3 }, () => open(t, common, { ...PATIENT, prefix, place }));
  const media = Array.from({ length: 60 }, () => medium());
  for (const worker of workers) worker.process();
  await Promise.all(media.map(({ job }, i) => workers[i % 3].add(job)));
  await until(isAll(place, media));
  await until(async () => (await workers[0].stats()).depth.redis === 0);
  assert.deepEqual(place.hashes(), hashes(media));
  const shares = await Promise.all(workers.map(async (worker) => (await worker.stats()).completed));
  assert.equal(
    shares.reduce((a, b) => a + b),
    60,
  );
});

test('the connection comes from the environment, and options are checked', () => {
  assert.deepEqual(redisEnv({ PASSWORD_REDIS: '', REDIS_HOST: '' }), { host: 'localhost', port: 6379 });
  const given = redisEnv({ REDIS_HOST: 'cache', REDIS_PORT: '7000', PASSWORD_REDIS: 'pw' });
  assert.deepEqual(given, { host: 'cache', port: 7000, password: 'pw' });
  for (const port of ['x', '0', '70000', '1e3']) {
    assert.throws(() => redisEnv({ REDIS_PORT: port }), { code: 'ERR_WARMPATH_INVALID_OPTION', option: 'REDIS_PORT' });
  }
  const refused = (options, option) =>
    assert.throws(() => new ProcessMedia(options), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
  const pool = { query() {} };
  refused({ fallback: 'store' }, 'store');
  refused({ fallback: 'inline', pool }, 'fallback');
  refused({ fallback: 'memory' }, 'fallback');
  refused({ lockDurationMs: 5000 }, 'lockDurationMs');
  refused({ redisDeadlineMs: 300 }, 'redisDeadlineMs');
  refused({ backlog: 0 }, 'backlog');
  refused({ captureException: {} }, 'captureException');
  refused({ bullmq: {} }, 'bullmq');
  refused({ token: 'x' }, 'token');
});
