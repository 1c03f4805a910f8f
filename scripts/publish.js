'use strict';

// Publishes what scripts/package.js laid out: `node scripts/publish.js [--packages FOLDER] [--registry URL] [--provenance] [--dry-run]`.
//
// Platforms first, `warmpath` last: nobody can install it before what it needs is there. What the registry has already at this version
// is left alone, so a release that broke off is finished by running it again.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const root = path.join(__dirname, '..');

function npm(args, stdio) {
  const result = spawnSync('npm', args, { stdio, encoding: 'utf8', shell: process.platform === 'win32' });
  if (result.error) throw result.error;
  return result;
}

/** @returns {Promise<boolean>} @throws {Error} the registry does not answer, which must not end in a second publication */
async function isPublished({ name, version }, registry) {
  // A connection of its own: one that is kept may be closed by the registry while npm below blocks this process.
  const headers = { accept: 'application/vnd.npm.install-v1+json', connection: 'close' };
  const answer = await fetch(new URL(name, registry), { headers });
  if (answer.status === 404) return false;
  if (!answer.ok) throw new Error(`the registry answers ${answer.status} for ${name}`);
  return version in (await answer.json()).versions;
}

/** @param {{ packages: string, registry?: string, provenance?: boolean, dryRun?: boolean }} options @returns {Promise<string[]>} what was published */
async function publish({ packages, registry, provenance = false, dryRun = false }) {
  const folders = fs
    .readdirSync(packages)
    .sort((a, b) => (a === 'warmpath') - (b === 'warmpath') || a.localeCompare(b));
  if (!folders.includes('warmpath')) throw new Error(`${packages} holds no packages: run node scripts/package.js`);
  const at = registry ?? npm(['config', 'get', 'registry'], 'pipe').stdout.trim();
  const published = [];
  for (const folder of folders) {
    const manifest = JSON.parse(fs.readFileSync(path.join(packages, folder, 'package.json'), 'utf8'));
    const id = `${manifest.name}@${manifest.version}`;
    if (!dryRun && (await isPublished(manifest, at))) {
      console.log(`${id}: is there already`);
      continue;
    }
    const options = ['--access', 'public', '--loglevel', 'error', '--registry', at];
    if (provenance) options.push('--provenance');
    if (dryRun) options.push('--dry-run');
    // A folder by its path: a bare name would be a package of the registry.
    const { status } = npm(['publish', path.resolve(packages, folder), ...options], ['ignore', 'ignore', 'inherit']);
    if (status !== 0) throw new Error(`npm publish ${id} ended with ${status}`);
    console.log(`${id}: published${dryRun ? ' (not really)' : ''}`);
    published.push(id);
  }
  return published;
}

function main() {
  const { values } = parseArgs({
    options: {
      packages: { type: 'string', default: path.join(root, 'target', 'packages') },
      registry: { type: 'string' },
      provenance: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  return publish({ ...values, dryRun: values['dry-run'] });
}

if (require.main === module) main();

module.exports = { publish };
