'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Pool } = require('pg');
const { MediaCache, identity } = require('../lib/store/media-cache.js');
const { startTables } = require('./support/tables.js');

const hex = (i) => String(i).padStart(64, '0');
const job = (i, extra) => ({
  botSlug: 'bot',
  sha256: hex(i),
  kind: 'photo',
  r2Key: `k${i}`,
  key: `job-${i}`,
  ...extra,
});

test('media_cache', async (t) => {
  const db = await startTables();
  const { pool } = db;
  t.after(() => db.stop());
  t.beforeEach(() => db.clear());
  const cache = new MediaCache(pool);
  const rows = async () => (await pool.query('SELECT * FROM media_cache ORDER BY sha256')).rows;
  const status = async () => Object.fromEntries((await rows()).map((row) => [Number(row.sha256), row.status]));
  const value = (i) => ({
    fileId: `f${i}`,
    fileUniqueId: `u${i}`,
    messageId: i,
    chatId: '-1001234567890123',
    kind: 'photo',
  });

  await t.test('markWarming makes rows, renews failed ones, and leaves ready ones alone', async () => {
    await pool.query(
      `INSERT INTO media_cache (bot_slug, sha256, kind, status, file_id, last_error) VALUES
       ('bot', $1, 'photo', 'ready', 'f', NULL), ('bot', $2, 'photo', 'error', NULL, 'old'), ('bot', $3, 'photo', 'warming', NULL, NULL),
       ('bot', $4, 'photo', 'ready', NULL, NULL)`,
      [hex(1), hex(2), hex(3), hex(4)],
    );
    const ready = await cache.markWarming([1, 2, 3, 4, 5, 5].map((i) => job(i)));
    assert.deepEqual(ready, new Set([identity(job(1))]));
    assert.deepEqual(await status(), { 1: 'ready', 2: 'warming', 3: 'warming', 4: 'warming', 5: 'warming' });
    assert.equal((await rows())[1].last_error, null);
  });

  await t.test('saveReady writes all columns; the last of two results of one row counts', async () => {
    await cache.saveError([{ job: job(1), error: { code: 'C', message: 'm' } }]);
    const records = [1, 2].map((i) => ({ job: job(i), value: value(i) }));
    records.push({ job: job(2, { key: 'other' }), value: value(3) });
    records.push({
      job: job(4),
      value: { ...value(4), chatId: '@name', messageId: undefined, fileUniqueId: undefined },
    });
    await cache.saveReady(records);
    const [one, two, four] = await rows();
    assert.equal(one.status, 'ready');
    assert.equal(one.last_error, null);
    assert.ok(one.warmup_at instanceof Date);
    assert.deepEqual(
      [one.file_id, one.file_unique_id, one.warmup_chat_id, one.warmup_message_id],
      ['f1', 'u1', '-1001234567890123', '1'],
    );
    assert.equal(two.file_id, 'f3');
    assert.deepEqual(
      [four.file_id, four.file_unique_id, four.warmup_chat_id, four.warmup_message_id],
      ['f4', null, null, null],
    );
  });

  await t.test('saveError keeps the reason, clipped and clean, and never spoils a ready row', async () => {
    await cache.saveReady([{ job: job(1), value: value(1) }]);
    const error = { code: 'ERR_X', message: `a\0b\ud800${'y'.repeat(1000)}` };
    await cache.saveError([1, 2].map((i) => ({ job: job(i), error })));
    const [one, two] = await rows();
    assert.equal(one.status, 'ready');
    assert.equal(two.status, 'error');
    assert.ok(two.last_error.startsWith('ERR_X: a b\ufffdyyy'));
    assert.equal(two.last_error.length, 500);
  });

  await t.test('values are parameters, whatever they hold', async () => {
    const evil = { botSlug: "b'; DROP TABLE media_cache; --", sha256: hex(1), kind: 'photo', key: 'k' };
    await cache.markWarming([evil]);
    await cache.saveReady([{ job: evil, value: { ...value(1), fileId: '\'"{},\\' } }]);
    assert.deepEqual(
      (await rows()).map((row) => [row.bot_slug, row.file_id]),
      [[evil.botSlug, '\'"{},\\']],
    );
  });

  await t.test('recover joins what the store knows, oldest first, in portions, without what is known', async () => {
    for (const i of [1, 2, 3, 4]) {
      await pool.query('INSERT INTO media_store VALUES ($1, $2, $3, $4, $5, $6, $7)', [
        'bot',
        hex(i),
        'photo',
        `k${i}`,
        'image/png',
        `n${i}`,
        10 + i,
      ]);
      await pool.query(
        "INSERT INTO media_cache (bot_slug, sha256, kind, status, created_at) VALUES ('bot', $1, 'photo', $2, now() - make_interval(mins => $3))",
        [hex(i), i === 4 ? 'error' : 'warming', i],
      );
    }
    const first = await cache.recover({ limit: 2, known: [] });
    assert.deepEqual(
      first.jobs.map((found) => ({ ...found })),
      [3, 2].map((i) => ({
        botSlug: 'bot',
        sha256: hex(i),
        kind: 'photo',
        r2Key: `k${i}`,
        contentType: 'image/png',
        fileName: `n${i}`,
        size: 10 + i,
        key: `photo:${hex(i)}:bot`,
      })),
    );
    assert.equal(first.more, true);
    const second = await cache.recover({ limit: 2, known: first.jobs });
    assert.deepEqual(
      second.jobs.map(({ r2Key }) => r2Key),
      ['k1'],
    );
    assert.equal(second.more, false);
  });

  await t.test('rows that can never be jobs are named, hints that do not fit are left out', async () => {
    await pool.query(
      'INSERT INTO media_store (bot_slug, sha256, r2_key, content_type, file_name) VALUES ($1, $2, $3, $4, $5)',
      ['bot', hex(1), 'k1', 'not a type', ''],
    );
    await pool.query('INSERT INTO media_store (bot_slug, sha256, r2_key) VALUES ($1, $2, $3)', ['bot', 'XYZ', 'k']);
    await pool.query(
      "INSERT INTO media_cache (bot_slug, sha256, kind, status) VALUES ('bot', $1, 'photo', 'warming'), ('bot', $1, 'gif', 'warming'), ('bot', $2, 'photo', 'warming'), ('bot', 'XYZ', 'photo', 'warming')",
      [hex(1), hex(2)],
    );
    const { jobs, refused } = await cache.recover({ limit: 10 });
    assert.deepEqual(
      jobs.map((found) => ({ ...found })),
      [{ botSlug: 'bot', sha256: hex(1), kind: 'photo', r2Key: 'k1', key: `photo:${hex(1)}:bot` }],
    );
    assert.equal(refused, 3);
    const errors = (await rows()).filter((row) => row.status === 'error').map((row) => row.last_error);
    assert.ok(errors.some((text) => text.startsWith('ERR_WARMPATH_SOURCE_NOT_FOUND: media_store')));
    assert.equal(errors.filter((text) => text.startsWith('ERR_WARMPATH_INVALID_JOB: job.')).length, 2);
  });

  await t.test('an older media_store without the optional columns is enough', async () => {
    await pool.query('CREATE SCHEMA old');
    const old = new Pool({ connectionString: db.server.url, options: '-c search_path=old' });
    // end() may resolve before the server has closed its side.
    old.on('error', () => {});
    try {
      await old.query('CREATE TABLE media_store (bot_slug text, sha256 varchar(64), r2_key text)');
      await old.query(db.statements.at(-1));
      await old.query('INSERT INTO media_store VALUES ($1, $2, $3)', ['bot', hex(1), 'k1']);
      const table = new MediaCache(old);
      await table.markWarming([job(1)]);
      const { jobs } = await table.recover({ limit: 5 });
      assert.deepEqual(
        jobs.map(({ r2Key }) => r2Key),
        ['k1'],
      );
    } finally {
      await old.end();
    }
  });

  await t.test('a database failure is typed, and its text stays in the cause', async () => {
    const broken = new Pool({ connectionString: 'postgres://user:hunter2@127.0.0.1:1/x' });
    const failure = await new MediaCache(broken).markWarming([job(1)]).catch((err) => err);
    assert.equal(failure.code, 'ERR_WARMPATH_DATABASE');
    assert.equal(failure.class, 'transient');
    assert.match(failure.message, /ECONNREFUSED/);
    assert.ok(!JSON.stringify(failure).includes('hunter2'));
    await broken.end();
  });
});
