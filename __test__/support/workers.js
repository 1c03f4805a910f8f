'use strict';

const test = require('node:test');
const { PrewarmWorker, MemoryStore } = require('../..');
const { MediaCache } = require('../../lib/store/media-cache.js');
const { startStage, TOKEN, CHAT } = require('./prewarm.js');
const { startTables } = require('./tables.js');

const RETRY = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: [10, 10] };

/** Registers the hooks of a test file: sandboxes and a database with one bot, emptied before each test. */
function useWorkers() {
  const world = { stage: null, db: null };
  test.before(async () => {
    [world.stage, world.db] = await Promise.all([startStage(), startTables()]);
  });
  test.after(() => Promise.all([world.stage.close(), world.db.stop()]));
  test.beforeEach(async () => {
    world.stage.tg.reset();
    await world.db.clear();
    await world.db.addBot('bot', TOKEN, CHAT);
  });

  /** A worker that is stopped when the test ends. */
  world.open = (t, extra = {}) => {
    const worker = new PrewarmWorker(world.stage.options({ retry: RETRY, ...extra }));
    t.after(() => worker.stop({ timeoutMs: 0 }));
    return worker;
  };
  world.pooled = (t, extra) => world.open(t, { pool: world.db.pool, ...extra });

  /** The form the compat module uses: jobs in memory, rows and results in the tables, unfinished rows recovered. */
  world.remembering = (t, extra = {}) => {
    const options = world.stage.options({ pool: world.db.pool, retry: RETRY, ...extra });
    const store = new MemoryStore({ capacity: extra.capacity ?? 500, delaysMs: options.retry.delaysMs });
    const worker = new PrewarmWorker(options, { store, recorder: new MediaCache(options.pool) });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    return worker;
  };

  /** A pool whose queries the test can make fail. */
  world.faultyPool = (shouldFail) => {
    const pool = { failures: 0 };
    pool.query = async (text, params) => {
      if (!shouldFail(text, pool)) return world.db.pool.query(text, params);
      pool.failures++;
      throw Object.assign(new Error('connection lost: postgres://u:hunter2@db'), { code: '57P01' });
    };
    return pool;
  };
  return world;
}

const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });

module.exports = { useWorkers, resolveBot, RETRY };
