'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const test = require('node:test');
const { MemoryStore, WarmpathError, migrate } = require('..');
const { PostgresIngestStore } = require('../lib/store/postgres-ingest.js');
const { IngestWorker } = require('../lib/worker/ingest.js');
const { Latency } = require('../lib/worker/latency.js');
const { DoubleIngest } = require('./support/ingest-double.js');
const { folder, medium } = require('./support/ingest-media.js');
const { onServers } = require('./support/pg-servers.js');
const { until, events } = require('./support/prewarm.js');

const failing = (code, fields) => new WarmpathError(code, 'as the test says', fields);

/** A worker on a folder of its own; `play` decides what goes wrong, see ingest-double.js. */
function open(t, { play, ...extra } = {}) {
  const place = folder(t);
  const retry = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: [10, 10] };
  const options = { dir: place.dir, retry, ...extra };
  const worker = new IngestWorker(options, { createExecutor: (all) => new DoubleIngest(all, play) });
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
  assert.deepEqual(worker.place.hashes().sort(), media.map(({ sha256 }) => sha256).sort());
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
  assert.ok(!text.includes('base64') && !text.includes(worker.place.dir));
});

test('failures are retried by their class, and a hook that throws changes nothing', async (t) => {
  const media = [medium(), medium(), medium(), medium()];
  const [flaky, gone, slow, hopeless] = media.map(({ job }) => job.key);
  const play = ({ key }, nth) => {
    if (key.startsWith(flaky) && nth < 3) throw failing('ERR_WARMPATH_DOWNLOAD_FAILED', { class: 'transient' });
    if (key.startsWith(`${gone}#`)) throw failing('ERR_WARMPATH_MEDIA_GONE', { class: 'permanent' });
    if (key.startsWith(`${slow}#`) && nth < 6) {
      throw failing('ERR_WARMPATH_SOURCE_THROTTLED', { class: 'throttled', retryAfterMs: 1 });
    }
    if (key.startsWith(`${hopeless}#`)) throw failing('ERR_WARMPATH_DISK_FULL', { class: 'transient' });
  };
  const notify = () => {
    throw new Error('listener of the test');
  };
  const logger = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, notify]));
  const worker = open(t, { play, notify: async () => notify(), logger, observe: notify });
  const over = new Map();
  worker.on('succeeded', (result) => over.set(result.key, result));
  worker.on('failed', (result) => over.set(result.key, result));
  await worker.enqueueMany(media.map(({ job }) => job));
  await worker.start();
  await until(() => over.size === 4);
  const ends = [flaky, gone, slow, hopeless].map((key) => [over.get(key).state, over.get(key).attempt]);
  assert.deepEqual(ends, [
    ['done', 3],
    ['dead', 1],
    ['done', 1],
    ['dead', 3],
  ]);
  assert.equal(over.get(gone).error.code, 'ERR_WARMPATH_MEDIA_GONE');
  const { completed, failed } = worker.stats();
  assert.deepEqual([completed, failed], [2, 2]);
});

test('record() comes before a job is done, is repeated when it fails, and nothing is stored again for it', async (t) => {
  const calls = [];
  const record = async (stored) => {
    calls.push(stored.map(({ key }) => key));
    if (calls.length === 1) throw new Error('postgres://u:hunter2@db is away');
  };
  let runs = 0;
  const worker = open(t, { record, play: () => runs++ });
  const problems = events(worker, 'error');
  const { job } = medium({ meta: { id: 7 } });
  const done = events(worker, 'succeeded');
  await worker.enqueue(job);
  await worker.start();
  const [problem] = await problems;
  assert.equal(problem.message, 'record() failed');
  const [{ value }] = await done;
  assert.deepEqual(calls, [[job.key], [job.key]]);
  assert.equal(runs, 1);
  assert.ok(value.sha256);
});

test("then: 'prewarm' enqueues the prewarm of what was stored, for every bot, before the job is done", async (t) => {
  const enqueued = [];
  let full = 1;
  const prewarm = {
    async enqueueMany(jobs) {
      if (full-- > 0) return jobs.map(() => 'full');
      if (jobs.some(({ botSlug }) => botSlug === 'bad')) throw failing('ERR_WARMPATH_INVALID_JOB');
      enqueued.push(...jobs);
      return jobs.map(() => 'queued');
    },
  };
  // biome-ignore lint/suspicious/noThenProperty: the name of the option.
  const worker = open(t, { then: 'prewarm', prewarm });
  const problems = [];
  worker.on('error', (err) => problems.push(err.code));
  const media = medium({
    mimeType: 'image/jpeg',
    fileName: 'cat.jpg',
    kind: 'photo',
    prewarm: [{ botSlug: 'shop' }, { botSlug: 'bad' }, { botSlug: 'blog', kind: 'document', caption: 'A cat' }],
  });
  const plain = medium();
  const done = events(worker, 'succeeded', 2);
  await worker.enqueueMany([media.job, plain.job]);
  await worker.start();
  const results = await done;
  const { value } = results.find(({ key }) => key === media.job.key);
  const common = {
    fileName: 'cat.jpg',
    contentType: 'image/jpeg',
    size: 2000,
    sha256: media.sha256,
    path: value.location.path,
  };
  assert.deepEqual(enqueued, [
    { ...common, kind: 'photo', botSlug: 'shop' },
    { ...common, kind: 'document', botSlug: 'blog', caption: 'A cat' },
  ]);
  assert.deepEqual(problems, ['ERR_WARMPATH_QUEUE_FULL', 'ERR_WARMPATH_INVALID_JOB']);
});

