'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const root = path.join(__dirname, '..', '..');

/**
 * Builds the native helpers (`bench-server`, `bench-floor`) and says where they are.
 * `WARMPATH_BENCH_BIN` = a folder that holds them already: nothing is built then.
 * @returns {Promise<{ server: string, floor: string }>} paths of the two programs
 */
async function buildNative() {
  const folder = process.env.WARMPATH_BENCH_BIN;
  if (folder) {
    return { server: path.join(folder, 'bench-server'), floor: path.join(folder, 'bench-floor') };
  }
  const args = ['build', '--release', '-p', 'warmpath-bench', '--message-format=json-render-diagnostics'];
  // Cargo says where it put them: the target folder may be anywhere.
  const { stdout } = await promisify(execFile)('cargo', args, { cwd: root, maxBuffer: 64 << 20 });
  const programs = {};
  for (const line of stdout.split('\n')) {
    if (line.includes('"executable":"')) {
      const message = JSON.parse(line);
      programs[message.target.name] = message.executable;
    }
  }
  return { server: programs['bench-server'], floor: programs['bench-floor'] };
}

module.exports = { buildNative, root };
