'use strict';

// Builds the addon into native/ when what it is made of has changed. `--force` builds anyway.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { flags: flagsFor, rustc } = require('./profile/guide.js');

const root = path.join(__dirname, '..');
const native = path.join(root, 'native');
const stamp = path.join(root, 'target', 'native.stamp');

/** Everything the addon is compiled from. */
function sources() {
  const files = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'package.json', path.join('engine', 'Cargo.toml')];
  for (const folder of ['src', path.join('engine', 'src')]) {
    for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(path.relative(root, path.join(entry.parentPath, entry.name)));
    }
  }
  // What the compiler is told of it.
  const profiles = path.join('scripts', 'profile');
  for (const name of fs.readdirSync(path.join(root, profiles))) files.push(path.join(profiles, name));
  return files.sort();
}

function fingerprint() {
  const hash = crypto.createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of sources())
    hash
      .update(file)
      .update('\0')
      .update(fs.readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

function isBuilt(wanted) {
  const addon = fs.existsSync(native) && fs.readdirSync(native).some((name) => name.endsWith('.node'));
  return addon && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted;
}

function build() {
  const cli = require.resolve('@napi-rs/cli/package.json');
  const bin = path.join(path.dirname(cli), require(cli).bin.napi);
  const { host } = rustc();
  const args = ['build', '--platform', '--release', '-o', 'native', '--js', 'index.js', '--dts', 'index.d.ts'];
  const flags = flagsFor(host);
  // As configuration, so that what a machine's own says for this target holds too.
  if (flags.length > 0)
    args.push('--target', host, '--', '--config', `target.${host}.rustflags=${JSON.stringify(flags)}`);
  const result = spawnSync(process.execPath, [bin, ...args], { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    console.error('warmpath: the addon was not built. It needs Rust (https://rustup.rs): is cargo on the PATH?');
    process.exit(result.status ?? 1);
  }
}

const wanted = fingerprint();
if (process.argv.includes('--force') || !isBuilt(wanted)) {
  console.log('warmpath: building the addon (two to three minutes from nothing)');
  build();
  fs.mkdirSync(path.dirname(stamp), { recursive: true });
  fs.writeFileSync(stamp, wanted);
}
