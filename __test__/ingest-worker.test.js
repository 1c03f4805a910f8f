'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { IngestWorker, MemoryStore, PostgresIngestStore, WarmpathError, migrate } = require('..');
const { Latency } = require('../lib/worker/latency.js');
const { folder, startOrigin, gate, hashes } = require('./support/ingest-media.js');
const { onServers } = require('./support/pg-servers.js');
const { until, events } = require('./support/prewarm.js');

let origin;
let medium;
test.before(async () => {
  origin = await startOrigin();
  medium = origin.medium;
});
test.after(() => origin.close());

/** A worker on a folder of its own. */
function open(t, extra = {}) {
  const place = folder(t);
  const retry = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: [10, 10] };
  const worker = new IngestWorker({ dir: place.dir, http: origin.http, fsync: false, retry, ...extra });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  worker.on('error', () => {});
  return Object.assign(worker, { place });
}

test('media are stored, each once, and what came of them is told', async (t) => {
  const told = [];
  const worker = open(t, { notify: (event) => told.push(event), concurrency: 3 });
  const media = Array.from({ length: 12 }, () => medium({ meta: { chat: 'ana' } }));
  const done = events(worker, 'succeeded', 12);
  assert.deepEqual(await worker.enqueueMany(media.map(({ job }) => job)), Array(12).fill('queued'));
  assert.equal(await worker.enqueue(media[0].job), 'duplicate');
  await worker.start();
  const results = await done;
  assert.deepEqual(worker.place.hashes(), hashes(media));
  for (const { job, value, state } of results) {
    assert.equal(state, 'done');
    assert.deepEqual(job.meta, { chat: 'ana' });
    assert.ok(fs.existsSync(value.location.path));
  }
  assert.equal(await worker.enqueue(media[0].job), 'cached', 'the sender delivered it again');

  const { completed, failed, depth, bytes, latency } = worker.stats();
  assert.deepEqual([completed, failed, depth, bytes], [12, 0, 0, 12 * 2000]);
  assert.ok(latency.mean > 0 && latency.p50 <= latency.p95 && latency.p95 <= latency.p99);

  const of = (type) => told.filter((event) => event.type === type);
  assert.deepEqual(
    ['media:queued', 'media:started', 'media:stored'].map((type) => of(type).length),
    [12, 12, 12],
  );
  const [stored] = of('media:stored');
  assert.deepEqual([stored.session, stored.meta, stored.bytes], ['s1', { chat: 'ana' }, 2000]);
  assert.equal(stored.file, path.basename(stored.file), 'a browser is told the name, not the place');
  const text = JSON.stringify(told);
  assert.ok(!text.includes('127.0.0.1') && !text.includes(worker.place.dir));
});

test('failures are retried by their class, and a hook that throws changes nothing', async (t) => {
  const status = (...list) => ({ play: (nth) => ({ status: list[nth - 1] ?? list.at(-1) }) });
  const flaky = medium({}, status(503, 503, 200));
  const gone = medium({}, status(404));
  const hopeless = medium({}, status(500));
  const media = [flaky, gone, hopeless];
  const notify = () => {
    throw new Error('listener of the test');
  };
  const logger = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, notify]));
  const worker = open(t, { notify: async () => notify(), logger, observe: notify });
  const over = new Map();
  worker.on('succeeded', (result) => over.set(result.key, result));
  worker.on('failed', (result) => over.set(result.key, result));
  await worker.enqueueMany(media.map(({ job }) => job));
  await worker.start();
  await until(() => over.size === 3);
  assert.deepEqual(
    media.map(({ name }) => [over.get(name).state, over.get(name).attempt]),
    [
      ['done', 3],
      ['dead', 1],
      ['dead', 3],
    ],
  );
  assert.equal(over.get(gone.name).error.class, 'permanent');
  const { completed, failed } = worker.stats();
  assert.deepEqual([completed, failed], [1, 2]);
});

