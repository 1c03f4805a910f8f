'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { MemoryStore, isStaleFileId } = require('..');
const { MediaCache } = require('../lib/store/media-cache.js');
const { events } = require('./support/prewarm.js');
const { useWorkers, resolveBot } = require('./support/workers.js');

const world = useWorkers();

/** Warms one media and answers with its job and value. */
async function warm(worker, extra) {
  const job = await world.stage.workerJob(extra);
  if (world.db) {
    await world.db.pool.query('INSERT INTO media_store (bot_slug, sha256, kind, r2_key) VALUES ($1, $2, $3, $4)', [
      job.botSlug,
      job.sha256,
      job.kind,
      job.r2Key,
    ]);
  }
  const done = events(worker, 'succeeded');
  await worker.enqueue(job);
  const [{ value }] = await done;
  return { job, value };
}

/** In Postgres the row waits at once: a claim may have it before heal() comes to enqueue it. */
const underWay = (name) => (name === 'a pool' ? ['queued', 'duplicate', 'processing'] : ['queued']);

const setups = {
  'a pool': (t) => world.pooled(t, { concurrency: 1 }),
  'memory alone': (t) => world.open(t, { resolveBot, concurrency: 1 }),
  'a store of its own': (t) => {
    const results = new Map();
    const store = new MemoryStore();
    const { enqueue, settle } = store;
    const byKey = new Map();
    store.enqueue = (jobs) => {
      for (const job of jobs) byKey.set(job.key, job);
      return enqueue.call(store, jobs);
    };
    store.settle = (list) => {
      for (const { key, value } of list) if (value) results.set(value.fileId, byKey.get(key));
      return settle.call(store, list);
    };
    store.invalidate = async (fileId) => {
      const job = results.get(fileId);
      results.delete(fileId);
      return job ? [job] : [];
    };
    return world.open(t, { resolveBot, store, concurrency: 1 });
  },
};

// tdlib/telegram-bot-api#490
for (const [name, make] of Object.entries(setups)) {
  test(`a stale file_id is forgotten and its media warmed again first: ${name}`, async (t) => {
    const worker = make(t);
    await worker.start();
    const { job, value } = await warm(worker);
    // Behind these the healed one would wait, if it had no priority.
    const order = [];
    worker.on('succeeded', (result) => order.push(result.job.sha256));
    const fault = world.stage.tg.faults.add({ kind: 'status', status: 429, retryAfter: 1 });
    const done = events(worker, 'succeeded', 9);
    await worker.enqueueMany(
      await Promise.all(Array.from({ length: 8 }, () => world.stage.workerJob({ priority: 5 }))),
    );
    assert.ok(underWay(name).includes(await worker.heal(value.fileId)));
    assert.equal(await worker.heal(value.fileId), 'unknown', 'it is no result any more');
    const results = await done;
    assert.equal(fault.bites, 1);
    const place = order.indexOf(job.sha256);
    assert.ok(place <= 2, `only what was claimed already came before it: ${place}`);
    const again = results[place].value;
    assert.notEqual(again.fileId, undefined);
    assert.equal(world.stage.tg.received.filter((message) => message.sha256 === job.sha256).length, 2);
    if (name === 'a pool') {
      const row = await world.db.row(job);
      assert.deepEqual([row.status, row.file_id], ['ready', again.fileId]);
    }
    assert.ok(underWay(name).includes(await worker.heal(again.fileId)), 'and it can go stale again');
  });
}

test('what cannot be healed says so', async (t) => {
  const worker = world.pooled(t);
  await worker.start();
  assert.equal(await worker.heal('AgACAgQAAxkD'), 'unknown');
  assert.equal(await worker.heal("'; DROP TABLE media_cache; --"), 'unknown');
  for (const wrong of [undefined, null, '', 7, {}, 'x'.repeat(1025)]) {
    await assert.rejects(worker.heal(wrong), { code: 'ERR_WARMPATH_INVALID_ARGUMENT' });
  }
  // A row without a source: an error to be read, not a job that fails for ever.
  const { job, value } = await warm(worker);
  await world.db.pool.query('DELETE FROM media_store');
  await world.db.pool.query('UPDATE media_cache SET job = NULL');
  const failed = events(worker, 'failed');
  assert.equal(await worker.heal(value.fileId), 'unknown');
  await failed;
  const row = await world.db.row(job);
  assert.deepEqual([row.status, row.file_id], ['error', null]);
  assert.match(row.last_error, /SOURCE_NOT_FOUND/);
  await worker.stop();
  await assert.rejects(worker.heal(value.fileId), { code: 'ERR_WARMPATH_CLOSED' });
});

test('the texts of a stale file_id, as clients throw them', () => {
  const description = 'Bad Request: wrong file identifier/HTTP URL specified';
  for (const stale of [
    description,
    { description },
    { response: { description } },
    new Error(`Call to 'sendPhoto' failed! (400: ${description})`),
    'Bad Request: wrong remote file identifier specified: Wrong string length',
    'Bad Request: wrong file_id or the file is temporarily unavailable',
    'Bad Request: FILE_REFERENCE_EXPIRED',
  ]) {
    assert.equal(isStaleFileId(stale), true, String(stale.description ?? stale));
  }
  for (const other of ['Bad Request: chat not found', '', null, undefined, 7, {}, new Error('x'), { description: 7 }]) {
    assert.equal(isStaleFileId(other), false);
  }
});

test('a file_id goes into the row of the kind that it has', async () => {
  const cache = new MediaCache(world.db.pool);
  const job = { botSlug: 'bot', sha256: 'a'.repeat(64), kind: 'photo', r2Key: 'k' };
  await cache.markWarming([job]);
  const value = {
    fileId: 'f',
    fileUniqueId: 'u',
    chatId: '-1',
    messageId: 1,
    kind: 'document',
    kindReason: 'rejected',
  };
  await cache.saveReady([{ job, value }]);
  const rows = (await world.db.rows()).map(({ kind, status, file_id, last_error }) => [
    kind,
    status,
    file_id,
    last_error,
  ]);
  const why = 'ERR_WARMPATH_TELEGRAM_KIND: recorded as document: photo was not possible';
  assert.deepEqual(rows.sort(), [
    ['document', 'ready', 'f', null],
    ['photo', 'error', null, why],
  ]);
});
