'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');

const PACKAGE_ROOT = path.resolve(__dirname, '..', '..', '..');
const APP_DIR = path.join(PACKAGE_ROOT, 'examples', 'express-app');

/** `.cache` in a checkout; an installed package must not write into its own folder, so there it is the user's cache folder. */
function cacheDir() {
  const installed = PACKAGE_ROOT.split(path.sep).includes('node_modules');
  if (!installed) return path.join(PACKAGE_ROOT, '.cache');
  return path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'warmpath');
}

/**
 * Lets the example app find `warmpath` by its name, as it would after an `npm install` of its own.
 *
 * In a checkout nothing is installed, and a link to the package inside its own folder would be a loop for every tool that walks the tree:
 * so the link lies in a temporary folder, which NODE_PATH names.
 * @returns {{ env: Record<string, string>, remove: () => void }} env is empty where the package is found without help
 */
function linkExample() {
  try {
    // As the app itself would look for it: from here, the package's own name always resolves.
    createRequire(path.join(APP_DIR, 'server.js')).resolve('warmpath/package.json');
    return { env: {}, remove: () => {} };
  } catch {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-link-'));
    fs.symlinkSync(PACKAGE_ROOT, path.join(folder, 'warmpath'), 'junction');
    return { env: { NODE_PATH: folder }, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
  }
}

module.exports = { APP_DIR, cacheDir, linkExample };
