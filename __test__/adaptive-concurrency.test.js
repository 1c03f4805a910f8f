'use strict';

// That the number of slots is measured rightly is proved in engine/src/executor/schedule/adaptive; here: that it is at work.

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');
const { PrewarmExecutor, PrewarmWorker } = require('..');
const { startStage } = require('./support/prewarm.js');

describe('concurrency: { min, max }', () => {
  let stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage.close());
  afterEach(() => stage.tg.reset());

  const open = (t, extra) => {
    const executor = new PrewarmExecutor(stage.options({ cache: { maxBytes: 2 ** 20 }, capacity: 1000, ...extra }));
    t.after(() => executor.close({ timeoutMs: 0 }));
    return executor;
  };

  /** One file for many bots, each of which takes a while: how many requests there were at once, and how they ended. */
  async function run(executor, count) {
    const job = await stage.job({ r2Key: 'shared' });
    const jobs = Array.from({ length: count }, (_, i) => ({ ...job, botSlug: `bot-${i}`, key: `${i}` }));
    const outcomes = [];
    const done = new Promise((resolve) => {
      executor.on('settled', (batch) => {
        outcomes.push(...batch);
        if (outcomes.length === count) resolve();
      });
    });
    executor.submitMany(jobs);
    await done;
    executor.removeAllListeners('settled');
    return { outcomes, peak: stage.tg.limitStats().peakRequests };
  }

  it('grows where slots are wanted and tries are as quick as ever, and stays in its bounds', async (t) => {
    stage.tg.faults.add({ kind: 'delay', ms: 20, times: Infinity });
    const executor = open(t, { concurrency: { max: 8 } });
    const before = executor.stats();
    assert.deepEqual(
      [before.concurrency, before.adaptive],
      [1, { min: 1, max: 8, slowdown: 1, raised: 0, lowered: 0 }],
    );
    const { outcomes, peak } = await run(executor, 120);
    assert.ok(outcomes.every(({ status }) => status === 'succeeded'));
    const { concurrency, adaptive } = executor.stats();
    assert.ok(adaptive.raised > 0 && adaptive.slowdown > 0, JSON.stringify(adaptive));
    assert.ok(concurrency >= 1 && concurrency <= 8 && peak > 1 && peak <= 8, `${concurrency}, ${peak} at once`);
  });

  it('shrinks when tries fail as an overload makes them fail', async (t) => {
    stage.tg.faults.add({ name: 'internal', times: Infinity });
    const executor = open(t, { concurrency: { min: 2, max: 6 } });
    const { outcomes } = await run(executor, 60);
    assert.ok(outcomes.every(({ error }) => error.code === 'ERR_WARMPATH_TELEGRAM_SERVER'));
    assert.deepEqual([executor.stats().concurrency, executor.stats().adaptive.raised], [2, 0]);
  });

  it('can be set, and be taken back, at run time', (t) => {
    const executor = open(t, { concurrency: 3 });
    assert.deepEqual([executor.stats().concurrency, executor.stats().adaptive], [3, null]);
    executor.setConcurrency({ min: 2, max: 10 });
    assert.equal(executor.stats().concurrency, 2);
    assert.equal(executor.stats().adaptive.max, 10);
    executor.setConcurrency(4);
    assert.deepEqual([executor.stats().concurrency, executor.stats().adaptive], [4, null]);
  });

  it('is checked', (t) => {
    const executor = open(t, {});
    for (const [bad, option] of [
      [{}, 'concurrency.max'],
      [{ min: 1 }, 'concurrency.max'],
      [{ min: 5, max: 4 }, 'concurrency.min'],
      [{ min: 0, max: 4 }, 'concurrency.min'],
      [{ max: 4097 }, 'concurrency.max'],
      [{ max: 5, step: 1 }, 'concurrency.step'],
      [[1, 2], 'concurrency'],
      ['auto', 'concurrency'],
    ]) {
      assert.throws(() => open(t, { concurrency: bad }), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
      assert.throws(() => executor.setConcurrency(bad), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option });
    }
  });

  it('is the same for a worker, which takes in as much as the most slots need', async (t) => {
    const job = await stage.job();
    const { token, chatIds, ...media } = job;
    const options = stage.options({ concurrency: { min: 1, max: 8 }, resolveBot: async () => ({ token, chatIds }) });
    const worker = new PrewarmWorker(options);
    t.after(() => worker.stop({ timeoutMs: 0 }));
    await worker.start();
    const done = new Promise((resolve) => worker.once('succeeded', resolve));
    assert.equal(await worker.enqueue(media), 'queued');
    await done;
    assert.equal(worker.stats().concurrency, 1);
    assert.equal(worker.stats().adaptive.max, 8);
  });
});
