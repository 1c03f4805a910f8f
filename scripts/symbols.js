'use strict';

// What a published addon may be, checked: `node scripts/symbols.js FILE.node…`. Exit code 1 where one is not.
//
//   --built-here   built for this machine only: any glibc, up to 9.3 MB, and paths of this machine may stand in it
//   --json         what was read, one object a file

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { compareVersions, readElf } = require('./package/elf.js');

/** Node's own Linux binaries need as much (BUILDING.md of Node 18 and later): RHEL 8, Debian 10, Ubuntu 20.04. */
const MAX_GLIBC = '2.28';
/** Bytes: what people download with every deploy, less than half of it when packed. docs/releasing.md has what less would cost. */
const MAX_SIZE = 7_000_000;
/** Of one built for this machine only, by `npm run build`: level 3 throughout and with a profile (docs/profile.md), which is what benchmarks compare. */
const MAX_SIZE_BUILT_HERE = 9_300_000;

/**
 * By the name of the file, as napi gives it. No libssl and no libcrypto: Node has its own OpenSSL in the same process, another version
 * of it would have its symbols bound to that one. No libstdc++: slim images have none.
 */
const PLATFORMS = {
  'linux-x64-gnu': { machine: /X86-64/, loader: 'ld-linux-x86-64.so.2', isMusl: false },
  'linux-arm64-gnu': { machine: /AArch64/, loader: 'ld-linux-aarch64.so.1', isMusl: false },
  'linux-x64-musl': { machine: /X86-64/, loader: 'libc.musl-x86_64.so.1', isMusl: true },
  'linux-arm64-musl': { machine: /AArch64/, loader: 'libc.musl-aarch64.so.1', isMusl: true },
};
const GLIBC = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1', 'libgcc_s.so.1'];
const MUSL = ['libc.so', 'libgcc_s.so.1'];

/** All that Node looks up. More would meet the symbols of Node and of other addons. */
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** Where builds happen. Panics would print such a path, and tell who built it and where. */
function buildPaths() {
  const home = os.homedir();
  const own = [
    path.join(__dirname, '..'),
    process.env.CARGO_HOME ?? path.join(home, '.cargo'),
    path.join(home, '.rustup'),
  ];
  return [
    ...new Set([...own, ...(home === '/' ? [] : [`${home}/`]), '/root/', '/home/', '/Users/', '/.cargo/registry/']),
  ];
}

/**
 * @param {string} file
 * @param {{ isBuiltHere?: boolean, maxSize?: number, maxGlibc?: string }} [options] maxSize: bytes (7,000,000, built here 9,300,000);
 *   maxGlibc (2.28)
 * @returns {{ elf: object, faults: string[] }} no fault: it may be published
 */
function inspect(file, { isBuiltHere = false, maxSize, maxGlibc = MAX_GLIBC } = {}) {
  const name = path.basename(file).split('.').at(-2) ?? '';
  const platform = PLATFORMS[name];
  if (platform === undefined)
    throw new Error(`${file} is named after no Linux platform: ${Object.keys(PLATFORMS).join(', ')}`);
  const elf = readElf(file);
  const faults = [];
  const refuse = (isWrong, text) => isWrong && faults.push(text);

  refuse(!elf.isShared, 'it is no shared object');
  refuse(!platform.machine.test(elf.machine), `it is for ${elf.machine}, not for ${name}`);
  const allowed = [platform.loader, ...(platform.isMusl ? MUSL : GLIBC)];
  const strangers = elf.needed.filter((library) => !allowed.includes(library));
  refuse(strangers.length > 0, `it needs ${strangers.join(', ')}, which ${name} need not have`);
  refuse(platform.isMusl && elf.glibc !== null, `it needs glibc ${elf.glibc}, and musl is no glibc`);
  refuse(elf.features.length > 0, `it needs ${elf.features.join(', ')} of the loader`);
  if (!platform.isMusl && !isBuiltHere) {
    refuse(
      elf.glibc !== null && compareVersions(elf.glibc, maxGlibc) > 0,
      `it needs glibc ${elf.glibc}, above ${maxGlibc}`,
    );
  }
  const limit = maxSize ?? (isBuiltHere ? MAX_SIZE_BUILT_HERE : MAX_SIZE);
  refuse(elf.size > limit, `${elf.size} bytes are more than ${limit}`);
  const debug = elf.sections.filter((section) => section === '.symtab' || section.startsWith('.debug_'));
  refuse(debug.length > 0, `it is not stripped: ${debug.join(', ')}`);
  const strange = elf.exported.filter((symbol) => !EXPORTS.includes(symbol));
  refuse(strange.length > 0, `it exports ${strange.slice(0, 5).join(', ')}${strange.length > 5 ? ' and others' : ''}`);
  refuse(!elf.exported.includes(EXPORTS[0]), `it does not export ${EXPORTS[0]}`);
  refuse(elf.hasExecutableStack, 'it asks for an executable stack');
  refuse(elf.hasTextRelocations, 'it has text relocations');
  // Thread-local storage of the initial-exec model: "cannot allocate memory in static TLS block", where many libraries are loaded.
  refuse(elf.hasStaticTls, 'it takes its thread-local storage from the static block');
  // Its threads may still run when the last environment of Node ends: unmapped code under them would end the process.
  refuse(!elf.staysLoaded, 'it may be unloaded while its threads run (no NODELETE)');
  if (!isBuiltHere) {
    const bytes = fs.readFileSync(file);
    const found = buildPaths().filter((text) => bytes.includes(text));
    refuse(found.length > 0, `it holds paths of the machine that built it: ${found.join(', ')}`);
  }
  return { elf, faults };
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'built-here': { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  });
  if (positionals.length === 0) throw new Error('usage: node scripts/symbols.js [--built-here] [--json] FILE.node…');
  for (const file of positionals) {
    const { elf, faults } = inspect(file, { isBuiltHere: values['built-here'] });
    if (values.json) console.log(JSON.stringify({ file, ...elf, faults }));
    else {
      const libc = elf.glibc === null ? 'no glibc' : `glibc ${elf.glibc}`;
      console.log(`${file}: ${elf.size} bytes, ${libc}, needs ${elf.needed.join(' ')}`);
      for (const fault of faults) console.error(`${file}: ${fault}`);
    }
    if (faults.length > 0) process.exitCode = 1;
  }
}

if (require.main === module) main();

module.exports = { inspect, MAX_GLIBC };