test('hooks are asked with the job of the app, and each attempt asks anew', async (t) => {
  const bytes = Buffer.from('what the address leads to');
  const server = http.createServer((_, res) => res.end(bytes)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  const asked = [];
  const resolve = async (job) => {
    asked.push(job);
    if (asked.length === 1) throw failing('ERR_WARMPATH_DOWNLOAD_FAILED', { class: 'transient' });
    return { url: `http://127.0.0.1:${server.address().port}/` };
  };
  const worker = open(t, { resolve });
  const done = events(worker, 'succeeded');
  await worker.enqueue({ key: 'wa:1', source: { mediaId: '99' }, meta: { phone: 'p' } });
  await worker.start();
  const [{ value }] = await done;
  assert.equal(value.bytes, bytes.length);
  assert.equal(asked.length, 2);
  for (const { key, meta, source } of asked)
    assert.deepEqual([key, meta, source], ['wa:1', { phone: 'p' }, { mediaId: '99' }]);
});

test('bytes that come with jobs are bounded: what does not fit waits, uncharged', async (t) => {
  const limit = 6000;
  let held = 0;
  let most = 0;
  const play = async (job) => {
    held += job.source.base64.length;
    most = Math.max(most, held);
    await new Promise((resolve) => setTimeout(resolve, 5));
    held -= job.source.base64.length;
  };
  const worker = open(t, { play, capacityBytes: limit, concurrency: 8 });
  const media = Array.from({ length: 4 }, () => medium());
  const large = medium({}, 6000);
  const done = events(worker, 'succeeded', 5);
  await worker.enqueueMany([...media, large].map(({ job }) => job));
  await worker.start();
  const results = await done;
  assert.ok(results.every(({ attempt }) => attempt === 1));
  assert.equal(most, large.job.source.base64.length, 'what is larger than the limit went alone');
});

test('a stop hands back what is not finished; a start goes on', async (t) => {
  let hang = true;
  const play = async (_, __, { cancelled }) => {
    while (hang && !cancelled()) await new Promise(setImmediate);
  };
  const store = new MemoryStore({ keepDone: 10 });
  const worker = open(t, { store, play, concurrency: 2 });
  await worker.enqueueMany([medium().job, medium().job, medium().job]);
  await worker.start();
  await until(() => worker.stats().running === 2);
  await worker.stop({ timeoutMs: 0 });
  assert.deepEqual(
    store.list().map(({ state, attempt }) => [state, attempt]),
    Array(3).fill(['queued', 0]),
  );
  await assert.rejects(worker.enqueue(medium().job), { code: 'ERR_WARMPATH_CLOSED' });
  hang = false;
  const done = events(worker, 'succeeded', 3);
  await worker.start();
  await done;
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
      const media = Array.from({ length: 60 }, () => medium());
      let hang = true;
      const play = async (_, __, { cancelled }) => {
        while (hang && !cancelled()) await new Promise(setImmediate);
      };
      const first = open(u, { pool: openPool(), play, dir: place.dir, concurrency: 4 });
      assert.ok((await first.enqueueMany(media.map(({ job }) => job))).every((status) => status === 'queued'));
      await first.start();
      await until(() => first.stats().running === 4);
      const second = open(u, { pool: openPool(), dir: place.dir, concurrency: 4 });
      await second.start();
      await first.stop({ timeoutMs: 0 });
      hang = false;
      await until(async () => (await pool.query("SELECT FROM ingest_jobs WHERE status = 'done'")).rowCount === 60);
      assert.deepEqual(place.hashes().sort(), media.map(({ sha256 }) => sha256).sort());
      assert.deepEqual(await second.enqueueMany(media.slice(0, 2).map(({ job }) => job)), ['cached', 'cached']);
    });

    await t.test('what one process enqueues another hears of', async (u) => {
      const worker = open(u, { store: new PostgresIngestStore({ pool: openPool() }), pollMs: 60_000 });
      await worker.start();
      await until(
        async () => (await pool.query("SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")).rowCount > 0,
      );
      const done = events(worker, 'succeeded');
      const other = new PostgresIngestStore({ pool: openPool(), listen: false });
      await other.enqueue([medium().job]);
      await done;
    });

    await t.test('with the database away enqueue says so in its time, and results are recorded later', async (u) => {
      let away = false;
      const faulty = {
        query: (...args) =>
          away ? Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })) : pool.query(...args),
      };
      let go = () => {};
      const held = new Promise((resolve) => {
        go = resolve;
      });
      const store = new PostgresIngestStore({ pool: faulty, listen: false, enqueueTimeoutMs: 200 });
      const worker = open(u, { store, play: () => held });
      await worker.enqueue(medium().job);
      await worker.start();
      await until(() => worker.stats().running === 1);
      away = true;
      await assert.rejects(worker.enqueue(medium().job), { code: 'ERR_WARMPATH_DATABASE', certainty: 'not-sent' });
      go();
      await until(() => worker.stats().recording === 1);
      const done = events(worker, 'succeeded');
      away = false;
      await done;
    });
  },
  { only: 'first' },
);
