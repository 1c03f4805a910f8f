'use strict';

const assert = require('node:assert/strict');
const { migrate } = require('..');
const { onServers } = require('./support/pg-servers.js');
const { storeWorld, job, hex, value } = require('./support/pg-store.js');

onServers('PostgresStore and its rows', async (servers, t) => {
  const world = await storeWorld(servers, t);
  const { pool, claim, fail, succeed, row } = world;
  t.beforeEach(() => world.clear());

  await t.test('rows of the app’s own SQL are jobs; those that cannot be say why', async () => {
    const store = world.open();
    await pool.query(
      "INSERT INTO media_store (bot_slug, sha256, r2_key, content_type, file_name, bytes) VALUES ('bot', $1, 'obj', 'image/png', 'n.png', 9)",
      [hex(1)],
    );
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('bot', $1, 'photo', 'warming'), ('bot', $2, 'photo', 'warming'), ('bot', $1, 'gif', 'warming')",
      [hex(1), hex(2)],
    );
    const claims = await claim(store);
    const byError = Object.fromEntries(claims.map(({ error, job: found }) => [error?.code ?? 'ok', found]));
    assert.deepEqual(
      { ...byError.ok },
      {
        botSlug: 'bot',
        sha256: hex(1),
        kind: 'photo',
        r2Key: 'obj',
        contentType: 'image/png',
        fileName: 'n.png',
        size: 9,
        key: `photo:${hex(1)}:bot`,
      },
    );
    assert.deepEqual(Object.keys(byError).sort(), ['ERR_WARMPATH_INVALID_JOB', 'ERR_WARMPATH_SOURCE_NOT_FOUND', 'ok']);
  });

  await t.test('enqueue takes over a row that the app wrote, with the tries it has', async () => {
    const store = world.open();
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status, attempts, run_at) VALUES ('bot', $1, 'photo', 'warming', 2, now() - interval '1 hour')",
      [hex(1)],
    );
    assert.deepEqual(await store.enqueue([job(1, { caption: 'new' })]), ['queued']);
    assert.deepEqual(await store.enqueue([job(1)]), ['duplicate']);
    const [{ attempt, waitedMs, job: found }] = await claim(store);
    assert.deepEqual([attempt, found.caption], [3, 'new']);
    assert.ok(waitedMs >= 3_600_000);
  });

  await t.test('one result that the table refuses ends its own job only', async () => {
    const problems = [];
    const store = world.open({ onError: (err) => problems.push(err.code) });
    await store.enqueue([job(1), job(2), job(3)]);
    await pool.query('ALTER TABLE media_cache ADD CONSTRAINT short CHECK (length(file_id) < 5)');
    const claims = await claim(store);
    const outcomes = claims.map((one, i) => ({
      ...one,
      status: 'succeeded',
      charged: true,
      value: { ...value(i), fileId: i === 1 ? 'too long' : 'ok' },
    }));
    assert.deepEqual(
      (await store.settle(outcomes)).map(({ state }) => state),
      ['done', 'dead', 'done'],
    );
    await pool.query('ALTER TABLE media_cache DROP CONSTRAINT short');
    assert.match((await row(2)).last_error, /^ERR_WARMPATH_DATABASE: the database refused the result \(23514\)/);
    assert.deepEqual(problems, ['ERR_WARMPATH_DATABASE']);
  });

  await t.test('the next time to look is known', async () => {
    const store = world.open();
    assert.deepEqual(await claim(store), []);
    assert.equal(await store.nextDueMs(), null);
    await store.enqueue([job(1), job(2, { priority: 9 })]);
    const claims = await claim(store);
    await fail(store, claims.slice(0, 1));
    const due = await store.nextDueMs();
    assert.ok(due > 55_000 && due <= 66_000, String(due));
    await store.release(claims.slice(1));
    const fresh = world.open();
    // Let go, not run out: after a start of the server what has run out goes to others half the time of a lane later.
    await pool.query('UPDATE warmpath_lanes SET owner = NULL, until = now()');
    assert.equal((await claim(fresh, 1)).length, 1);
    const leased = await fresh.nextDueMs();
    assert.ok(leased > 50_000 && leased <= 66_000, String(leased));
  });

  await t.test('numbers', async () => {
    const store = world.open();
    await store.enqueue([job(1), job(2), job(3)]);
    assert.deepEqual(store.stats(), { queued: 3, delayed: 0, running: 0, capacity: Infinity });
    const [one, two] = await claim(store, 2);
    await fail(store, [one]);
    assert.deepEqual(await store.counts(), { queued: 1, delayed: 1, running: 1 });
    assert.deepEqual(store.stats(), { queued: 1, delayed: 1, running: 1, capacity: Infinity });
    await store.release([two]);
    const [instance] = await store.instances();
    assert.equal(instance.id, store.id);
    assert.deepEqual([instance.pid, instance.live, instance.lanes], [process.pid, true, ['bot']]);
  });

  await t.test('a table of the user’s own, by column mapping', async () => {
    await pool.query('CREATE SCHEMA IF NOT EXISTS app');
    await pool.query(
      'CREATE TABLE app."Media Jobs" (bot varchar(40), hash char(64), type text, state text NOT NULL, tg_id text, err text, PRIMARY KEY (bot, hash, type))',
    );
    const none = Object.fromEntries(
      [
        'fileUniqueId',
        'chatId',
        'messageId',
        'warmedAt',
        'createdAt',
        'updatedAt',
        'retryCount',
        'nextRetryAt',
        'lastRetryAt',
      ].map((name) => [name, null]),
    );
    const names = {
      table: 'app.Media Jobs',
      mediaTable: null,
      columns: {
        botSlug: 'bot',
        sha256: 'hash',
        kind: 'type',
        status: 'state',
        fileId: 'tg_id',
        lastError: 'err',
        job: 'the "job"',
        ...none,
      },
    };
    await migrate(pool, names);
    const store = world.open(names);
    assert.deepEqual(await store.enqueue([job(1), job(2), job(3)]), ['queued', 'queued', 'queued']);
    const [one, two, three] = await claim(store);
    assert.deepEqual(await store.extend([one], 60_000), [true]);
    await succeed(store, [one]);
    await fail(store, [two]);
    await store.release([three]);
    assert.deepEqual(await store.enqueue([job(1), job(2)]), ['cached', 'duplicate']);
    const { rows: found } = await pool.query('SELECT state, tg_id FROM app."Media Jobs" ORDER BY hash');
    assert.deepEqual(found, [
      { state: 'ready', tg_id: 'f0' },
      { state: 'warming', tg_id: null },
      { state: 'warming', tg_id: null },
    ]);
    assert.deepEqual(await store.counts(), { queued: 1, delayed: 1, running: 0 });
    await store.close();
    await pool.query('DROP SCHEMA app CASCADE');
  });

  await t.test('a file_id of another kind goes into the row of that kind, and the job says so', async () => {
    const store = world.open();
    await store.enqueue([job(1), job(2), job(3)]);
    const claims = await world.claim(store);
    const settled = claims.map(({ key, fence }, i) => {
      const kind = i === 1 ? 'photo' : 'document';
      const kindReason = i === 2 ? 'telegram' : undefined;
      return { key, fence, status: 'succeeded', charged: true, value: { ...value(i), kind, kindReason } };
    });
    assert.deepEqual(await store.settle(settled), Array(3).fill({ applied: true, state: 'done' }));
    const rows = await world.rows();
    assert.deepEqual(
      rows.map(({ sha256, kind, status, file_id: id }) => [Number(sha256), kind, status, id]),
      [
        [1, 'document', 'ready', 'f0'],
        [1, 'photo', 'error', null],
        [2, 'photo', 'ready', 'f1'],
        [3, 'document', 'ready', 'f2'],
        [3, 'photo', 'error', null],
      ],
    );
    assert.deepEqual(
      [rows[1].last_error, rows[4].last_error],
      [
        'ERR_WARMPATH_TELEGRAM_KIND: recorded as document: photo was not possible',
        'ERR_WARMPATH_TELEGRAM_KIND: recorded as document: Telegram made it one',
      ],
    );
    // Said again by a stale owner, it changes nothing; and a row that somebody works on is left to its holder.
    await store.enqueue([job(4), job(4, { kind: 'document' })]);
    const both = await world.claim(store);
    const photo = both.find(({ job: { kind } }) => kind === 'photo');
    const { key, fence } = photo;
    await store.settle([{ key, fence, status: 'succeeded', charged: true, value: { ...value(9), kind: 'document' } }]);
    const [document] = (await world.rows()).filter(({ sha256, kind }) => Number(sha256) === 4 && kind === 'document');
    assert.deepEqual([document.status, document.file_id], ['warming', null]);
    await world.clear();
  });

  await t.test('options that make no sense are refused', () => {
    for (const [extra, option] of [
      [{ pool: {} }, 'pool'],
      [{ table: '' }, 'table'],
      [{ table: 'a.b.c' }, 'table'],
      [{ table: `${'ä'.repeat(40)}` }, 'table'],
      [{ columns: { botSlug: null } }, 'columns.botSlug'],
      [{ columns: { nope: 'x' } }, 'columns.nope'],
      [{ columns: { kind: 'a\0b' } }, 'columns.kind'],
      [{ maxLostLeases: 0 }, 'maxLostLeases'],
      [{ listen: 5 }, 'listen'],
      [{ unknown: 1 }, 'unknown'],
    ]) {
      assert.throws(() => world.open(extra), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
    }
  });

  await t.test('a database that is not prepared says what to do', async () => {
    await pool.query('ALTER TABLE media_cache RENAME COLUMN fence TO fence2');
    const store = world.open();
    await assert.rejects(store.enqueue([job(1)]), { class: 'config', message: /npx warmpath migrate/ });
    await pool.query('ALTER TABLE media_cache RENAME COLUMN fence2 TO fence');
  });
});
