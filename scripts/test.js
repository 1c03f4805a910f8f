'use strict';

// Runs every suite: Rust first (it fails fastest), then JavaScript. `--long` runs the campaigns in full length; other arguments
// choose JavaScript test files.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { provideFfmpeg } = require('./ffmpeg.js');

const root = path.join(__dirname, '..');

function run(title, command, args) {
  console.log(`\n== ${title}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) {
    console.error(`== ${title}: failed`);
    process.exit(status ?? 1);
  }
}

const chosen = process.argv.slice(2).filter((argument) => argument !== '--long');
if (process.argv.includes('--long')) process.env.WARMPATH_TEST_LONG = '1';
const folder = path.join(root, '__test__');
const all = fs.readdirSync(folder).filter((name) => name.endsWith('.test.js'));
const files = chosen.length > 0 ? chosen : all.map((name) => path.join('__test__', name));

provideFfmpeg();
if (chosen.length === 0) run('Rust', 'cargo', ['test', '--locked', '-p', 'warmpath-engine', '--features', 'shrink']);
// Two files at a time: they start servers and the machine may have two cores.
run('JavaScript', process.execPath, [
  '--test',
  '--test-concurrency=2',
  '--test-timeout=600000',
  '--test-reporter=spec',
  ...files,
]);
