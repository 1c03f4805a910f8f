'use strict';

// Runs every suite: Rust first (it fails fastest), then JavaScript. `--long` runs the campaigns in full length; other arguments
// choose JavaScript test files.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { provideFfmpeg } = require('./ffmpeg.js');

const root = path.join(__dirname, '..');

// A file for each core, and one more: nearly all of them wait for servers, timers and children a good part of the time.
const AT_ONCE = Math.max(2, os.availableParallelism()) + 1;

const SIGNALS = ['SIGINT', 'SIGTERM'];

// For fewer files than this, the servers that a run shares cost more than they save.
const WORTH_SHARING = 4;

async function run(title, command, args, env = process.env) {
  console.log(`\n== ${title}`);
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
  // The terminal interrupts the child too; this process is needed until what it has started is stopped.
  const interrupted = () => child.kill('SIGINT');
  for (const name of SIGNALS) process.on(name, interrupted);
  const [status] = await once(child, 'close');
  for (const name of SIGNALS) process.off(name, interrupted);
  if (status === 0) return true;
  console.error(`== ${title}: failed`);
  process.exitCode = status ?? 1;
  return false;
}

/** The Postgres servers that stand for those of every file (see __test__/support/pg-shared.js). */
async function sharedServers(count) {
  if (process.env.DATABASE_URL_TEST || count < WORTH_SHARING) return { env: {}, stop() {} };
  const { shareServers, SYSTEM_BIN } = require('../__test__/support/pg-shared.js');
  return shareServers(['', ...(fs.existsSync(path.join(SYSTEM_BIN, 'initdb')) ? [SYSTEM_BIN] : [])]);
}

async function main() {
  const chosen = process.argv.slice(2).filter((argument) => argument !== '--long');
  if (process.argv.includes('--long')) process.env.WARMPATH_TEST_LONG = '1';
  const folder = path.join(root, '__test__');
  const all = fs.readdirSync(folder).filter((name) => name.endsWith('.test.js'));
  const files = chosen.length > 0 ? chosen : all.map((name) => path.join('__test__', name));

  provideFfmpeg();
  const rust = ['test', '--locked', '-p', 'warmpath-engine', '--features', 'shrink'];
  if (chosen.length === 0 && !(await run('Rust', 'cargo', rust))) return;
  const servers = await sharedServers(files.length);
  try {
    const options = ['--test', `--test-concurrency=${AT_ONCE}`, '--test-timeout=600000', '--test-reporter=spec'];
    await run('JavaScript', process.execPath, [...options, ...files], { ...process.env, ...servers.env });
  } finally {
    await servers.stop();
  }
  // Here and not among the tests: it builds with zig, which takes longer than a test may.
  const isRehearsed = process.platform === 'linux' && process.arch === 'x64';
  if (process.argv.includes('--long') && chosen.length === 0 && isRehearsed) {
    await run('The publication, rehearsed', process.execPath, ['scripts/rehearse.js']);
  }
  if (process.argv.includes('--long') && chosen.length === 0) {
    await run('Fuzz targets', process.execPath, ['scripts/fuzz.js', '--seconds', '30']);
  }
}

main();
