'use strict';

const { spawn } = require('node:child_process');
const fsp = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');

const BIN = path.join(__dirname, '..', '..', 'bin', 'warmpath.js');

/** What the machine's owner has set must not decide what a test runs against. */
const FOREIGN = /^(R2_|TELEGRAM_|DATABASE_URL|MEDIA_PREWARM_|ADMIN_API_TOKEN)/;

/**
 * `warmpath demo` as a process of its own, with a temporary folder of its own: what it leaves behind can be seen.
 *
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, onOutput?: (output: string, child: import('node:child_process').ChildProcess) => void }} [options]
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string, left: string[] }>} left: what is still
 *   in its temporary folder
 */
async function runDemo(args, { env = {}, onOutput = () => {} } = {}) {
  const tmp = await fsp.mkdtemp(path.join(os.tmpdir(), 'warmpath-demo-test-'));
  // Postgres runs as another user where this process is root, and must be able to enter.
  await fsp.chmod(tmp, 0o755);
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
  const child = spawn(process.execPath, [BIN, 'demo', ...args], {
    env: { ...inherited, TMPDIR: tmp, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (chunk) => {
      output[stream] += chunk;
      onOutput(output.stdout, child);
    });
  }
  const [code, signal] = await new Promise((resolve) => child.on('close', (...exit) => resolve(exit)));
  const left = await fsp.readdir(tmp);
  // After a kill the children may still be on their way out.
  await fsp.rm(tmp, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  return { code, signal, ...output, left };
}

module.exports = { runDemo };
