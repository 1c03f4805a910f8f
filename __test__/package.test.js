'use strict';

// What is published, laid out as a release does it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { addonName, packageName, PLATFORMS } = require('../scripts/package/platforms.js');
const { stage } = require('../scripts/package/stage.js');
const manifest = require('../package.json');

const root = path.join(__dirname, '..');
const json = (...parts) => JSON.parse(fs.readFileSync(path.join(...parts), 'utf8'));

describe('platforms', () => {
  const loader = fs.readFileSync(path.join(root, 'native', 'index.js'), 'utf8');

  it('have the names that the loader asks for', () => {
    for (const platform of PLATFORMS) {
      assert.ok(loader.includes(`require('${packageName(platform)}')`), packageName(platform));
      assert.ok(loader.includes(`require('./${addonName(platform)}')`), addonName(platform));
    }
  });

  it('are those that napi is told of', () => {
    assert.deepEqual(
      manifest.napi.targets,
      PLATFORMS.map(({ triple }) => triple),
    );
  });

  it('are asked for in the version that is published', () => {
    const [, version] = fs
      .readFileSync(path.join(root, 'Cargo.toml'), 'utf8')
      .match(/\[workspace\.package\]\nversion = "(.+)"/);
    assert.equal(version, manifest.version);
    assert.ok(
      loader.includes(`bindingPackageVersion !== '${manifest.version}'`),
      'native/index.js is of another version',
    );
  });
});

describe('packages', () => {
  let folder;
  let out;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-package-'));
    out = path.join(folder, 'packages');
    for (const platform of PLATFORMS) fs.writeFileSync(path.join(folder, addonName(platform)), platform.triple);
    stage({ addons: folder, out, all: true });
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('run nothing when they are installed, and need nothing', () => {
    assert.deepEqual(fs.readdirSync(out).sort(), ['warmpath', ...PLATFORMS.map(packageName)].sort());
    for (const name of fs.readdirSync(out)) {
      const { scripts, dependencies, devDependencies } = json(out, name, 'package.json');
      assert.deepEqual(
        { scripts, dependencies, devDependencies },
        { scripts: undefined, dependencies: undefined, devDependencies: undefined },
      );
    }
  });

  it('are tied together by exact versions', () => {
    const { name, version, optionalDependencies } = json(out, 'warmpath', 'package.json');
    assert.deepEqual([name, version], ['warmpath', manifest.version]);
    assert.deepEqual(
      optionalDependencies,
      Object.fromEntries(PLATFORMS.map((p) => [packageName(p), manifest.version])),
    );
    for (const platform of PLATFORMS)
      assert.equal(json(out, packageName(platform), 'package.json').version, manifest.version);
    // A clone is installed before anything is published.
    assert.equal(manifest.optionalDependencies, undefined);
  });

  it('go where their machine code runs', () => {
    for (const platform of PLATFORMS) {
      const own = json(out, packageName(platform), 'package.json');
      assert.deepEqual([own.os, own.cpu, own.libc], [[platform.os], [platform.cpu], platform.libc && [platform.libc]]);
      const files = fs.readdirSync(path.join(out, own.name)).sort();
      assert.deepEqual(files, ['LICENSE', 'README.md', 'package.json', addonName(platform)].sort());
      assert.equal(own.main, addonName(platform));
    }
  });

  it('have no machine code, no tests and no sources in the main one, and all that its manifest names', () => {
    const main = path.join(out, 'warmpath');
    const files = fs.readdirSync(main, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const names = files.map((entry) => path.relative(main, path.join(entry.parentPath, entry.name)));
    assert.deepEqual(
      names.filter((name) => /\.(node|rs|tgz|wasm)$|^(__test__|scripts|src|engine|target)\b/.test(name)),
      [],
    );
    const { main: entry, types, bin, exports } = json(main, 'package.json');
    const named = [
      entry,
      types,
      ...Object.values(bin),
      ...Object.values(exports).flatMap((value) => (typeof value === 'string' ? value : Object.values(value))),
    ];
    for (const name of named) assert.ok(fs.existsSync(path.join(main, name)), name);
    assert.ok(names.includes('native/index.js'));
  });

  it('are not laid out where a release lacks a platform', () => {
    fs.rmSync(path.join(folder, addonName(PLATFORMS[3])));
    const other = path.join(folder, 'other');
    assert.throws(
      () => stage({ addons: folder, out: other, all: true }),
      new RegExp(`lacks ${addonName(PLATFORMS[3])}$`),
    );
    assert.throws(() => stage({ addons: other, out: other }), /holds no addon/);
    assert.equal(fs.existsSync(other), false);
  });
});
