'use strict';

const assert = require('node:assert/strict');
const { campaignPartKey } = require('../lib/campaign/key.js');
const { onServers } = require('./support/pg-servers.js');
const { campaignWorld, transient, generated } = require('./support/campaign-store.js');

const keys = (claims) => claims.map(({ key }) => key);
const near = (actual, expected) =>
  assert.ok(Math.abs(actual - expected) <= 0.11 * expected, `${actual} for ${expected}`);

onServers('campaign messages in Postgres', async (given, t) => {
  const world = await campaignWorld(given, t);
  const { open, addRun, addMessages, claim, settle, pass, row, parts } = world;

  await t.test('a message is claimed once, in order, and its lease is told by its fence', async () => {
    await world.clear();
    const ids = await addMessages(await addRun(), 4);
    const [one, two] = [open(), open()];
    const first = await claim(one, 3);
    assert.deepEqual(keys(first), ids.slice(0, 3));
    assert.deepEqual([first[0].fence, first[0].attempt, first[0].job.parts], [1, 1, []]);
    assert.equal(first[0].job.row.id, ids[0]);
    assert.deepEqual(keys(await claim(two)), ids.slice(3));
    assert.deepEqual(await claim(one), []);
    assert.deepEqual(await one.extend(first, 60_000), [true, true, true]);
    await one.release(first.slice(0, 1));
    const [again] = await claim(two);
    assert.deepEqual([again.key, again.fence, again.attempt], [ids[0], 2, 1]);
    assert.deepEqual(await one.extend(first.slice(0, 1), 60_000), [false]);
    assert.equal((await settle(one, first.slice(0, 1)))[0].applied, false, 'a stale fence changes nothing');
    assert.equal((await row(ids[0])).status, 'processing');
  });

  await t.test('many claim at once: each message goes to one of them', async () => {
    await world.clear();
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(...(await addMessages(await addRun(), 50)));
    const stores = Array.from({ length: 4 }, () => open());
    const got = [];
    await Promise.all(
      stores.map(async (store) => {
        for (let idle = 0; idle < 20; ) {
          const claims = await claim(store, 7);
          idle = claims.length === 0 ? idle + 1 : 0;
          got.push(...keys(claims));
        }
      }),
    );
    assert.deepEqual(got.toSorted(), ids.toSorted());
  });

  await t.test('runs take turns, and one that is paused waits', async () => {
    await world.clear();
    const [big, small, paused] = [await addRun(), await addRun(), await addRun('paused')];
    await addMessages(paused, 50, '1 hour');
    await addMessages(big, 50, '1 minute');
    const few = await addMessages(small, 2);
    const store = open();
    const claims = await claim(store, 6);
    assert.equal(claims.length, 6);
    assert.ok(few.every((id) => keys(claims).includes(id)));
    assert.ok(claims.every(({ job }) => job.runId !== paused));
    assert.equal(await store.pause(big), 'paused');
    assert.deepEqual(await claim(store), []);
    assert.ok((await store.nextDueMs()) > 0, 'what is left of the running one is claimed');
    assert.equal(await store.resume(paused), 'running');
    assert.equal((await claim(store)).length, 50);
    assert.equal(await store.pause('00000000-0000-4000-8000-000000000000'), null);
  });

  await t.test('failures come back after 5, 15 and 30 min, and then no more', async () => {
    await world.clear();
    const [id] = await addMessages(await addRun(), 1);
    const store = open();
    for (const [n, minutes] of [5, 15, 30].entries()) {
      const claims = await claim(store);
      assert.equal(claims[0].attempt, n + 1);
      const [result] = await settle(store, claims, { status: 'failed', error: transient });
      assert.equal(result.state, 'retry');
      near(result.runAtMs - Date.now(), minutes * 60_000);
      assert.deepEqual(await claim(store), [], 'not before its time');
      assert.equal((await row(id)).retry_count, n + 1);
      await pass(minutes * 66_100);
    }
    const [last] = await settle(store, await claim(store), { status: 'failed', error: transient });
    assert.deepEqual(last, { applied: true, state: 'dead' });
    const { status, retry_count: retries, last_error: why } = await row(id);
    assert.deepEqual([status, retries, why], ['failed', 3, 'ERR_WARMPATH_LLM_UNAVAILABLE: why']);
    await pass(86_400_000);
    assert.deepEqual(await claim(store), []);
  });

  await t.test('what kind of failure it was decides', async () => {
    await world.clear();
    const ids = await addMessages(await addRun(), 5);
    const store = open();
    const claims = await claim(store);
    const fail = (error, more) => ({ status: 'failed', error: { message: 'x', ...error }, charged: true, ...more });
    const outcomes = [
      fail({ code: 'A', class: 'permanent' }),
      fail({ code: 'B', class: 'config' }),
      fail({ code: 'ERR_WARMPATH_LLM_THROTTLED', class: 'throttled' }, { charged: false, retryAfterMs: 90_000 }),
      fail({ code: 'D', class: 'transient' }, { retryAfterMs: 3_600_000 }),
      { status: 'succeeded', value: { skipped: 'has left' } },
    ];
    const results = await store.settle(claims.map(({ key, fence }, i) => ({ key, fence, ...outcomes[i] })));
    assert.deepEqual(
      results.map(({ state }) => state),
      ['dead', 'retry', 'retry', 'retry', 'done'],
    );
    const waits = results.map(({ runAtMs }) => runAtMs - Date.now());
    for (const [i, ms] of [300_000, 90_000, 3_600_000].entries()) near(waits[i + 1], ms);
    const later = await store.later({ most: 100 });
    assert.deepEqual(
      later.map(({ code, count }) => [code, count]),
      [
        [undefined, 2],
        ['ERR_WARMPATH_LLM_THROTTLED', 1],
      ],
    );
    near(later[1].nextAtMs - Date.now(), 90_000);
    near(later[0].lastAtMs - Date.now(), 3_600_000);
    const rows = await Promise.all(ids.map(row));
    assert.deepEqual(
      rows.map(({ status, retry_count: n }) => [status, n]),
      [
        ['failed', 0],
        ['pending', 0],
        ['pending', 0],
        ['pending', 1],
        ['skipped', 0],
      ],
    );
    assert.equal(rows[4].last_error, 'has left');
    // The same settlement once more, as after a lost answer.
    const repeated = await store.settle(claims.map(({ key, fence }, i) => ({ key, fence, ...outcomes[i] })));
    assert.deepEqual(
      repeated.map(({ applied, state }) => [applied, state]),
      results.map(({ state }) => [true, state]),
    );
    assert.deepEqual(
      (await Promise.all(ids.map(row))).map(({ retry_count: n }) => n),
      [0, 0, 0, 1, 0],
    );
  });

  await t.test('parts are stored once, and come with every later claim', async () => {
    await world.clear();
    const runId = await addRun();
    const [id] = await addMessages(runId, 1);
    const store = open();
    const [claimed] = await claim(store);
    const entry = { key: id, fence: claimed.fence, runId, value: generated() };
    const stored = [
      { text: 'one', delivered: false },
      { text: 'two', delivered: false },
    ];
    assert.deepEqual(await store.saveParts([entry]), [{ applied: true, active: true, parts: stored }]);
    const other = { ...entry, value: generated('else', ['something else']) };
    assert.deepEqual((await store.saveParts([other]))[0].parts, stored, 'the first text stays');
    assert.deepEqual(
      (await parts(id)).map(({ idempotency_key: key }) => key),
      [campaignPartKey(runId, id, 0), campaignPartKey(runId, id, 1)],
    );
    const {
      ai_tokens_used: tokens,
      ai_generation_time_ms: ms,
      split_time_ms: split,
      cost,
      ai_model: model,
    } = await row(id);
    assert.deepEqual([tokens, ms, split, Number(cost), model], [10, 1200, 3, 0.25, 'a/b'], 'billed once');

    assert.deepEqual(await store.delivered([{ key: id, fence: claimed.fence, part: 0, attempts: 2 }]), [
      { active: true },
    ]);
    const [{ delivered_at: at, attempts }] = await parts(id);
    assert.ok(at instanceof Date);
    assert.equal(attempts, 2);
    await settle(store, [claimed], { status: 'failed', error: transient });
    await pass(400_000);
    const [again] = await claim(store);
    assert.deepEqual(again.job.parts, [
      { text: 'one', delivered: true },
      { text: 'two', delivered: false },
    ]);
    assert.deepEqual(await store.delivered([{ key: id, fence: claimed.fence, part: 1, attempts: 1 }]), [
      { active: false },
    ]);
    assert.equal((await parts(id))[1].delivered_at, null, 'the old fence records nothing');
    assert.equal((await store.saveParts([{ ...entry, fence: claimed.fence }]))[0].applied, false);
    await store.pause(runId);
    assert.deepEqual(await store.delivered([{ key: id, fence: again.fence, part: 1, attempts: 1 }]), [
      { active: false },
    ]);
    assert.ok((await parts(id))[1].delivered_at, 'what was sent is recorded all the same');
  });

  await t.test('a text that Postgres cannot hold is stored without what it cannot', async () => {
    await world.clear();
    const runId = await addRun();
    const [id] = await addMessages(runId, 1);
    const store = open();
    const [{ fence }] = await claim(store);
    const [{ parts: saved }] = await store.saveParts([
      { key: id, fence, runId, value: generated('', ['a\0b', '\0', 'c']) },
    ]);
    assert.deepEqual(
      saved.map(({ text }) => text),
      ['ab', 'c'],
    );
  });

  await t.test('who dies with a message loses it, and after some times it is nobody’s any more', async () => {
    await world.clear();
    const [id] = await addMessages(await addRun(), 1);
    const store = open({ maxLostLeases: 2 });
    for (let lost = 0; lost <= 2; lost++) {
      const [{ error, attempt }] = await claim(store);
      assert.deepEqual([error, attempt], [undefined, 1]);
      await pass(61_000);
    }
    const [claimed] = await claim(store);
    assert.equal(claimed.error.code, 'ERR_WARMPATH_LEASE_LOST');
    await settle(store, [claimed], { status: 'failed', error: claimed.error });
    assert.equal((await row(id)).status, 'failed');
  });

  await t.test('old messages are skipped, but not one that is half delivered', async () => {
    await world.clear();
    const runId = await addRun();
    const old = await addMessages(runId, 3, '2 days');
    await addMessages(runId, 2);
    const store = open();
    const [half] = await claim(store, 1);
    await store.saveParts([{ key: half.key, fence: half.fence, runId, value: generated() }]);
    await store.delivered([{ key: half.key, fence: half.fence, part: 0, attempts: 1 }]);
    await store.release([half]);
    assert.equal(await store.skipOld(86_400_000), 2);
    assert.equal(await store.skipOld(86_400_000), 0);
    assert.deepEqual(
      (await Promise.all(old.map(row))).map(({ status }) => status),
      ['pending', 'skipped', 'skipped'],
    );
    const { messages } = await store.run(runId);
    assert.deepEqual(messages, { pending: 3, skipped: 2 });
  });

  await t.test('messages are put in once', async () => {
    await world.clear();
    const runId = await addRun();
    const store = open();
    const messageId = '00000000-0000-4000-8000-000000000001';
    const message = { runId, messageId, payload: { messages: [{ role: 'user', content: 'x' }] } };
    assert.deepEqual(await store.enqueue([message, { runId }]), ['queued', 'queued']);
    assert.deepEqual(await store.enqueue([message]), ['duplicate']);
    const claims = await claim(store);
    assert.equal(claims.length, 2);
    assert.deepEqual(claims.find(({ key }) => key === messageId).job.row.payload, message.payload);
    assert.deepEqual(await store.enqueue([message]), ['processing']);
    await settle(store, claims);
    assert.deepEqual(await store.enqueue([message]), ['cached']);
    const later = { runId, scheduledAt: new Date(Date.now() + 3000) };
    await store.enqueue([later]);
    assert.deepEqual(await claim(store), []);
    const due = await store.nextDueMs();
    assert.ok(due > 0 && due <= 3000, String(due));
  });
});
