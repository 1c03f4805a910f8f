'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { IngestWorker, MemoryStore, PostgresIngestStore, migrate } = require('..');
const { folder, startOrigin, gate, hashes, openWorker } = require('./support/ingest-media.js');
const { onServers } = require('./support/pg-servers.js');
const { until, events } = require('./support/prewarm.js');

let origin;
let medium;
test.before(async () => {
  origin = await startOrigin();
  medium = origin.medium;
});
test.after(() => origin.close());

const open = (t, extra) => openWorker(t, origin, extra);

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
