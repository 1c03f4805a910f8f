'use strict';

// Writes package-lock.json anew: `node scripts/lock.js`, after a change of dependencies.
//
// In a folder of its own, since npm leaves out of the lock what an existing node_modules does not hold (the packages of other
// platforms); and without addresses, which would name the registry of whoever ran it. npm finds a package by name, version
// and integrity.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-lock-'));
try {
  for (const name of ['package.json', 'package-lock.json']) {
    if (fs.existsSync(path.join(root, name))) fs.copyFileSync(path.join(root, name), path.join(folder, name));
  }
  const { status } = spawnSync(
    'npm',
    ['install', '--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved=false'],
    {
      cwd: folder,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    },
  );
  if (status !== 0) throw new Error(`npm ended with ${status}`);
  const lock = JSON.parse(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
  for (const entry of Object.values(lock.packages)) delete entry.resolved;
  fs.writeFileSync(path.join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
