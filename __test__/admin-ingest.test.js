'use strict';

const assert = require('node:assert/strict');
const { bearerAuth, IngestWorker, migrate } = require('..');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');
const { folder, startOrigin, hashes } = require('./support/ingest-media.js');
const { onServers } = require('./support/pg-servers.js');
const { events, until } = require('./support/prewarm.js');

onServers(
  'the admin router over ingest jobs in Postgres',
  async ({ pool }, t) => {
    await migrate(pool);
    const origin = await startOrigin();
    t.after(() => origin.close());
    const place = folder(t);
    t.beforeEach(() => pool.query('DELETE FROM ingest_jobs'));

    async function aWorker(t, extra = {}) {
      const retry = { quick: 0, baseMs: 1, maxMs: 1, delaysMs: [600_000] };
      const worker = new IngestWorker({
        pool,
        dir: place.dir,
        http: origin.http,
        fsync: false,
        pollMs: 30,
        retry,
        ...extra,
      });
      worker.on('error', () => {});
      t.after(() => worker.stop({ timeoutMs: 0 }));
      const { get, post } = await serve(t, worker.router({ auth: bearerAuth(ADMIN_TOKEN) }));
      const items = async (query) => (await get(`/jobs?${query}`)).body.items;
      return { worker, get, post, items };
    }
    const status = (...list) => ({ play: (nth) => ({ status: list[nth - 1] ?? list.at(-1) }) });
    const row = async ({ name }) => (await pool.query('SELECT * FROM ingest_jobs WHERE key = $1', [name])).rows[0];

    await t.test('lists rows of every state, page by page, and nothing of a source but its origin', async (t) => {
      const { worker, get, items } = await aWorker(t);
      const gone = origin.medium({ fileName: 'gone.jpg', meta: { text: 'canary-of-the-app' } }, status(400));
      const later = origin.medium({}, status(500));
      gone.job.source = {
        url: `${gone.url}#canary-of-the-address`,
        headers: { authorization: 'Bearer canary-of-a-header' },
      };
      const failed = events(worker, 'failed');
      const retry = events(worker, 'retry');
      await worker.start();
      await worker.enqueueMany([gone.job, later.job]);
      await Promise.all([failed, retry]);
      worker.pause();
      const waiting = [origin.medium({ session: 'Ana' }), origin.medium()];
      waiting[1].job.source = { base64: Buffer.from('canary-of-the-bytes').toString('base64') };
      await worker.enqueueMany(waiting.map(({ job }) => job));

      const [one] = await items('state=failed');
      assert.deepEqual([one.key, one.state, one.fileName, one.attempt], [gone.name, 'failed', 'gone.jpg', 1]);
      assert.deepEqual([one.error.code, one.origin], ['ERR_WARMPATH_SOURCE_REJECTED', new URL(gone.url).origin]);
      const [delayed] = await items('state=delayed');
      assert.deepEqual([delayed.key, delayed.error.code], [later.name, 'ERR_WARMPATH_DOWNLOAD_FAILED']);
      assert.ok(delayed.runAtMs > Date.now() + 500_000);
      // A claim that was on its way when the worker was held gives back what it got.
      await until(async () => (await items('state=queued')).length === waiting.length);
      assert.deepEqual(
        (await items('state=queued')).map(({ key }) => key).sort(),
        waiting.map(({ name }) => name).sort(),
      );
      assert.deepEqual(
        (await items('search=ana')).map(({ key }) => key),
        [waiting[0].name],
      );

      const seen = [];
      for (let cursor = ''; cursor !== null; ) {
        const { body } = await get(`/jobs?limit=3${cursor && `&cursor=${cursor}`}`);
        seen.push(...body.items.map(({ key }) => key));
        cursor = body.nextCursor;
      }
      assert.deepEqual(seen, [gone, later, ...waiting].map(({ name }) => name).sort());
      const { text } = await get('/jobs');
      assert.ok(!text.includes('canary'), text);
      const explained = await get(`/jobs/explain?key=${waiting[0].name}`);
      assert.deepEqual(explained.body.explanation.waits, [{ reason: 'paused', waitMs: null }]);
    });

    await t.test(
      'what failed is tried again, by whichever process, and only with the bytes it came with',
      async (t) => {
        const first = await aWorker(t);
        const media = [origin.medium({}, status(404, 200)), origin.medium({}, status(404, 200))];
        const over = events(first.worker, 'failed', 2);
        await first.worker.start();
        await first.worker.enqueueMany(media.map(({ job }) => job));
        await over;
        await first.worker.stop();
        // Failed in another queue, which had its bytes.
        await pool.query(
          `INSERT INTO ingest_jobs (key, status, job, last_error) VALUES ('elsewhere', 'failed', '{"source": {"payload": "bytes"}}', 'x')`,
        );
        const { worker, post, items } = await aWorker(t);
        assert.equal((await items('state=failed')).length, 3, 'failures outlive the process that saw them');
        const done = events(worker, 'succeeded', 2);
        await worker.start();
        assert.equal((await post('/jobs/retry', { key: media[0].name })).body.status, 'queued');
        assert.equal((await post('/jobs/retry', { state: 'failed' })).body.retried, 1);
        await done;
        assert.deepEqual(place.hashes(), hashes(media));
        assert.equal((await row(media[0])).attempts, 1, 'with all its tries before it');
        assert.equal((await post('/jobs/retry', { key: 'elsewhere' })).status, 404);
        assert.equal((await post('/purge', { state: 'failed' })).body.purged, 1);
        assert.deepEqual((await pool.query('SELECT status FROM ingest_jobs')).rows, [
          { status: 'done' },
          { status: 'done' },
        ]);
      },
    );

    await t.test('cancels a job that another process has claimed: it is lost there, and stays cancelled', async (t) => {
      const holder = await aWorker(t, { leaseMs: 10_000 });
      const other = await aWorker(t);
      await holder.worker.start();
      holder.worker.executor.pause();
      const one = origin.medium();
      await holder.worker.enqueue(one.job);
      await until(() => holder.worker.executor.list().length === 1, 'the claim');
      const [claimed] = await other.items('state=claimed');
      assert.deepEqual([claimed.key, claimed.state, claimed.here], [one.name, 'claimed', false]);
      assert.ok(claimed.owner !== undefined && claimed.leaseUntilMs > Date.now());
      assert.equal((await holder.items('state=claimed'))[0].here, true);
      assert.equal((await other.post('/jobs/cancel', { key: one.name })).status, 200);
      await until(() => holder.worker.executor.list().length === 0, 'the heartbeat that finds the lease lost');
      const cancelled = await row(one);
      assert.deepEqual(
        [cancelled.status, cancelled.last_error],
        ['failed', 'ERR_WARMPATH_CANCELLED: cancelled by an operator'],
      );
      assert.ok(cancelled.expires_at > new Date(), 'kept as long as any that failed');
      assert.equal(origin.gets(one), 0);
      assert.equal((await other.post('/jobs/cancel', { key: one.name })).status, 404, 'it is over');
      holder.worker.executor.resume();
      const done = events(holder.worker, 'succeeded');
      assert.equal((await other.post('/jobs/retry', { key: one.name })).body.status, 'queued');
      assert.equal((await done)[0].value.sha256, one.sha256);
    });

    await t.test('forgets what waits, and nothing that is claimed or done', async (t) => {
      const { worker, post, items } = await aWorker(t, { concurrency: 1 });
      const [kept, ...rest] = Array.from({ length: 6 }, () => origin.medium());
      const done = events(worker, 'succeeded');
      await worker.start();
      await worker.enqueue(kept.job);
      await done;
      worker.executor.pause();
      await worker.enqueueMany(rest.map(({ job }) => job));
      // Twice its concurrency, and no more.
      await until(() => worker.executor.list().length === 2, 'the claims');
      assert.equal((await post('/purge', { state: 'queued' })).body.purged, 3);
      assert.deepEqual(
        (await items('')).map(({ state }) => state),
        ['claimed', 'claimed'],
      );
      assert.equal((await row(kept)).status, 'done');
    });
  },
  { only: 'first' },
);
