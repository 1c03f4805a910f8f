'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');

/**
 * Runs a script in a process of its own, in the package's folder: what must not happen in the test's own process, or would end it.
 *
 * @param {string} script
 * @param {{ node?: string, args?: string[], cwd?: string, env?: object, patienceMs?: number }} [options] `node`: another binary; `args`:
 *   for Node, before the script; `env`: added to ours; `patienceMs`: a process that does not end by itself is killed after this
 *   (300,000), and that is seen in `signal`
 * @returns {Promise<{ code: number | null, signal: string | null, out: string, err: string }>} `out` without the space around it
 */
function runScript(script, { node = process.execPath, args = [], cwd = root, env = {}, patienceMs = 300_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [...args, '-e', script], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => {
      out += piece;
    });
    child.stderr.setEncoding('utf8').on('data', (piece) => {
      err += piece;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.once('error', reject).once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out: out.trim(), err });
    });
  });
}

module.exports = { runScript };
