'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { IngestWorker, MemoryStore } = require('..');
const { folder, startOrigin } = require('./support/ingest-media.js');
const { until, events } = require('./support/prewarm.js');

test('a source that asks for time for ever is obeyed for a day; from then on it costs attempts', async (t) => {
  let now = 1000;
  const store = new MemoryStore({ delaysMs: [10, 10] }, { now: () => now });
  const origin = await startOrigin();
  t.after(() => origin.close());
  const worker = new IngestWorker({ dir: folder(t).dir, http: origin.http, store, pollMs: 10, retry: { quick: 0 } });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  worker.on('error', () => {});
  const asking = origin.medium({}, { play: () => ({ status: 429, headers: { 'retry-after': '600' } }) });
  const seen = [];
  worker.on('retry', ({ attempt, charged, error }) => seen.push([attempt, charged, error.code]));
  const failed = events(worker, 'failed', 1);
  await worker.enqueue(asking.job);
  await worker.start();
  const code = 'ERR_WARMPATH_SOURCE_THROTTLED';
  const seenThen = async (n, expected) => {
    await until(() => seen.length === n);
    assert.deepEqual(seen.at(-1), [...expected, code]);
  };
  for (const n of [1, 2, 3]) {
    await seenThen(n, [1, false]);
    now += n === 3 ? 86_400_000 : 700_000;
  }
  await seenThen(4, [1, true]);
  now += 700_000;
  await seenThen(5, [2, true]);
  now += 700_000;
  const [{ error, attempt }] = await failed;
  assert.deepEqual([error.code, attempt], [code, 3]);
});
