'use strict';

const assert = require('node:assert/strict');
const { MemoryStore } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { storeWorld, job, hex, value } = require('./support/pg-store.js');

// What an operator does by hand (lib/store/contract.js, "desk"), on both stores.

const keyOf = (i) => `photo:${hex(i)}:bot`;
const refused = { code: 'ERR_WARMPATH_SEND_FAILED', class: 'permanent', message: 'why' };
const states = (rows) => rows.map((row) => row && [row.key, row.state]);

onServers('the desk of a store', async (servers, t) => {
  const world = await storeWorld(servers, t);
  const { pool, row } = world;
  t.beforeEach(() => world.clear());
  const stores = {
    PostgresStore: () => world.open(),
    MemoryStore: () => new MemoryStore({ delaysMs: [60_000, 120_000] }),
  };

  for (const [name, open] of Object.entries(stores)) {
    const settle = async (store, claim, outcome) =>
      store.settle([{ key: claim.key, fence: claim.fence, charged: true, ...outcome }]);

    await t.test(`${name}: pages by state and search; finds by key, also one of the job's own`, async () => {
      const store = open();
      const named = job(4, { key: 'my own key', r2Key: 'folder/cat.jpg' });
      await store.enqueue([job(1), job(2), job(3), named]);
      const [first, second] = await store.claim({ limit: 2, leaseMs: 60_000, owner: 'me' });
      await settle(store, second, { status: 'failed', error: { ...refused, class: 'transient' } });
      const page = (query) => store.page({ limit: 10, after: null, ...query });
      assert.deepEqual(states((await page({ state: 'claimed' })).rows), [[first.key, 'claimed']]);
      const [delayed] = (await page({ state: 'delayed' })).rows;
      assert.equal(delayed.key, second.key);
      assert.ok(delayed.runAtMs > Date.now() + 30_000);
      assert.deepEqual(states((await page({ search: 'CAT' })).rows), [['my own key', 'queued']]);
      assert.deepEqual((await page({ search: '%' })).rows, []);
      const seen = [];
      for (let after = null; ; ) {
        const { rows, next } = await page({ limit: 1, after });
        seen.push(...rows.map(({ key }) => key));
        if (next === null) break;
        after = next;
      }
      assert.deepEqual(seen.sort(), [keyOf(1), keyOf(2), keyOf(3), 'my own key'].sort());
      assert.deepEqual(states(await store.find(['my own key', 'none', keyOf(3), `photo:${hex(3)}:nul\0`])), [
        ['my own key', 'queued'],
        undefined,
        [keyOf(3), 'queued'],
        undefined,
      ]);
    });

    await t.test(`${name}: says what waits for its time, by bot and by why, and until when`, async () => {
      const store = open();
      await store.enqueue([...[1, 2, 3].map((i) => job(i)), job(4, { botSlug: 'other' }), job(5)]);
      const claims = await store.claim({ limit: 5, leaseMs: 60_000, owner: 'me' });
      const throttled = { code: 'ERR_WARMPATH_TELEGRAM_THROTTLED', class: 'throttled', message: 'later' };
      const transient = { ...refused, class: 'transient' };
      for (const claim of claims) {
        const i = Number(claim.job.sha256);
        if (i === 5) continue;
        const failed = i === 3 ? { error: transient } : { error: throttled, charged: false, retryAfterMs: i * 100_000 };
        await settle(store, claim, { status: 'failed', ...failed });
      }
      const now = Date.now();
      const later = (await store.later({ most: 100 })).sort((a, b) => b.count - a.count || a.nextAtMs - b.nextAtMs);
      const found = later.map(({ botSlug, code, count }) => [botSlug, code, count]);
      assert.deepEqual(found, [
        ['bot', throttled.code, 2],
        ['bot', transient.code, 1],
        ['other', throttled.code, 1],
      ]);
      const [{ nextAtMs, lastAtMs }] = later;
      assert.ok(nextAtMs > now + 80_000 && nextAtMs < now + 130_000, `${nextAtMs - now}`);
      assert.ok(lastAtMs > now + 180_000 && lastAtMs < now + 260_000, `${lastAtMs - now}`);
      const most = (await store.later({ most: 2 })).reduce((sum, { count }) => sum + count, 0);
      assert.equal(most, 2);
    });

    await t.test(`${name}: a cancelled job is not claimed; a retried one at once; purged ones are gone`, async () => {
      const store = open();
      await store.enqueue([job(1), job(2), job(3)]);
      const cancelled = await store.cancel([keyOf(1), 'none']);
      assert.deepEqual([cancelled[0].sha256, cancelled[0].r2Key, cancelled[1]], [hex(1), 'k1', null]);
      assert.deepEqual(await store.cancel([keyOf(1)]), [null]);
      const claims = await store.claim({ limit: 10, leaseMs: 60_000, owner: 'me' });
      assert.deepEqual(
        claims.map(({ key }) => key),
        [keyOf(2), keyOf(3)],
      );
      assert.deepEqual(await store.retry([keyOf(2), 'none']), [false, false], 'a claimed job was retried');
      await settle(store, claims[0], { status: 'failed', error: { ...refused, class: 'transient' } });
      assert.deepEqual(await store.retry([keyOf(2)]), [true]);
      const [again] = await store.claim({ limit: 10, leaseMs: 60_000, owner: 'me' });
      assert.equal(again.key, keyOf(2));
      await store.enqueue([job(4), job(5)]);
      assert.equal(await store.purge({ state: 'queued' }), 2);
      assert.deepEqual(
        states((await store.page({ limit: 10, after: null, state: 'claimed' })).rows)
          .map(([key]) => key)
          .sort(),
        [keyOf(2), keyOf(3)],
      );
    });
  }

  await t.test(
    'PostgresStore: failed rows are listed, retried one by one and all, and purged; results stay',
    async () => {
      const store = world.open();
      await store.enqueue([job(1), job(2), job(3)]);
      const claims = await store.claim({ limit: 10, leaseMs: 60_000 });
      for (const claim of claims.slice(0, 2)) {
        await store.settle([{ key: claim.key, fence: claim.fence, status: 'failed', charged: true, error: refused }]);
      }
      await store.settle([
        { key: claims[2].key, fence: claims[2].fence, status: 'succeeded', charged: true, value: value(3) },
      ]);
      const { rows } = await store.page({ limit: 10, after: null, state: 'failed' });
      assert.deepEqual(
        rows.map(({ key, error }) => [key, error]),
        [
          [keyOf(1), { code: 'ERR_WARMPATH_SEND_FAILED', message: 'why' }],
          [keyOf(2), { code: 'ERR_WARMPATH_SEND_FAILED', message: 'why' }],
        ],
      );
      assert.deepEqual(await store.retry([keyOf(1), keyOf(3)]), [true, false], 'a row with a result was retried');
      assert.equal(await store.retryFailed({ limit: 10 }), 1);
      assert.equal((await store.claim({ limit: 10, leaseMs: 60_000 })).length, 2);
      await pool.query("UPDATE media_cache SET status = 'error', lease_until = NULL WHERE status = 'warming'");
      assert.equal(await store.purge({ state: 'failed' }), 2);
      assert.equal((await row(3)).status, 'ready');
    },
  );

  await t.test(
    'PostgresStore: a claim that was cancelled elsewhere is lost, and its result changes nothing',
    async () => {
      const [holder, other] = [world.open(), world.open()];
      await holder.enqueue([job(1)]);
      const [claim] = await holder.claim({ limit: 1, leaseMs: 60_000 });
      assert.equal((await other.cancel([claim.key])).length, 1);
      assert.deepEqual(await holder.extend([claim], 60_000), [false]);
      const [late] = await holder.settle([{ ...claim, status: 'succeeded', charged: true, value: value(1) }]);
      assert.equal(late.applied, false);
      const { status, file_id: fileId, last_error: why } = await row(1);
      assert.deepEqual([status, fileId, why], ['error', null, 'ERR_WARMPATH_CANCELLED: cancelled by an operator']);
    },
  );
});
