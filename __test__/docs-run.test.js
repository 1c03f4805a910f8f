'use strict';

// Every block of JavaScript in the documents is run, against a real Postgres, Redis and the sandboxes.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');
const { Pool } = require('pg');
const { migrate, migrateCampaigns } = require('../index.js');
const { allBlocks, root } = require('./support/docs/blocks.js');
const { closeAll, execute } = require('./support/docs/execute.js');
const { namesOf } = require('./support/docs/names.js');
const { entries, runOf } = require('./support/docs/runs.js');
const { startWorld } = require('./support/docs/world.js');
const { redisMissing, startRedis } = require('./support/redis.js');

const blocks = allBlocks().filter(({ language }) => language === 'js');
const noRedis = redisMissing();

/** What a reader has in the environment. */
function environment({ world, database, redis }) {
  return {
    DATABASE_URL: database.url,
    ADMIN_API_TOKEN: 't'.repeat(32),
    OPENROUTER_API_KEY: 'sk-test',
    OPENAI_API_KEY: 'sk-test',
    WEBHOOK_URL: world.hook.url,
    WEBHOOK_SECRET: world.secret,
    R2_ENDPOINT: world.s3.endpoint,
    R2_BUCKET: 'media',
    R2_ACCESS_KEY_ID: world.s3.accessKeyId,
    R2_SECRET_ACCESS_KEY: world.s3.secretAccessKey,
    TELEGRAM_API_ROOT: world.telegram.url,
    MEDIA_PREWARM_LIMITS: 'off',
    ...(redis === null ? {} : { REDIS_HOST: '127.0.0.1', REDIS_PORT: `${redis.connection.port}` }),
  };
}

/** The `require` of a block: what it makes of the package, and of BullMQ, is led to the services of this test. */
function requireFor({ world, redis, things }) {
  return (name) => {
    if (name === 'warmpath') return world.package(things);
    if (name === 'bullmq' && redis !== null) {
      const bullmq = require('bullmq');
      const here = { ...redis.connection };
      const at = (options) => ({ ...options, connection: { ...options?.connection, ...here } });
      return {
        ...bullmq,
        Queue: class extends bullmq.Queue {
          constructor(queue, options) {
            super(queue, at(options));
          }
        },
        Worker: class extends bullmq.Worker {
          constructor(queue, run, options) {
            super(queue, run, at(options));
          }
        },
      };
    }
    const found = require(name);
    // A block stores where a server does.
    if (name === 'warmpath/bullmq') {
      return {
        ...found,
        ProcessMedia: class extends found.ProcessMedia {
          constructor(options) {
            super({ ...options, dir: world.dir });
          }
        },
      };
    }
    if (name === 'warmpath/compat/processMedia') {
      return { ...found, configure: (options) => found.configure({ ...options, dir: world.dir }) };
    }
    return found;
  };
}

test('every block of the documents runs', async (t) => {
  const world = await startWorld();
  const redis = noRedis === null ? await startRedis() : null;
  const database = await world.database();
  world.pool = database.pool;
  await migrate(world.pool);
  await migrateCampaigns(world.pool);
  Object.assign(process.env, environment({ world, database, redis }));
  t.after(async () => {
    await world.pool.end();
    await redis?.stop();
    await world.stop();
  });
  let ran = 0;

  for (const { file, line, code } of allBlocks().filter(({ language }) => language === 'sh')) {
    for (const [, command] of code.matchAll(/^npx warmpath ((?:migrate|sign|doctor)[^#\n]*)/gm)) {
      await t.test(`${file}:${line} npx warmpath ${command.trim()}`, async () => {
        const args = [path.join(root, 'bin', 'warmpath.js'), ...command.trim().split(' ')];
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: world.dir });
        assert.ok(stdout.length > 0 && stderr === '', `${stdout}${stderr}`);
      });
    }
  }

  for (const block of blocks) {
    const { notRun, redis: wantsRedis = false, values: more, before, check, codeUnderTest, end } = runOf(block);
    const skip = notRun ?? (wantsRedis && noRedis !== null ? noRedis : false);
    await t.test(`${block.file}:${block.line}`, { skip: skip !== false && skip }, async () => {
      ran++;
      const things = [];
      const handlers = [];
      const { app, server, request } = await world.app();
      // Of its own: some blocks end it.
      const pool = new Pool({ connectionString: database.url, max: 4 });
      pool.on('error', () => {});
      world.telegram.reset();
      world.hook.reset();
      world.llm.reset();
      const given = {
        ...{ app, server, pool, s3: world.s3, settings: { pool, s3: world.s3 } },
        ...{ accountId: 'account', bucket: 'media', apiKey: 'sk-test', models: ['openai/gpt-5-mini'] },
        ...{ accessKeyId: world.s3.accessKeyId, secretAccessKey: world.s3.secretAccessKey },
        ...{ token: world.token, chatId: world.chatId, sha256: world.sha256, bytes: world.png, dir: world.dir },
        resolveBot: async () => ({ token: world.token, chatIds: [world.chatId] }),
        io: { to: () => ({ emit: () => true }) },
        Sentry: { captureException: () => '' },
        requireUser: (_req, _res, next) => next(),
        notify() {},
        assert,
        process: { env: process.env, exit() {}, once: (_signal, handler) => handlers.push(handler) },
      };
      const face = world.package(things);
      const { free } = namesOf(block.code);
      for (const name of free) if (name in face) given[name] = face[name];
      try {
        await before?.(world, block);
        Object.assign(given, more?.(world, things) ?? {});
        const made = await execute(block, given, {
          require: requireFor({ world, redis, things }),
          codeUnderTest: (its) => codeUnderTest(its, world),
        });
        things.push(...Object.values(made));
        await check?.({ world, values: given, made, request });
        for (const handler of handlers) await handler();
      } finally {
        if (end !== undefined)
          await (require(end).stop ?? require(end).getWorkerController().stop)({ timeoutMs: 1000 });
        await closeAll([pool, ...things]);
        server.closeAllConnections();
        server.close();
      }
    });
  }
  assert.ok(ran + blocks.filter((block) => runOf(block).notRun !== undefined).length <= blocks.length);
});

test('no block is left out, and nothing is said about blocks that are gone', () => {
  assert.ok(blocks.length >= 60, `only ${blocks.length} blocks were found`);
  for (const { file, index } of entries()) {
    assert.ok(
      blocks.some((block) => block.file === file && block.index === index),
      `${file} has no block ${index} of JavaScript`,
    );
  }
  for (const block of blocks) {
    const { notRun } = runOf(block);
    assert.ok(notRun === undefined || notRun.length > 20, `${block.file}:${block.line} is left out without a reason`);
  }
});
