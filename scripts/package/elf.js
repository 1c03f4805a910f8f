'use strict';

// What a Linux addon asks of the system that loads it, read with binutils' readelf: it knows every machine, whatever this one is.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');

/** @param {string} a such as 2.9 @param {string} b such as 2.28 @returns {number} as a comparator does */
function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = (left[i] ?? 0) - (right[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

const readelf = (file, ...flags) =>
  execFileSync('readelf', ['--wide', ...flags, file], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 64 << 20,
  });

/** Symbols that the addon defines for others. */
function exported(table) {
  const names = [];
  for (const line of table.split('\n')) {
    const [, , , type, bind, , section, name] = line.trim().split(/\s+/);
    if (name && bind !== 'LOCAL' && section !== 'UND' && type !== 'Type') names.push(name);
  }
  return names.sort();
}

/**
 * @param {string} file
 * @returns {{ machine: string, isShared: boolean, needed: string[], glibc: string | null, exported: string[], sections: string[],
 *   features: string[], hasExecutableStack: boolean, hasStaticTls: boolean, hasTextRelocations: boolean, staysLoaded: boolean,
 *   size: number }}
 *   `glibc`: the highest version that is needed, null where none is (musl); `features`: what else is asked of the loader by name,
 *   such as GLIBC_ABI_DT_RELR
 * @throws {Error} readelf is missing, or the file is no ELF file
 */
function readElf(file) {
  const header = readelf(file, '--file-header', '--program-headers', '--section-headers');
  const dynamic = readelf(file, '--dynamic');
  const versions = readelf(file, '--version-info');
  const glibc = [...versions.matchAll(/Name: GLIBC_(\d[\d.]*)/g)].map((match) => match[1]).sort(compareVersions);
  const flags = dynamic.match(/\(FLAGS(?:_1)?\).*/g)?.join(' ') ?? '';
  return {
    machine: header.match(/Machine:\s+(.+)/)?.[1].trim() ?? 'unknown',
    isShared: /Type:\s+DYN/.test(header),
    needed: [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]),
    glibc: glibc.at(-1) ?? null,
    features: [...versions.matchAll(/Name: (GLIBC_[A-Z]\w*)/g)].map((match) => match[1]),
    exported: exported(readelf(file, '--dyn-syms')),
    sections: [...header.matchAll(/^\s+\[\s*\d+\]\s+(\.\S+)/gm)].map((match) => match[1]),
    hasExecutableStack: /GNU_STACK.*\sRWE\s/.test(header),
    hasStaticTls: /\bSTATIC_TLS\b/.test(flags),
    hasTextRelocations: /\(TEXTREL\)|\bTEXTREL\b/.test(dynamic),
    staysLoaded: /\bNODELETE\b/.test(flags),
    size: fs.statSync(file).size,
  };
}

module.exports = { readElf, compareVersions };
