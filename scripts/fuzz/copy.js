'use strict';

// A copy of the engine and its fuzz targets with bugs planted in it.

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');

/** What a build and a campaign leave behind. */
const LEFT_BEHIND = ['target', 'grown', 'artifacts', 'coverage'].map((name) => path.join(root, 'fuzz', name));

/** The workspace without the addon, which needs Node. */
function manifest() {
  const text = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8');
  const sections = text.split(/^(?=\[)/m).filter((section) => /^\[(workspace|profile)/.test(section));
  return sections.join('').replace(/^members = .*$/m, 'members = ["engine"]');
}

/**
 * Makes the copy in a folder of its own.
 * @param {string} folder removed first
 * @param {{ file: string, find: string, replace: string }[]} planted files under `engine/src/`
 */
function plant(folder, planted) {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const name of ['engine', 'fuzz']) {
    const filter = (source) => !LEFT_BEHIND.includes(source);
    fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true, filter });
  }
  fs.writeFileSync(path.join(folder, 'Cargo.toml'), manifest());
  fs.copyFileSync(path.join(root, 'Cargo.lock'), path.join(folder, 'Cargo.lock'));
  for (const { file, find, replace } of planted) {
    const place = path.join(folder, 'engine', 'src', file);
    const parts = fs.readFileSync(place, 'utf8').split(find);
    if (parts.length !== 2) throw new Error(`${file}: stands there ${parts.length - 1} times: ${find}`);
    fs.writeFileSync(place, parts.join(replace));
  }
}

module.exports = { plant };
