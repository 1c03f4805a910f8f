'use strict';

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Client } = require('pg');
const { freePort } = require('../../lib/cli/services/process.js');
const { startPostgres } = require('../../lib/cli/services/postgres.js');

async function query(url, text) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** One Postgres for all, durable as it comes (fsync, synchronous_commit), and a fresh database for every run. */
async function startDatabase() {
  const binDir = process.env.WARMPATH_BENCH_PG_BIN;
  const server = await startPostgres({ fsync: true, ...(binDir && { binDir }) });
  let made = 0;
  const [{ version }] = await query(server.url, "SELECT split_part(version(), ' on ', 1) AS version");
  const [{ durable }] = await query(
    server.url,
    "SELECT current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit') AS durable",
  );
  return {
    title: `${version}, fsync ${durable}`,
    async fresh() {
      const name = `bench_${++made}`;
      await query(server.url, `CREATE DATABASE ${name}`);
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      const drop = () => query(server.url, `DROP DATABASE ${name} WITH (FORCE)`);
      const statements = async () => {
        const [row] = await query(
          server.url,
          `SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = '${name}'`,
        );
        return Number(row.n);
      };
      return { url: url.href, drop, statements, settle: () => query(url.href, 'VACUUM ANALYZE') };
    },
    stop: () => server.stop(),
  };
}

/** A Redis with its append-only file (written every second, as it comes), or null where none is installed. */
async function startRedis() {
  let version;
  try {
    version = /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))[1];
  } catch {
    return null;
  }
  const port = await freePort();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-redis-'));
  const args = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'yes',
    '--dir',
    folder,
    '--maxmemory-policy',
    'noeviction',
  ];
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  const command = (...parts) =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(`${parts.join(' ')}\r\n`));
      let text = '';
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        text += chunk;
        if (!text.startsWith('$') || text.length >= Number(/^\$(\d+)/.exec(text)[1])) socket.end();
      });
      socket.on('close', () => resolve(text));
    });
  while (!(await command('PING').catch(() => '')).includes('PONG'));
  return {
    title: `Redis ${version}, appendfsync everysec`,
    async fresh() {
      await command('FLUSHALL');
      const statements = async () => Number(/total_commands_processed:(\d+)/.exec(await command('INFO', 'stats'))[1]);
      return { url: `redis://127.0.0.1:${port}`, drop: async () => {}, statements, settle: async () => {} };
    },
    async stop() {
      child.kill();
      await new Promise((resolve) => child.once('exit', resolve));
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

module.exports = { startDatabase, startRedis };