test('events tell of a source what kind it is, and nothing that opens it', async (t) => {
  const worker = open(t);
  const secret = 'canary';
  const b64 = Buffer.from(`${secret} of the bytes`).toString('base64');
  const url = 'https://user-media.test/canary/file?token=canary';
  const file = path.join(worker.place.dir, 'in.txt');
  fs.writeFileSync(file, 'text');
  const sources = {
    url: { url: `${medium().url}?canary`, headers: { Authorization: 'Bearer canary' } },
    base64: { base64: b64 },
    dataUrl: { dataUrl: `data:text/plain;base64,${b64}` },
    bytes: { bytes: Buffer.from('canary') },
    path: { path: file },
    mediaId: { mediaId: '1234' },
    whatsapp: { whatsapp: { url, directPath: '/canary', mediaKey: randomBytes(32), mediaType: 'image' } },
  };
  const told = new Map();
  worker.on('settled', (results) => {
    for (const { key, job } of results) told.set(key, job);
  });
  for (const name of ['succeeded', 'failed', 'retry'])
    worker.on(name, ({ key, job }) => told.set(`${key} ${name}`, job));
  await worker.start();
  await worker.enqueueMany(Object.entries(sources).map(([key, source]) => ({ key, source, meta: { of: key } })));
  await until(() => Object.keys(sources).every((key) => told.has(key)));
  const { origin: at } = new URL(sources.url.url);
  for (const [key, expected] of Object.entries({
    url: { type: 'url', origin: at, headers: ['Authorization'] },
    base64: { type: 'base64', length: b64.length },
    dataUrl: { type: 'dataUrl', length: b64.length + 23 },
    bytes: { type: 'bytes', length: 6 },
    path: { type: 'path', path: file },
    mediaId: { type: 'mediaId', mediaId: '1234' },
    whatsapp: { type: 'whatsapp', mediaType: 'image', origin: 'https://user-media.test' },
  })) {
    assert.deepEqual(told.get(key).source, expected);
    assert.deepEqual([told.get(key).key, told.get(key).meta], [key, { of: key }]);
  }
  const text = JSON.stringify([...told.values()]);
  assert.ok(told.size > 7 && !text.includes(secret) && !text.includes(b64), text);
});

test('record() comes before a job is done, is repeated when it fails, and nothing is fetched again for it', async (t) => {
  const calls = [];
  const record = async (stored) => {
    calls.push(stored.map(({ key }) => key));
    if (calls.length === 1) throw new Error('postgres://u:hunter2@db is away');
  };
  const worker = open(t, { record });
  const problems = events(worker, 'error');
  const one = medium({ meta: { id: 7 } });
  const done = events(worker, 'succeeded');
  await worker.enqueue(one.job);
  await worker.start();
  const [problem] = await problems;
  assert.equal(problem.message, 'record() failed');
  const [{ value }] = await done;
  assert.deepEqual(calls, [[one.name], [one.name]]);
  assert.equal(origin.gets(one), 1);
  assert.equal(value.sha256, one.sha256);
});

test("then: 'prewarm' enqueues the prewarm of what was stored, for every bot, before the job is done", async (t) => {
  const enqueued = [];
  let full = 1;
  const prewarm = {
    async enqueueMany(jobs) {
      if (full-- > 0) return jobs.map(() => 'full');
      if (jobs.some(({ botSlug }) => botSlug === 'bad')) {
        throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', 'no');
      }
      enqueued.push(...jobs);
      return jobs.map(() => 'queued');
    },
  };
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  const worker = open(t, { then: 'prewarm', prewarm });
  const problems = [];
  worker.on('error', (err) => problems.push(err.code));
  const media = medium({
    fileName: 'cat.dat',
    prewarm: [{ botSlug: 'shop' }, { botSlug: 'bad' }, { botSlug: 'blog', kind: 'voice', caption: 'A cat' }],
  });
  const plain = medium();
  const done = events(worker, 'succeeded', 2);
  await worker.enqueueMany([media.job, plain.job]);
  await worker.start();
  const results = await done;
  const { value } = results.find(({ key }) => key === media.name);
  const common = { contentType: value.mime, fileName: 'cat.dat', size: 2000, sha256: media.sha256 };
  const from = { path: value.location.path };
  assert.deepEqual(enqueued, [
    { ...common, ...from, kind: value.kind, botSlug: 'shop' },
    { ...common, ...from, kind: 'voice', botSlug: 'blog', caption: 'A cat' },
  ]);
  assert.deepEqual(problems.slice(0, 2), ['ERR_WARMPATH_QUEUE_FULL', 'ERR_WARMPATH_INVALID_JOB']);
});

test('hooks are asked with the job of the app; one that fails is asked again by the next attempt, null is the end', async (t) => {
  const target = medium();
  const asked = [];
  const resolve = async (job) => {
    asked.push(job);
    if (job.source.mediaId === 'none') return null;
    if (asked.length === 1) throw new Error('postgres://u:hunter2@db is away');
    return { url: target.url };
  };
  const worker = open(t, { resolve });
  const retried = events(worker, 'retry');
  const done = events(worker, 'succeeded');
  const failed = events(worker, 'failed');
  await worker.enqueue({ key: 'wa:1', source: { mediaId: '99' }, meta: { phone: 'p' } });
  await worker.start();
  const [[{ error }], [{ value }]] = [await retried, await done];
  assert.deepEqual([error.code, error.class], ['ERR_WARMPATH_DOWNLOAD_FAILED', 'transient']);
  assert.ok(!error.message.includes('hunter2'));
  assert.equal(value.sha256, target.sha256);
  assert.equal(asked.length, 2);
  for (const { key, meta, source } of asked) {
    assert.deepEqual([key, meta, source], ['wa:1', { phone: 'p' }, { mediaId: '99' }]);
  }
  await worker.enqueue({ key: 'wa:2', source: { mediaId: 'none' } });
  const [{ error: end, attempt }] = await failed;
  assert.deepEqual([end.code, attempt], ['ERR_WARMPATH_SOURCE_UNRESOLVED', 1]);
});

