'use strict';

// `node scripts/tools.js NAME [arguments]`: runs scripts/tools/NAME.mjs, and installs what it needs first where it is not there.
//
// These tools have a folder and a lock file of their own: TypeDoc wants a TypeScript with a JavaScript API, which the one that the
// package is checked with has not. Once installed they ask no network.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const folder = path.join(__dirname, 'tools');

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** npm writes this file last, so an interrupted install is seen as none. */
function isInstalled() {
  const installed = path.join(folder, 'node_modules', '.package-lock.json');
  const lock = path.join(folder, 'package-lock.json');
  return fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(lock).mtimeMs;
}

const [name, ...args] = process.argv.slice(2);
const script = path.join(folder, `${name}.mjs`);
if (name === undefined || !fs.existsSync(script)) {
  const names = fs.readdirSync(folder).filter((file) => file.endsWith('.mjs'));
  console.error(`node scripts/tools.js ${names.map((file) => path.basename(file, '.mjs')).join(' | ')}`);
  process.exit(2);
}
if (!isInstalled()) {
  console.log('warmpath: installing the tools');
  run('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: folder,
    shell: process.platform === 'win32',
  });
}
run(process.execPath, [script, ...args], { cwd: path.join(__dirname, '..') });
