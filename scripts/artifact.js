'use strict';

// Builds the addon as it is published: `node scripts/artifact.js [TRIPLE]` (this machine's), into target/addons/.
//
// On Linux with zig, which links against the glibc that is named instead of the machine's: an addon that was built on a new
// distribution asks for that one's, and loads on no older one. zig and cargo-zigbuild come from PyPI, into target/zig; Python 3 is
// needed. On macOS and Windows with what is there.
//
// Then it is looked at (scripts/symbols.js), and where it is for this machine the rehearsal's app is run on it.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { addonName, LIBRARIES, PLATFORMS } = require('./package/platforms.js');
const { isInstalled, tryInCheckout } = require('./rehearsal/checkout.js');
const { rustc } = require('./profile/guide.js');
const { inspect, MAX_GLIBC } = require('./symbols.js');

const root = path.join(__dirname, '..');
const tools = path.join(root, 'target', 'zig');
/** Not cargo's own: `npm run build` compiles the same crates for another linker and another libc, and each would undo the other's. */
const target = path.join(root, 'target', 'artifact');
const VERSIONS = ['ziglang==0.15.2', 'cargo-zigbuild==0.24.0'];

/**
 * aws-lc's C code for size: its loops over bytes are assembly, which no level changes. No unwind tables for it either: no panic passes
 * through C. For Linux, where the size is checked.
 */
const SMALL_C = '-Os -fno-asynchronous-unwind-tables -fno-unwind-tables';

/**
 * What may be inlined, and how far loops may be unrolled, in each crate and by link-time optimisation: LLVM's budgets are 250 and 300 at
 * level 3. Functions begin at any even address instead of every 16th, and the end of a block that several go to is not copied into each:
 * 1 % of the file each, for padding and for jumps. docs/releasing.md has what it costs.
 */
const LESS_CODE = '-Cllvm-args=-inline-threshold=42 -unroll-threshold=40 -align-all-functions=1 -tail-dup-placement=0';

function run(command, args, options = {}) {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

/** @returns {string} the folder with cargo-zigbuild */
function provideZig() {
  const bin = path.join(tools, 'bin');
  const stamp = path.join(tools, 'installed');
  if (!fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== VERSIONS.join()) {
    console.log('warmpath: installing zig (PyPI, into target/zig)');
    run('python3', ['-m', 'venv', tools]);
    run(path.join(bin, 'pip'), ['install', '--quiet', ...VERSIONS]);
    fs.writeFileSync(stamp, VERSIONS.join());
  }
  return bin;
}

/** Names in place of paths: what panics print says nothing about the machine that built. */
function renamedPaths() {
  const home = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo');
  const names = [
    [home, '/cargo'],
    [path.join(os.homedir(), '.rustup'), '/rustup'],
    [root, '/warmpath'],
  ];
  return names.map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
}

/** @param {(typeof PLATFORMS)[number]} platform @returns {string} the addon in target/addons/ */
function build(platform) {
  const isLinux = platform.os === 'linux';
  const flags = [...renamedPaths(), LESS_CODE];
  // A library that Node loads cannot bring a second libc: musl is the one target where Rust would.
  if (platform.libc === 'musl') flags.push('-Ctarget-feature=-crt-static');
  const env = { ...process.env, CARGO_TARGET_DIR: target, CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f') };
  if (isLinux) {
    env.PATH = `${provideZig()}${path.delimiter}${process.env.PATH}`;
    env.AWS_LC_SYS_CFLAGS = SMALL_C;
  }
  const triple = platform.libc === 'glibc' ? `${platform.triple}.${MAX_GLIBC}` : platform.triple;
  const command = [isLinux ? 'zigbuild' : 'build', '--profile', 'published', '--locked', '-p', 'warmpath'];
  run('cargo', [...command, '--target', triple], { env });

  const addon = path.join(root, 'target', 'addons', addonName(platform));
  fs.mkdirSync(path.dirname(addon), { recursive: true });
  fs.copyFileSync(path.join(target, platform.triple, 'published', LIBRARIES[platform.os]), addon);
  return addon;
}

/** @param {(typeof PLATFORMS)[number]} platform @param {string} addon @throws {Error} it may not be published, or does not work */
function check(platform, addon) {
  if (platform.os === 'linux') {
    const { elf, faults } = inspect(addon);
    console.log(`${elf.glibc === null ? 'no glibc' : `glibc ${elf.glibc}`}, needs ${elf.needed.join(' ')}`);
    if (faults.length > 0) throw new Error(`${addon} may not be published:\n  ${faults.join('\n  ')}`);
  }
  if (platform.triple !== rustc().host) console.log('not tried: it is for another machine');
  else if (!isInstalled()) console.log('not tried: the packages that its app uses are not installed (npm install)');
  else console.log(`tried: ${tryInCheckout(addon)}`);
}

function main() {
  const triple = process.argv[2] ?? rustc().host;
  const platform = PLATFORMS.find((known) => known.triple === triple);
  if (platform === undefined) {
    throw new Error(`${triple || 'no Rust here'}: one of ${PLATFORMS.map((known) => known.triple).join(', ')}`);
  }
  const addon = build(platform);
  console.log(`${addon}: ${fs.statSync(addon).size} bytes`);
  check(platform, addon);
}

if (require.main === module) main();

module.exports = { build };
