'use strict';

const fs = require('node:fs');
const path = require('node:path');

// What of this process decides which file fits.

const root = path.join(__dirname, '..', '..');

/** `{ family: 'glibc', version: '2.36' }`, `{ family: 'musl' }`, or null where it is not Linux or nothing tells. */
function libc() {
  if (process.platform !== 'linux') return null;
  const report = processReport();
  if (report === null) return null;
  if (report.header?.glibcVersionRuntime) return { family: 'glibc', version: report.header.glibcVersionRuntime };
  const musl = (report.sharedObjects ?? []).some((file) => /libc\.musl-|ld-musl-/.test(file));
  return musl ? { family: 'musl' } : null;
}

/** Node's own report of the process: the only thing that names the libc which is loaded, rather than one that is installed. */
function processReport() {
  const { report } = process;
  if (typeof report?.getReport !== 'function') return null;
  const { excludeNetwork } = report;
  try {
    // The full report looks up network interfaces, which can block on a slow resolver.
    report.excludeNetwork = true;
    return report.getReport();
  } catch {
    return null;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/** The names that the build tool gives to each platform, most likely first: `linux-x64-gnu`, `darwin-arm64` … */
function triples({ platform, arch } = process, { family } = libc() ?? {}) {
  const name = `${platform}-${arch}`;
  if (platform === 'win32') return [`${name}-msvc`, `${name}-gnu`];
  if (platform === 'darwin') return [name, 'darwin-universal'];
  if (platform !== 'linux') return [name];
  const abi = family === 'musl' ? 'musl' : 'gnu';
  return arch === 'arm' ? [`${name}-${abi}eabihf`] : [`${name}-${abi}`];
}

/**
 * The file that the generated loader is about to take; null when there is none. Of what may be there for another libc it names that
 * too, since asking for the libc of this process costs more than loading.
 */
function installedFile(names = []) {
  const all = names.length > 0 ? names : ['gnu', 'musl'].flatMap((abi) => triples(process, { family: abi }));
  for (const triple of all) {
    const local = path.join(root, 'native', `warmpath.${triple}.node`);
    if (fs.existsSync(local)) return local;
    try {
      return require.resolve(`warmpath-${triple}`, { paths: [root] });
    } catch {
      // Not installed, or without its file: the same to whom it concerns.
    }
  }
  return null;
}

/** One line for a message: `linux x64, glibc 2.36, Node 20.20.2`. */
function describeMachine() {
  const { family, version } = libc() ?? {};
  const runtime = process.versions.electron ? `Electron ${process.versions.electron}` : `Node ${process.versions.node}`;
  return [`${process.platform} ${process.arch}`, family && [family, version].filter(Boolean).join(' '), runtime]
    .filter(Boolean)
    .join(', ');
}

module.exports = { libc, triples, installedFile, describeMachine };
