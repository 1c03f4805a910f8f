// Packs the package and looks at the tarball as its users' tools do: publint, and "are the types wrong" (every entry point, from CommonJS,
// from ES modules, through a bundler).

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const root = path.join(import.meta.dirname, '..', '..');

/** The tarball that `npm publish` would send. */
function pack() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-pack-'));
  try {
    const { status } = spawnSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    });
    if (status !== 0) throw new Error(`npm pack ended with ${status}`);
    const [name] = fs.readdirSync(folder);
    return fs.readFileSync(path.join(folder, name));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

const tarball = pack();
const bytes = new Uint8Array(tarball);
const findings = [];

const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
for (const message of messages)
  findings.push(`publint: ${message.type}: ${formatMessage(message, pkg, { color: false })}`);

const analysis = await checkPackage(createPackageFromTarballData(bytes));
// `node10` knows no "exports": a resolution for runtimes that this package does not run on.
for (const problem of analysis.problems ?? []) {
  if (problem.resolutionKind === 'node10') continue;
  findings.push(`types: ${JSON.stringify(problem)}`);
}

const entries = Object.keys(analysis.entrypoints);
const expected = Object.keys(pkg.exports).length;
if (entries.length !== expected) findings.push(`types: ${entries.length} entry points were found, not ${expected}`);

for (const finding of findings) console.error(finding);
console.log(
  `package: ${entries.length} entry points, ${(tarball.length / 1e6).toFixed(1)} MB packed, ${findings.length} findings`,
);
process.exitCode = findings.length === 0 ? 0 : 1;
