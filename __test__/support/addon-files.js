'use strict';

// Files in the place of the addon: made from the real one, each wrong in one way.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'native');

/** The addon that was built here. */
function builtAddon() {
  const name = fs.readdirSync(folder).find((one) => one.endsWith('.node'));
  if (name === undefined) throw new Error('no addon in native/: npm run build');
  return path.join(folder, name);
}

/** The bytes with every occurrence of one text replaced by another of the same length. */
function patched(bytes, from, to) {
  if (from.length !== to.length) throw new Error('a patch of another length');
  const text = bytes.latin1Slice();
  if (!text.includes(from)) throw new Error(`nothing to patch: ${from}`);
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}

/** A folder with those files, by name; `t.after` removes it. */
function plant(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-addon-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const built = fs.readFileSync(builtAddon());
  const otherArch = Buffer.from(built);
  otherArch.writeUInt16LE(built.readUInt16LE(18) === 62 ? 183 : 62, 18);
  const newest = [...built.latin1Slice().matchAll(/GLIBC_2\.\d\d(?=\0)/g)]
    .map(([version]) => version)
    .sort()
    .at(-1);
  const files = {
    'garbage.node': Buffer.alloc(4096, 'not an addon '),
    'empty.node': Buffer.alloc(0),
    'cut.node': built.subarray(0, built.length >> 1),
    'arch.node': otherArch,
    'glibc.node': newest && patched(built, newest, 'GLIBC_9.99'),
    'copy.node': built,
    'named.so': built,
    // The descriptor of a class the loader asks for: an addon of another version.
    'old.node': patched(built, 'errorTable', 'errorTabla'),
  };
  for (const [name, bytes] of Object.entries(files)) if (bytes) fs.writeFileSync(path.join(dir, name), bytes);
  return { dir, file: (name) => path.join(dir, name) };
}

/** A copy of the package without its dependencies; `addon: false` leaves native/*.node out. */
function copyPackage(target, { addon = true } = {}) {
  fs.mkdirSync(target, { recursive: true });
  for (const name of ['index.js', 'package.json', 'lib', 'bin']) {
    fs.cpSync(path.join(root, name), path.join(target, name), { recursive: true });
  }
  fs.mkdirSync(path.join(target, 'native'));
  for (const name of fs.readdirSync(folder)) {
    if (addon || !name.endsWith('.node')) fs.copyFileSync(path.join(folder, name), path.join(target, 'native', name));
  }
  return target;
}

module.exports = { root, builtAddon, patched, plant, copyPackage };
