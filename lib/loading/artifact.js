'use strict';

const fs = require('node:fs');

// Files that hold machine code, by their first bytes. Only the heads are read: this runs when something is wrong already.

const HEAD = 64;
const ELF = 0x7f454c46;
const ELF_MACHINE = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  21: 'ppc64',
  22: 's390x',
  258: 'loong64',
};
const MACH_CPU = { 16777223: 'x64', 16777228: 'arm64' };
const PE_MACHINE = { 34404: 'x64', 43620: 'arm64', 332: 'ia32' };

/** Larger than any addon; a file above it is not read whole. */
const MOST_BYTES = 2 ** 28;

/**
 * What a .node file is made for.
 *
 * @param {string} file
 * @returns {{ exists: boolean, readable?: boolean, format?: 'elf' | 'mach-o' | 'pe' | 'unknown', platform?: string, arch?: string,
 *   libc?: 'glibc' | 'musl', glibc?: string, truncated?: boolean, bytes?: number }} `glibc`: the newest version it asks for
 */
function inspectArtifact(file) {
  let bytes;
  try {
    const { size } = fs.statSync(file);
    if (size > MOST_BYTES) return { exists: true, readable: true, bytes: size, format: 'unknown' };
    bytes = fs.readFileSync(file);
  } catch (error) {
    return { exists: error.code !== 'ENOENT' && error.code !== 'ENOTDIR', readable: false };
  }
  return { exists: true, readable: true, bytes: bytes.length, ...headOf(bytes) };
}

function headOf(bytes) {
  if (bytes.length < HEAD) return { format: 'unknown' };
  if (bytes.readUInt32BE(0) === ELF) return elf(bytes);
  if (bytes.readUInt32LE(0) === 0xfeedfacf) {
    return { format: 'mach-o', platform: 'darwin', arch: MACH_CPU[bytes.readUInt32LE(4)] };
  }
  if (bytes.readUInt32BE(0) === 0xcafebabe) return { format: 'mach-o', platform: 'darwin' };
  if (bytes.toString('latin1', 0, 2) === 'MZ') return pe(bytes);
  return { format: 'unknown' };
}

/** Where a whole ELF file ends at the earliest: its table of sections stands at the end of what linkers write. */
function elfEnd(head) {
  // 64-bit addresses, lowest byte first: there is no addon of another sort to be had.
  if (head[4] !== 2 || head[5] !== 1) return 0;
  return Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
}

function elf(bytes) {
  const arch = ELF_MACHINE[bytes.readUInt16LE(18)];
  const text = bytes.latin1Slice();
  const versions = [...text.matchAll(/\bGLIBC_(\d{1,3}\.\d{1,3})(?:\.\d{1,3})?\0/g)].map(([, version]) => version);
  const musl = text.includes('libc.musl-') || (versions.length === 0 && text.includes('\0libc.so\0'));
  return {
    format: 'elf',
    platform: 'linux',
    arch,
    libc: versions.length > 0 ? 'glibc' : musl ? 'musl' : undefined,
    glibc: versions.sort(compareVersions).at(-1),
    truncated: bytes.length < elfEnd(bytes),
  };
}

function pe(bytes) {
  const at = bytes.readUInt32LE(0x3c);
  const arch = at + 6 <= bytes.length ? PE_MACHINE[bytes.readUInt16LE(at + 4)] : undefined;
  return { format: 'pe', platform: 'win32', arch };
}

/**
 * Whether the file ends before it should: an installation that was cut short. dlopen maps such a file without a look, and the process
 * dies of SIGBUS, so this is asked before. Costs one read of 64 bytes.
 */
function isCutShort(file) {
  let handle;
  try {
    handle = fs.openSync(file, 'r');
    const head = Buffer.alloc(HEAD);
    if (fs.readSync(handle, head, 0, HEAD, 0) < HEAD) return true;
    return head.readUInt32BE(0) === ELF && fs.fstatSync(handle).size < elfEnd(head);
  } catch {
    // Not there, or not to be read: loading says so better.
    return false;
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

/** Of `2.9` and `2.28`, by number. */
function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  return left[0] - right[0] || left[1] - right[1];
}

module.exports = { inspectArtifact, isCutShort, compareVersions };
