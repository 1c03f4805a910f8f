'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const Redis = require('ioredis');
const { freePort, startProcess, waitReady } = require('../../lib/cli/services/process');

const COMMAND = process.env.WARMPATH_TEST_REDIS || 'redis-server';

/** Why there is no Redis here, or null. In CI (CI=true) a missing one is a failure, not a skip. */
function redisMissing() {
  const { error } = spawnSync(COMMAND, ['--version']);
  if (error === undefined) return null;
  const why = `${COMMAND} cannot be run (${error.code}); on Debian: apt-get install redis-server`;
  if (process.env.CI === 'true') throw new Error(why);
  process.stderr.write(`\nNOT TESTED: queues on Redis: ${why}\n\n`);
  return why;
}

async function answers(port) {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}

/**
 * A real Redis of the test's own, with an append-only file that is synced at every write: what was answered survives any end.
 *
 * @returns {Promise<object>} connection, for BullMQ; kill() and start(), on the same port and the same file; freeze() and
 *   thaw(), which leave connections open; written(), every byte that was ever written to it; stop()
 */
async function startRedis() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-redis-'));
  const port = await freePort();
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--maxmemory-policy', 'noeviction'];
  // No rewrite: the file then is the record of all writes, also of what was deleted since.
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'];
  let running = null;
  // A guarded child leads a group: the shell that ends Redis when this process dies, and Redis.
  const redis = {
    connection: { host: '127.0.0.1', port },
    /** For what a test does behind the queue's back. */
    client: null,
    async start() {
      running = startProcess(COMMAND, [...args, ...durable].map(String), { name: 'redis', guard: 'TERM' });
      await waitReady(running, () => answers(port));
    },
    async kill() {
      process.kill(-running.child.pid, 'SIGKILL');
      await running.exited;
    },
    /** Commands that write wait from now on; their clients stay connected. */
    freeze: () => redis.client.client('PAUSE', 60_000, 'WRITE'),
    thaw: () => redis.client.client('UNPAUSE'),
    written() {
      const folder = path.join(dir, 'appendonlydir');
      return Buffer.concat(fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name))));
    },
    async stop() {
      redis.client.disconnect();
      await running.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
  await redis.start();
  redis.client = new Redis({ host: '127.0.0.1', port });
  redis.client.on('error', () => {});
  return redis;
}

module.exports = { startRedis, redisMissing };
