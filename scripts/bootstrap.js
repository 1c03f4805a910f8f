'use strict';

// From a clean clone to a built package: installs the dependencies of the lock file when they are not there, and builds
// the addon when it is not fresh. Then runs the script that was named, with the arguments that were given.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** npm writes this file last, so an interrupted install is seen as none. */
function isInstalled() {
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  const lock = path.join(root, 'package-lock.json');
  return fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs;
}

if (!isInstalled()) {
  console.log('warmpath: installing dependencies');
  // Not `npm ci`: it refuses a lock file written where a registry does not carry the optional packages of other platforms.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund'], { shell: process.platform === 'win32' });
}
run(process.execPath, [path.join(__dirname, 'build.js')]);

const [script, ...args] = process.argv.slice(2);
if (script) run(process.execPath, [script, ...args]);
