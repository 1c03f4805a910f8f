'use strict';

// What the compiler is told of which code runs often: profiles that scripts/profile.js has recorded. docs/profile.md has the whole of it.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');

const root = path.join(__dirname, '..', '..');
const RECORDED = path.join(__dirname, 'recorded.json');

/** What the names of functions are made of beside rustc: with another of these a profile is one of functions that are not there. */
const MANIFESTS = ['Cargo.lock', 'Cargo.toml', path.join('engine', 'Cargo.toml')];

/** @returns {{ host: string, version: string }} of the compiler here; empty without one */
function rustc() {
  const { stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' });
  const [, version = ''] = /^rustc (.+)$/m.exec(stdout ?? '') ?? [];
  const [, host = ''] = /^host: (.+)$/m.exec(stdout ?? '') ?? [];
  return { host, version };
}

/** A digest of {@link MANIFESTS}, whatever ends their lines. */
function manifests() {
  const hash = crypto.createHash('sha256');
  for (const file of MANIFESTS)
    hash.update(fs.readFileSync(path.join(root, file), 'utf8').replaceAll('\r\n', '\n')).update('\0');
  return hash.digest('hex');
}

/** @param {string} triple @returns {string} where its profile is kept: of cargo's `release`, which makes other names than `published` */
const fileOf = (triple) => path.join(__dirname, `${triple}.release.br`);

/**
 * Why a profile cannot be used here.
 *
 * @param {string} triple what is built for
 * @returns {string | null} null: it can
 */
function unfit(triple) {
  if (!fs.existsSync(fileOf(triple))) return `none was recorded for ${triple}`;
  const recorded = JSON.parse(fs.readFileSync(RECORDED, 'utf8'))[path.basename(fileOf(triple))];
  if (recorded === undefined) return `nothing says what the one for ${triple} was recorded with`;
  const { version } = rustc();
  if (recorded.rustc !== version) return `it was recorded with rustc ${recorded.rustc}, this is ${version || 'none'}`;
  if (recorded.manifests !== manifests())
    return `${MANIFESTS.join(', ')}: one of them has changed since it was recorded`;
  return null;
}

/**
 * Flags for rustc that make it use the profile.
 *
 * @param {string} triple what is built for
 * @returns {string[]} none where there is no profile that fits
 */
function flags(triple) {
  const why = unfit(triple);
  if (why !== null) {
    console.log(`warmpath: built without a profile: ${why}`);
    return [];
  }
  const packed = fs.readFileSync(fileOf(triple));
  // Cargo knows the flags, not the file: another profile needs another name.
  const name = crypto.createHash('sha256').update(packed).digest('hex').slice(0, 16);
  const profile = path.join(root, 'target', 'profiles', `${name}.profdata`);
  if (!fs.existsSync(profile)) {
    fs.mkdirSync(path.dirname(profile), { recursive: true });
    // Another build may be doing the same.
    const fresh = `${profile}.${process.pid}`;
    fs.writeFileSync(fresh, zlib.brotliDecompressSync(packed));
    fs.renameSync(fresh, profile);
  }
  return [`-Cprofile-use=${profile}`];
}

module.exports = { MANIFESTS, RECORDED, fileOf, flags, manifests, rustc, unfit };
