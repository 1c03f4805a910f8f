'use strict';

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const test = require('node:test');
const sharp = require('sharp');
const { ProcessMedia, jobId, redisEnv } = require('../lib/adapters/bullmq.js');
const { folder, hashes } = require('./support/ingest-media.js');
const { until, events } = require('./support/prewarm.js');
const { skip, PATIENT, useWorld, medium, open, byWay, isAll } = require('./support/process-media.js');
const { BULLMQ } = require('./support/redis-queues.js');

const world = useWorld({ redis: true });
const long = process.env.WARMPATH_TEST_LONG === '1';

for (const [name, version] of BULLMQ) {
  test(`${name}: media go through Redis, are stored once, and told of`, { skip }, async (t) => {
    const told = [];
    const queue = open(t, world.redis, { ...PATIENT, bullmq: version, notify: (event) => told.push(event) });
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
    const queue = open(t, world.redis, { ...PATIENT, bullmq: version, captureException, jobOptions });
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
    if (asked.length === 1) throw new Error('the database is away');
    return { url: target.url };
  };
  const quick = { ...PATIENT, jobOptions: { backoff: 10 } };
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  const queue = open(t, world.redis, { ...quick, then: 'prewarm', prewarm, record, resolve });
  queue.on('completed', () => steps.push('completed'));
  queue.process();
  await queue.add({ key: 'a', source: { mediaId: '7' }, meta: { chat: 'ana' }, prewarm: { botSlug: 'shop' } });
  await until(() => steps.includes('completed'));
  assert.deepEqual(steps, ['record ana', 'prewarm shop', 'completed']);
  assert.deepEqual(asked, ['ana', 'ana'], 'a hook that throws is no answer');
  assert.deepEqual(queue.place.hashes(), hashes([target]));
});

test('images are made smaller by either way', { skip }, async (t) => {
  const jpeg = await sharp({ create: { width: 800, height: 600, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  const queue = open(t, world.redis, { ...PATIENT, compress: { maxWidth: 80 }, maxInlineBytes: jpeg.length });
  const done = events(queue, 'completed', 2);
  queue.process();
  await queue.add({ key: 'small', source: { bytes: jpeg } });
  await queue.add({ key: 'large', source: { bytes: Buffer.concat([jpeg, Buffer.alloc(10)]) } });
  for (const { key, value } of await done) assert.equal(value.width, 80, key);
});

test('what is too large for Redis goes the other way, and never into Redis', { skip }, async (t) => {
  const large = medium({}, { size: 200_000 });
  large.job.source = { base64: large.bytes.toString('base64') };
  const bytes = medium();
  bytes.job.source = { bytes: new Uint8Array(bytes.bytes) };
  const queue = open(t, world.redis, PATIENT);
  const done = events(queue, 'completed', 2);
  assert.deepEqual(byWay([await queue.add(large.job), await queue.add(bytes.job)]), ['queued inline', 'queued bullmq']);
  queue.process();
  await done;
  assert.deepEqual(queue.place.hashes(), hashes([large, bytes]));
  assert.ok(!world.redis.written().includes(large.job.source.base64.slice(0, 64)));
  const strict = open(t, world.redis, { ...PATIENT, fallback: 'reject' });
  await assert.rejects(strict.add(large.job), { code: 'ERR_WARMPATH_INVALID_JOB', option: 'job.source' });
  assert.deepEqual(byWay([await strict.add(medium().job)]), ['queued bullmq']);
});

test('a peak: all are accepted in time, and every medium is stored once', { skip }, async (t) => {
  const count = long ? 2000 : 200;
  const queue = open(t, world.redis, { concurrency: 16 });
  await queue.queue.waitUntilReady();
  queue.process();
  const media = Array.from({ length: count }, () => medium({}, { size: 500 }));
  const startedAt = performance.now();
  const answers = await Promise.all(media.map(({ job }) => queue.add(job)));
  const took = performance.now() - startedAt;
  // Far more than it takes, and far less than to wait for what comes after: this machine may be busy.
  assert.ok(took < 250 + 20 * count, `${took} ms`);
  assert.ok(answers.every(({ status }) => status === 'queued'));
  await until(isAll(queue.place, media)).catch(async (err) => {
    // Late or lost? What has not come says where it is.
    const at = JSON.stringify([await queue.stats(), await queue.queue.getJobCounts()]);
    assert.fail(`${err.message}: ${queue.place.names().length} of ${count} are stored, ${at}`);
  });
  assert.deepEqual(queue.place.hashes(), hashes(media));
  // A job that Redis took without saying so in time was added again: by then it may have been done, and forgotten.
  await until(async () => (await queue.stats()).completed >= count);
});

test('several workers share the queue', { skip }, async (t) => {
  const prefix = `p-${randomUUID()}`;
  const place = folder(t);
  const workers = Array.from({ length: 3 }, () => open(t, world.redis, { ...PATIENT, prefix, place }));
  const media = Array.from({ length: 60 }, () => medium());
  for (const worker of workers) worker.process();
  await Promise.all(media.map(({ job }, i) => workers[i % 3].add(job)));
  await until(isAll(place, media));
  await until(async () => (await workers[0].stats()).depth.redis === 0);
  assert.deepEqual(place.hashes(), hashes(media));
  // A medium is stored before its job is done, and told of after that.
  const shares = () => Promise.all(workers.map(async (worker) => (await worker.stats()).completed));
  await until(async () => (await shares()).reduce((a, b) => a + b) >= 60);
  assert.equal(
    (await shares()).reduce((a, b) => a + b),
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