test('a hook that does not answer, or answers what it may not, is asked again by the next attempt', async (t) => {
  const target = medium();
  let asked = 0;
  const failures = [
    () => new Promise(() => {}),
    () => ({ url: 'no address' }),
    () => 'nothing that could be read',
    () => Promise.reject(),
  ];
  const resolve = () => failures[asked++]?.() ?? { url: target.url };
  const retry = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: failures.map(() => 10) };
  const worker = open(t, { resolve, retry, hookTimeoutMs: 20 });
  const codes = [];
  worker.on('retry', ({ error }) => codes.push(`${error.code} ${error.class}`));
  const done = events(worker, 'succeeded');
  await worker.enqueue({ source: { mediaId: '99' } });
  await worker.start();
  const [{ value }] = await done;
  assert.equal(value.sha256, target.sha256);
  assert.deepEqual(codes, Array(failures.length).fill('ERR_WARMPATH_DOWNLOAD_FAILED transient'));
});

test('bytes that come with jobs are bounded: what does not fit waits, uncharged', async (t) => {
  const base64 = ({ bytes, ...rest }) => ({
    ...rest,
    job: { ...rest.job, source: { base64: bytes.toString('base64') } },
  });
  const worker = open(t, { capacityBytes: 6000, concurrency: 8 });
  const media = Array.from({ length: 4 }, () => base64(medium()));
  const large = base64(medium({}, { size: 6000 }));
  const done = events(worker, 'succeeded', 5);
  await worker.enqueueMany([...media, large].map(({ job }) => job));
  await worker.start();
  let most = 0;
  const { executor } = worker;
  const { submitMany } = executor;
  executor.submitMany = (jobs) => {
    const statuses = submitMany.call(executor, jobs);
    most = Math.max(most, executor.stats().heldBytes);
    return statuses;
  };
  const results = await done;
  assert.ok(results.every(({ attempt }) => attempt === 1));
  assert.deepEqual(worker.place.hashes(), hashes([...media, large]));
  // The largest of them, and one that was just over; without a bound it were all of them.
  assert.ok(most <= 8000 + 2668, `${most} bytes at once`);
});

test('a stop hands back what is not finished; a start goes on', async (t) => {
  const held = gate();
  const store = new MemoryStore({ keepDone: 10 });
  const worker = open(t, { store, concurrency: 2 });
  const media = Array.from({ length: 3 }, () => medium({}, held));
  await worker.enqueueMany(media.map(({ job }) => job));
  await worker.start();
  await until(() => worker.stats().running === 2);
  await worker.stop({ timeoutMs: 0 });
  assert.deepEqual(
    store.list().map(({ state, attempt }) => [state, attempt]),
    Array(3).fill(['queued', 0]),
  );
  await assert.rejects(worker.enqueue(medium().job), { code: 'ERR_WARMPATH_CLOSED' });
  held.open();
  const done = events(worker, 'succeeded', 3);
  await worker.start();
  await done;
  assert.deepEqual(worker.place.hashes(), hashes(media));
});

