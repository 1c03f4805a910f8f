'use strict';

// The check of a published addon, on libraries that each have one fault.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { compareVersions } = require('../scripts/package/elf.js');
const { inspect } = require('../scripts/symbols.js');

const isHere = process.platform === 'linux' && process.arch === 'x64';
const has = (program) => spawnSync(program, ['--version']).error === undefined;
const missing = isHere ? ['cc', 'readelf'].filter((program) => !has(program)) : [];
const skip = isHere
  ? missing.length > 0 && process.env.CI !== 'true' && `not installed: ${missing}`
  : 'addons of x64 Linux are checked there';

const CALLS_LIBC = 'void *malloc(unsigned long); void *napi_used(void) { return malloc(8); }';

/** What an addon must have, and nothing more. */
const GOOD = 'void *napi_register_module_v1(void *env, void *exports) { return exports; }';

it('compares versions by number', () => {
  const sorted = ['2.28', '2.2.5', '2.9', '2.34', '2.2'].sort(compareVersions);
  assert.deepEqual(sorted, ['2.2', '2.2.5', '2.9', '2.28', '2.34']);
});

describe('what may be published', { skip }, () => {
  let folder;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-symbols-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  function library({ source = '', flags = [], name = 'warmpath.linux-x64-gnu.node', strip = ['-s'] } = {}) {
    const [code, file] = ['addon.c', name].map((part) => path.join(folder, part));
    fs.writeFileSync(code, `${GOOD}\n${source}\n`);
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wl,-z,nodelete', ...strip, '-o', file, code, ...flags]);
    return file;
  }
  const faultsOf = (file, options) => inspect(file, { maxGlibc: '2.99', ...options }).faults.join('; ');

  it('a library that exports the one function and needs libc alone', () => {
    assert.equal(faultsOf(library()), '');
  });

  it('not one that needs a library which need not be there', () => {
    const ssl = path.join(folder, 'libssl.so');
    execFileSync('cc', ['-shared', '-fPIC', '-Wl,-soname,libssl.so.3', '-o', ssl, '-x', 'c', '/dev/null']);
    assert.match(faultsOf(library({ flags: ['-Wl,--no-as-needed', ssl] })), /^it needs libssl\.so\.3, which/);
  });

  it('not one that needs a newer glibc', () => {
    const file = library({ source: CALLS_LIBC });
    assert.match(faultsOf(file, { maxGlibc: '2.2' }), /it needs glibc 2\.\S+, above 2\.2/);
    assert.doesNotMatch(faultsOf(file, { maxGlibc: '2.2', isBuiltHere: true }), /glibc/);
  });

  it('not one for glibc under the name of musl, nor one of another machine', () => {
    const musl = faultsOf(library({ name: 'warmpath.linux-x64-musl.node', source: CALLS_LIBC }));
    assert.match(musl, /it needs libc\.so\.6, which linux-x64-musl need not have/);
    assert.match(musl, /musl is no glibc/);
    assert.match(
      faultsOf(library({ name: 'warmpath.linux-arm64-gnu.node' })),
      /it is for .*X86-64, not for linux-arm64-gnu/,
    );
    assert.throws(() => inspect(library({ name: 'warmpath.node' })), /named after no Linux platform/);
  });

  it('not one that exports more or less than Node asks for', () => {
    assert.match(faultsOf(library({ source: 'int SSL_new(void) { return 1; }' })), /^it exports SSL_new$/);
    assert.match(faultsOf(library({ flags: ['-fvisibility=hidden'] })), /it does not export napi_register_module_v1/);
  });

  it('not one with what the loader may refuse', () => {
    assert.match(faultsOf(library({ flags: ['-Wl,-z,execstack'] })), /executable stack/);
    const source = 'static __thread int counter; int *napi_used(void) { return &counter; }';
    assert.match(faultsOf(library({ source, flags: ['-ftls-model=initial-exec'] })), /static block/);
  });

  it('not one that is large, not stripped, or tells where it was built', () => {
    assert.match(faultsOf(library(), { maxSize: 1000 }), /^\d+ bytes are more than 1000$/);
    const large = library({ source: 'static const char filler[7700000] __attribute__((used)) = {1};' });
    assert.match(faultsOf(large), /^\d+ bytes are more than 7000000$/);
    assert.equal(faultsOf(large, { isBuiltHere: true }), '');
    assert.match(faultsOf(library({ strip: [] })), /it is not stripped: \.symtab/);
    const source = 'const char *napi_used(void) { return "/home/somebody/warmpath/src/lib.rs"; }';
    assert.match(faultsOf(library({ source })), /paths of the machine that built it: \/home\//);
    assert.doesNotMatch(faultsOf(library({ source }), { isBuiltHere: true }), /paths/);
  });

  it('not one that Node could unload under its threads', () => {
    assert.match(faultsOf(library({ flags: ['-Wl,-z,now'] })), /^$/);
    const file = library();
    execFileSync('cc', ['-shared', '-fPIC', '-s', '-o', file, path.join(folder, 'addon.c')]);
    assert.match(faultsOf(file), /may be unloaded/);
  });
});
