'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { startStage, sha256, until } = require('./support/prewarm.js');

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());

const reads = () => stage.r2.requests.filter(({ method }) => method === 'GET').length;

function open(t, options) {
  stage.r2.reset();
  stage.tg.reset();
  const executor = new PrewarmExecutor(stage.options({ route: 'stream', concurrency: 10, ...options }));
  t.after(() => executor.close({ timeoutMs: 0 }));
  return executor;
}

for (const [what, size] of [
  ['small, in memory', 20_000],
  ['large, on the disk', 3 * 1024 * 1024],
]) {
  test(`ten bots, one download (${what})`, async (t) => {
    const executor = open(t, { cache: { maxBytes: 64 * 1024 * 1024 } });
    const bytes = randomBytes(size);
    const job = await stage.job({}, bytes);
    const bots = Array.from({ length: 10 }, (_, i) => ({ ...job, botSlug: `bot${i}` }));
    const values = await Promise.all(bots.map((bot) => executor.run(bot)));
    assert.equal(reads(), 1);
    assert.deepEqual(values.map(({ route }) => route).sort(), [...Array(9).fill('cache'), 'stream']);
    assert.deepEqual(
      stage.tg.received.map((message) => message.sha256),
      Array(10).fill(sha256(bytes)),
    );
    const { cache, bytesIn, bytesOut } = executor.stats();
    assert.deepEqual([cache.hits, cache.misses, cache.entries, cache.bytes], [9, 1, 1, size]);
    assert.deepEqual([bytesIn, bytesOut], [size, 10 * size]);
    // And later, for a bot that was held back.
    assert.equal((await executor.run({ ...job, botSlug: 'late' })).route, 'cache');
    assert.equal(reads(), 1);
  });
}

test('without a cache every bot reads for itself', async (t) => {
  const executor = open(t, {});
  const job = await stage.job();
  await Promise.all(['a', 'b'].map((botSlug) => executor.run({ ...job, botSlug })));
  assert.equal(reads(), 2);
  assert.equal(executor.stats().cache, null);
});

test('what is kept is let go after its time, and with its executor', async (t) => {
  const executor = open(t, { cache: { maxBytes: 1_000_000, ttlMs: 30 } });
  await executor.run(await stage.job());
  await until(() => executor.stats().cache.bytes === 0);
  assert.equal(executor.stats().cache.entries, 0);
});

test('a directory that is none costs the cache, not the job', async (t) => {
  const executor = open(t, { cache: { maxBytes: 64 * 1024 * 1024, dir: '/nowhere/at/all' } });
  const job = await stage.job({}, randomBytes(2 * 1024 * 1024));
  assert.equal((await executor.run(job)).route, 'stream');
  const { cache } = executor.stats();
  assert.deepEqual([cache.failures, cache.bytes], [1, 0]);
});
