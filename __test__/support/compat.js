'use strict';

const test = require('node:test');
const { startStage, TOKEN, CHAT } = require('./prewarm.js');
const { startTables } = require('./tables.js');

const MODULE = require.resolve('../../lib/compat/mediaPrewarmWorker.js');

/** Registers the hooks of a test file about the compat worker: sandboxes and a database with one bot. */
function useCompat() {
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

  /** A fresh copy of the module: it is one worker per process, and each test wants its own. */
  world.fresh = (t, config = {}) => {
    delete require.cache[MODULE];
    const compat = require('warmpath/compat/mediaPrewarmWorker');
    const lines = [];
    const metrics = [];
    const log = (level) => (tag, fields) => lines.push({ level, tag, fields });
    const { s3, telegram } = world.stage.options();
    const observe = (name, value, labels) => metrics.push({ name, value, labels });
    compat.configure({
      s3,
      telegram,
      limits: false,
      logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      ...config,
      services: { observe, ...config.services },
    });
    t.after(() => compat.getWorkerController().stop({ timeoutMs: 0 }));
    const tags = () => lines.map(({ tag }) => tag);
    return { ...compat, lines, metrics, tags, metric: (name) => metrics.filter((entry) => entry.name === name) };
  };

  /** Seed-shaped parameters for a stored object. */
  world.params = async (extra = {}) => {
    const job = await world.stage.workerJob();
    return { bot_slug: job.botSlug, sha256: job.sha256, kind: job.kind, r2_key: job.r2Key, ...extra };
  };

  /** Whether the row of these parameters holds a result. */
  world.isReady = async ({ sha256 }) => (await world.db.row({ sha256 }))?.status === 'ready';
  return world;
}

module.exports = { useCompat };
