'use strict';

// The app of the rehearsal on an addon that was just built, before anything is packed: against the JavaScript of this checkout, with
// the packages that the checkout has installed.

const fs = require('node:fs');
const path = require('node:path');
const { newApp, run } = require('./managers.js');

const root = path.join(__dirname, '..', '..');

/** @returns {boolean} the app's other packages are there */
const isInstalled = () => fs.existsSync(path.join(root, 'node_modules', 'express'));

/**
 * @param {string} addon for this machine @returns {string} what the app found, one JSON object
 * @throws {Error} with what the app printed, where something does not work
 */
function tryInCheckout(addon) {
  // Below the root, so that everything but `warmpath` is found in its node_modules.
  const folder = newApp(path.join(root, 'target', 'try'));
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'warmpath'), 'junction');
  try {
    const env = { ...process.env, WARMPATH_NATIVE_PATH: addon };
    return run(process.execPath, ['app.js'], { cwd: folder, env }).trim();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { isInstalled, tryInCheckout };