test('wrong options and jobs are named', async (t) => {
  const refused = (options, option) =>
    assert.throws(() => new IngestWorker(options), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
  const store = new MemoryStore();
  const pool = { query() {} };
  refused({}, 'dir');
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  refused({ dir: '/x', then: 'warm' }, 'then');
  // biome-ignore lint/suspicious/noThenProperty: as above.
  refused({ dir: '/x', then: 'prewarm' }, 'prewarm');
  refused({ dir: '/x', prewarm: { enqueueMany() {} } }, 'prewarm');
  refused({ dir: '/x', store, pool }, 'pool');
  refused({ dir: '/x', store: {} }, 'store');
  refused({ dir: '/x', leaseMs: 9999 }, 'leaseMs');
  refused({ dir: '/x', retry: { delaysMs: [0] } }, 'retry.delaysMs[0]');
  refused({ dir: '/x', resolveBot: () => {} }, 'resolveBot');
  const worker = open(t);
  const wrong = (job, option) => assert.rejects(worker.enqueue(job), { code: 'ERR_WARMPATH_INVALID_JOB', option });
  const source = { url: 'https://x.test/' };
  await wrong({}, 'job.source');
  await wrong({ source: { url: 'ftp://x' } }, 'job.source.url');
  await wrong({ source: { ...source, path: '/x' } }, 'job.source');
  await wrong({ source, key: 'k'.repeat(1001) }, 'job.key');
  await wrong({ source, leaseMs: 1000 }, 'job.leaseMs');
  await wrong({ source, meta: [] }, 'job.meta');
  await wrong({ source, meta: { text: 'x'.repeat(16_384) } }, 'job.meta');
  await wrong({ source, meta: { n: 1n } }, 'job.meta');
  await wrong({ source, prewarm: {} }, 'job.prewarm.botSlug');
  await wrong({ source, prewarm: [{ botSlug: 'a' }, { botSlug: 'b', token: '1:x' }] }, 'job.prewarm[1].token');
});

test('a job that the store holds, and this worker cannot run, fails alone', async (t) => {
  const store = new MemoryStore();
  const worker = open(t, { store });
  const good = medium();
  store.enqueue([{ key: 'bad', source: { url: 'https://x.test/' }, to: ['s3'] }, good.job]);
  const [[failed], [succeeded]] = await Promise.all([
    events(worker, 'failed'),
    events(worker, 'succeeded'),
    worker.start(),
  ]);
  assert.deepEqual([failed.key, failed.error.code], ['bad', 'ERR_WARMPATH_INVALID_JOB']);
  assert.equal(succeeded.key, good.job.key);
});

test('quantiles are right within a twentieth', () => {
  const latency = new Latency();
  assert.deepEqual(latency.read(), { mean: 0, p50: 0, p95: 0, p99: 0 });
  for (let ms = 1; ms <= 10_000; ms++) latency.add(ms);
  const { mean, ...quantiles } = latency.read();
  assert.equal(mean, 5001);
  for (const [name, wanted] of [
    ['p50', 5000],
    ['p95', 9500],
    ['p99', 9900],
  ]) {
    assert.ok(Math.abs(quantiles[name] - wanted) <= wanted * 0.05, `${name} ${quantiles[name]}`);
  }
  latency.add(1e12);
});

onServers(
  'workers on Postgres',
  async ({ pool, open: openPool }, t) => {
    await migrate(pool);

    await t.test('two workers share the jobs, one is gone in the middle, and nothing is lost', async (u) => {
      const place = folder(u);
      const held = gate();
      const media = Array.from({ length: 60 }, () => medium({}, held));
      const first = open(u, { pool: openPool(), dir: place.dir, concurrency: 4 });
      assert.ok((await first.enqueueMany(media.map(({ job }) => job))).every((status) => status === 'queued'));
      await first.start();
      await until(() => first.stats().running === 4);
      const second = open(u, { pool: openPool(), dir: place.dir, concurrency: 4 });
      await second.start();
      await first.stop({ timeoutMs: 0 });
      held.open();
      await until(async () => (await pool.query("SELECT FROM ingest_jobs WHERE status = 'done'")).rowCount === 60);
      assert.deepEqual(place.hashes(), hashes(media));
      assert.deepEqual(await second.enqueueMany(media.slice(0, 2).map(({ job }) => job)), ['cached', 'cached']);
    });

    await t.test('what one process enqueues another hears of', async (u) => {
      const worker = open(u, { store: new PostgresIngestStore({ pool: openPool() }), pollMs: 60_000 });
      await worker.start();
      await until(
        async () =>
          (await pool.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"))
            .rowCount > 0,
      );
      const done = events(worker, 'succeeded');
      const other = new PostgresIngestStore({ pool: openPool(), listen: false });
      await other.enqueue([medium().job]);
      await done;
    });

    await t.test('with the database away enqueue says so in its time, and results are recorded later', async (u) => {
      let away = false;
      const gone = () => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }));
      const faulty = { query: (...args) => (away ? gone() : pool.query(...args)) };
      const held = gate();
      const store = new PostgresIngestStore({ pool: faulty, listen: false, enqueueTimeoutMs: 200 });
      const worker = open(u, { store });
      await worker.enqueue(medium({}, held).job);
      await worker.start();
      await until(() => worker.stats().running === 1);
      away = true;
      await assert.rejects(worker.enqueue(medium().job), { code: 'ERR_WARMPATH_DATABASE', certainty: 'not-sent' });
      held.open();
      await until(() => worker.stats().recording === 1);
      const done = events(worker, 'succeeded');
      away = false;
      await done;
    });
  },
  { only: 'first' },
);
