'use strict';

// Records what the compiler is told of which code runs often: `npm run profile`, for this machine's platform, into scripts/profile/. It needs
// `rustup component add llvm-tools`, and some five minutes on two cores. docs/profile.md says what for.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { LIBRARIES } = require('./package/platforms.js');
const { fileOf, manifests, RECORDED, rustc } = require('./profile/guide.js');

const root = path.join(__dirname, '..');
/** Not cargo's own: instrumented code must not get into any other build. */
const target = path.join(root, 'target', 'profiling');

/**
 * Benchmarks, whose work is recorded. How long each runs says nothing about what it is worth: each counts as much as its number says,
 * whatever it counted.
 */
const WORK = [
  { args: ['prewarm', '--contenders', 'ours', '--quick', '--rounds', '5'], worth: 4 },
  { args: ['ingest', '--quick'], worth: 1 },
  { args: ['signer', '--quick'], worth: 1 },
  { args: ['queue', '--quick'], worth: 1 },
];

function run(command, args, env = {}) {
  const options = { cwd: root, stdio: ['inherit', 'ignore', 'inherit'], env: { ...process.env, ...env } };
  const { error, status } = spawnSync(command, args, options);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

/** @param {string} host @returns {string} llvm-profdata of the compiler's own LLVM: others read other versions */
function profdata(host) {
  const { stdout } = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' });
  const name = process.platform === 'win32' ? 'llvm-profdata.exe' : 'llvm-profdata';
  const tool = path.join(stdout.trim(), 'lib', 'rustlib', host, 'bin', name);
  if (!fs.existsSync(tool)) throw new Error('llvm-profdata is missing: rustup component add llvm-tools');
  return tool;
}

/** @returns {string} an addon that counts what it runs */
function instrumented(host, counts) {
  const env = { CARGO_TARGET_DIR: target, CARGO_ENCODED_RUSTFLAGS: `-Cprofile-generate=${counts}` };
  run('cargo', ['build', '--locked', '--release', '-p', 'warmpath', '--target', host], env);
  const addon = path.join(target, 'counting.node');
  fs.copyFileSync(path.join(target, host, 'release', LIBRARIES[process.platform]), addon);
  return addon;
}

/** @returns {number} the sum of all counts of a profile */
function total(tool, file) {
  const { stdout } = spawnSync(tool, ['show', file], { encoding: 'utf8' });
  return Number(/^Total count: (\d+)$/m.exec(stdout)?.[1] ?? 0);
}

/** Runs one benchmark. @returns {{ file: string, worth: number, count: number }} */
function work(tool, addon, counts, { args, worth }) {
  console.log(`warmpath: ${args.join(' ')}`);
  fs.rmSync(counts, { recursive: true, force: true });
  // One file for each module, which processes add to as they end.
  const env = { WARMPATH_NATIVE_PATH: addon, LLVM_PROFILE_FILE: path.join(counts, '%m.profraw') };
  run(process.execPath, [path.join('benchmark', 'run.js'), ...args], env);
  const file = path.join(target, `${args[0]}.profdata`);
  run(tool, ['merge', '-o', file, counts]);
  const count = total(tool, file);
  if (count === 0) throw new Error(`${args.join(' ')} has counted nothing`);
  return { file, worth, count };
}

/** @returns {string} the name of the file that was written */
function record(tool, host) {
  const counts = path.join(target, 'counts');
  const addon = instrumented(host, counts);
  const parts = WORK.map((each) => work(tool, addon, counts, each));
  const most = Math.max(...parts.map(({ count, worth }) => count / worth));
  const weighted = parts.map(({ file, worth, count }) => {
    const weight = Math.max(1, Math.round((most * worth) / count));
    return `--weighted-input=${weight},${file}`;
  });
  const merged = path.join(target, 'merged.profdata');
  run(tool, ['merge', '-o', merged, ...weighted]);
  const packed = zlib.brotliCompressSync(fs.readFileSync(merged), {
    params: { [zlib.constants.BROTLI_PARAM_LGWIN]: 24 },
  });
  fs.writeFileSync(fileOf(host), packed);
  console.log(`${path.relative(root, fileOf(host))}: ${packed.length} bytes`);
  return path.basename(fileOf(host));
}

function main() {
  const { host, version } = rustc();
  const name = record(profdata(host), host);
  const recorded = fs.existsSync(RECORDED) ? JSON.parse(fs.readFileSync(RECORDED, 'utf8')) : {};
  recorded[name] = { rustc: version, manifests: manifests() };
  fs.writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 2)}\n`);
}

main();
