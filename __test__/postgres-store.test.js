'use strict';

const assert = require('node:assert/strict');
const { MemoryStore } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { until } = require('./support/prewarm.js');
const { storeWorld, job, hex, transient, value, numbers } = require('./support/pg-store.js');

onServers('PostgresStore', async (servers, t) => {
  const world = await storeWorld(servers, t);
  const { pool, claim, fail, succeed, pass, row, rows } = world;
  t.beforeEach(() => world.clear());

  await t.test('what enqueue answers', async () => {
    const store = world.open();
    assert.deepEqual(await store.enqueue([job(1), job(2), job(1)]), ['queued', 'queued', 'duplicate']);
    assert.deepEqual(await store.enqueue([job(1)]), ['duplicate']);
    const [first] = await claim(store, 1);
    assert.equal(first.key, `photo:${hex(1)}:bot`);
    assert.deepEqual(await store.enqueue([job(1), job(2)]), ['processing', 'duplicate']);
    await succeed(store, [first]);
    assert.deepEqual(await store.enqueue([job(1)]), ['cached']);
    assert.deepEqual(await store.enqueue([]), []);
    await assert.rejects(store.enqueue([job(3), { ...job(4), kind: 'x' }]), { code: 'ERR_WARMPATH_INVALID_JOB' });
    assert.equal((await rows()).length, 2);
    await store.close();
    await assert.rejects(store.enqueue([job(5)]), { code: 'ERR_WARMPATH_CLOSED' });
  });

  await t.test('priority first, then age; a batch keeps its order; each job once', async () => {
    const store = world.open();
    const given = [job(5), job(4, { priority: 5 }), job(3), job(2, { priority: -1 }), job(1, { priority: 5 })];
    await store.enqueue(given);
    await store.enqueue([job(0)]);
    assert.deepEqual(numbers(await claim(store, 3)), [4, 1, 5]);
    const rest = await claim(store);
    assert.deepEqual(numbers(rest), [3, 0, 2]);
    assert.deepEqual(
      rest.map(({ attempt, fence }) => [attempt, fence]),
      Array(3).fill([1, 1]),
    );
    assert.deepEqual(await claim(store), []);
  });

  await t.test('within a priority bots take turns', async () => {
    const store = world.open();
    await store.enqueue(Array.from({ length: 20 }, (_, i) => job(i, { botSlug: 'loud' })));
    await store.enqueue([
      job(100, { botSlug: 'quiet' }),
      job(101, { botSlug: 'quiet' }),
      job(200, { botSlug: 'third', priority: 1 }),
    ]);
    assert.deepEqual(numbers(await claim(store, 5)), [200, 0, 100, 1, 101]);
  });

  await t.test('a job comes back as it was given', async () => {
    const store = world.open();
    const full = job(1, {
      key: 'mine',
      fileName: 'ä".png',
      contentType: 'image/png',
      size: 5,
      caption: '',
      priority: 3,
    });
    const path = { botSlug: 'a:b', sha256: hex(2), kind: 'video', path: '/tmp/x' };
    await store.enqueue([full, path]);
    const claims = await claim(store);
    assert.deepEqual(
      claims.map((one) => ({ ...one.job })),
      [full, { ...path, key: `video:${hex(2)}:a:b` }],
    );
    assert.equal(claims[0].key, 'mine');
    assert.deepEqual(await succeed(store, claims), Array(2).fill({ applied: true, state: 'done' }));
  });

  await t.test('a success fills the row', async () => {
    const store = world.open();
    await store.enqueue([job(1), job(2)]);
    const [one, two] = await claim(store);
    await store.settle([
      { ...one, status: 'succeeded', charged: true, value: value(7) },
      {
        ...two,
        status: 'succeeded',
        charged: true,
        value: { ...value(8), chatId: '@name', messageId: undefined, fileUniqueId: undefined },
      },
    ]);
    const ready = await row(1);
    assert.deepEqual(
      [
        ready.status,
        ready.file_id,
        ready.file_unique_id,
        ready.warmup_chat_id,
        ready.warmup_message_id,
        ready.lease_until,
        ready.last_error,
      ],
      ['ready', 'f7', 'u7', '-1001234567890123', '7', null, null],
    );
    assert.ok(ready.warmup_at instanceof Date);
    const other = await row(2);
    assert.deepEqual([other.file_unique_id, other.warmup_chat_id, other.warmup_message_id], [null, null, null]);
  });

  await t.test('1, 2, 4, 8, 16 minutes with jitter, then error; a new enqueue starts anew', async () => {
    const store = world.open({ delaysMs: undefined });
    await store.enqueue([job(1)]);
    for (const [i, minutes] of [1, 2, 4, 8, 16].entries()) {
      const [claimed] = await claim(store);
      assert.equal(claimed.attempt, i + 1);
      const before = Date.now();
      const [{ applied, state, runAtMs }] = await fail(store, [claimed]);
      assert.deepEqual([applied, state], [true, 'retry']);
      const waitMs = runAtMs - before;
      assert.ok(waitMs >= minutes * 60_000 - 2000 && waitMs <= minutes * 66_000 + 5000, String(waitMs));
      assert.deepEqual(await claim(store), []);
      assert.equal((await row(1)).retry_count, i + 1);
      await pass(waitMs + 2000);
    }
    assert.deepEqual(await fail(store, await claim(store)), [{ applied: true, state: 'dead' }]);
    const dead = await row(1);
    assert.deepEqual([dead.status, dead.last_error, dead.retry_count], ['error', 'ERR_WARMPATH_SEND_FAILED: why', 6]);
    assert.deepEqual(await store.enqueue([job(1)]), ['queued']);
    const [again] = await claim(store);
    assert.equal(again.attempt, 1);
    // The same when the app's own SQL sets it back.
    await fail(store, [again], { error: { ...transient, class: 'permanent' } });
    await pool.query("UPDATE media_cache SET status = 'warming'");
    const [back] = await claim(store);
    assert.deepEqual([back.attempt, back.error], [1, undefined]);
  });

  await t.test('what becomes of a failure is the same as in the memory store', async () => {
    const classes = ['permanent', 'config', 'transient', 'ambiguous', 'bug', 'cancelled', 'throttled'];
    const outcomes = classes.flatMap((kind) =>
      [true, false].flatMap((charged) =>
        [undefined, 7000, 90_000].map((retryAfterMs) => ({
          status: 'failed',
          error: { code: 'ERR_WARMPATH_INTERNAL', class: kind, message: 'm' },
          charged,
          retryAfterMs,
        })),
      ),
    );
    const memory = new MemoryStore({ delaysMs: [60_000, 120_000] }, { now: () => 0, random: () => 0 });
    const store = world.open();
    const jobs = outcomes.map((_, i) => job(i, { key: undefined }));
    memory.enqueue(jobs.map((one, i) => ({ ...one, key: `m${i}` })));
    await store.enqueue(jobs);
    const expected = memory.settle(
      memory.claim({ limit: 100, leaseMs: 1 }).map((one, i) => ({ ...one, ...outcomes[i] })),
    );
    const now = Date.now();
    const found = await store.settle((await claim(store)).map((one, i) => ({ ...one, ...outcomes[i] })));
    for (const [i, { applied, state, runAtMs }] of found.entries()) {
      const what = JSON.stringify(outcomes[i]);
      assert.deepEqual({ applied, state }, { applied: expected[i].applied, state: expected[i].state }, what);
      if (state !== 'retry') continue;
      const [least, is] = [expected[i].runAtMs - now, runAtMs - now];
      assert.ok(is >= least - 1000 && is <= least * 1.1 + 3000, `${what}: ${is} for ${least}`);
    }
    const uncharged = await pool.query(
      "SELECT DISTINCT attempts FROM media_cache WHERE status = 'warming' AND retry_count = 0",
    );
    assert.deepEqual(uncharged.rows, [{ attempts: 0 }]);
  });

  await t.test('a lease that ends, and what its old owner says then', async () => {
    const [old, heir] = [world.open(), world.open()];
    await old.enqueue([job(1)]);
    const [first] = await claim(old, 1, 1000);
    assert.deepEqual(await old.extend([first], 60_000), [true]);
    await pass(61_000);
    // Nobody has claimed it since: the holder may still end it, or go on.
    assert.deepEqual(await old.extend([first], 1000), [true]);
    await pass(1001);
    await pool.query("UPDATE warmpath_lanes SET until = now() - interval '1 second'");
    // A short lease: after a start of the server a lane goes to others half the time of a lane later.
    const [second] = await until(async () => {
      const claims = await claim(heir, 1, 1000);
      return claims.length > 0 && claims;
    });
    assert.deepEqual([second.fence, second.attempt], [2, 2]);
    assert.deepEqual(await old.extend([first], 1e6), [false]);
    assert.deepEqual(await fail(old, [first]), [{ applied: false }]);
    assert.deepEqual(await succeed(old, [first]), [{ applied: false }]);
    await old.release([first]);
    assert.equal((await row(1)).lease_owner, heir.id);
    assert.deepEqual(await succeed(heir, [second]), [{ applied: true, state: 'done' }]);
    assert.deepEqual(await fail(heir, [second]), [{ applied: true, state: 'done' }], 'told again what was recorded');
    assert.equal((await row(1)).status, 'ready');
  });

  await t.test('a release costs nothing and keeps the place', async () => {
    const store = world.open();
    await store.enqueue([job(1), job(2)]);
    const [first] = await claim(store, 1);
    await store.release([first]);
    await store.release([first]);
    const again = await claim(store);
    assert.deepEqual(
      again.map(({ attempt, job: { r2Key } }) => [attempt, r2Key]),
      [
        [1, 'k1'],
        [1, 'k2'],
      ],
    );
  });

  await t.test('a job that ends its process again and again is put aside, with the evidence', async () => {
    const store = world.open({ maxLostLeases: 3 });
    await store.enqueue([job(1), job(2)]);
    const [, innocent] = await claim(store, 2, 1000);
    await store.settle([
      { ...innocent, status: 'failed', charged: false, error: { code: 'C', class: 'throttled', message: '' } },
    ]);
    for (let lost = 1; lost <= 2; lost++) {
      await pass(70_000);
      const poison = (await claim(store, 2, 1000)).find(({ job: { r2Key } }) => r2Key === 'k1');
      assert.equal(poison.error, undefined, `after ${lost}`);
      assert.equal((await row(1)).lost_leases, lost);
    }
    await pass(70_000);
    const last = (await claim(store, 2, 1000)).find(({ job: { r2Key } }) => r2Key === 'k1');
    assert.equal(last.error.code, 'ERR_WARMPATH_LEASE_LOST');
    assert.equal(last.error.class, 'permanent');
    assert.deepEqual(await store.settle([{ ...last, status: 'failed', charged: true }]), [
      { applied: true, state: 'dead' },
    ]);
    assert.match(
      (await row(1)).last_error,
      new RegExp(`^ERR_WARMPATH_LEASE_LOST: quarantined: 3 claims .* by ${store.id}, lease until 2`),
    );
  });

  await t.test(
    'what was sent is recorded, also when its claim was given back; but not when it was claimed anew',
    async () => {
      const store = world.open();
      await store.enqueue([job(1), job(2)]);
      const claims = await claim(store);
      await store.release(claims);
      assert.deepEqual(await succeed(store, claims.slice(0, 1)), [{ applied: true, state: 'done' }]);
      const [again] = await claim(store);
      assert.equal(again.fence, 2);
      assert.deepEqual(await succeed(store, claims.slice(1)), [{ applied: false }]);
      assert.deepEqual(
        (await rows()).map(({ status }) => status),
        ['ready', 'warming'],
      );
    },
  );

  await t.test('what was lost twice runs alone, so that the innocent are not put aside with the guilty', async () => {
    const store = world.open();
    await store.enqueue([job(1), job(2), job(3)]);
    for (let lost = 0; lost < 2; lost++) {
      assert.equal((await claim(store, 3, 20_000)).length, 3, `lost ${lost} times`);
      await pass(70_000);
    }
    await store.enqueue([job(4)]);
    const first = await claim(store, 100, 20_000);
    assert.deepEqual(numbers(first), [1, 4], 'one of the three, and what was never lost');
    assert.deepEqual(
      (await rows()).map((one) => [one.attempts, one.lost_leases]),
      [
        [3, 2],
        [2, 2],
        [2, 2],
        [1, 0],
      ],
    );
    await pass(2000);
    assert.deepEqual(numbers(await claim(store, 100, 20_000)), [], 'as long as that one has not ended');
    await succeed(store, first);
    await pass(2000);
    const second = await claim(store, 100, 20_000);
    assert.equal(second.length, 1);
    assert.equal(second[0].attempt, 3);
    await succeed(store, second);
    await pass(2000);
    assert.equal((await claim(store, 100, 20_000)).length, 1);
  });
});
