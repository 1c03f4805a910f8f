'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { inspectArtifact, compareVersions } = require('./artifact.js');
const { describeMachine, installedFile, libc, triples } = require('./machine.js');

// Why the addon did not load, told so that a reader of one log line can mend it. Nothing here throws: it runs in the place of an
// error.

const root = path.join(__dirname, '..', '..');
const PREBUILT_HINT =
  'or build it from a git checkout (`npm run build`, needs Rust) and name the file in WARMPATH_NATIVE_PATH';

/**
 * @param {unknown} thrown what loading threw
 * @param {string} [override] the file that WARMPATH_NATIVE_PATH or NAPI_RS_NATIVE_LIBRARY_PATH named
 * @param {string} [variable] which of the two
 * @returns {{ machine: string, wanted: string, file: string | null, reason: string, remedy: string }}
 */
function diagnose(thrown, override, variable) {
  const { names, published } = packages();
  const file = override ?? installedFile(triples());
  const said = sentences(thrown);
  const { reason, remedy } =
    file === null ? absent(names, published, said) : unfit(inspectArtifact(file), file, said, variable);
  return {
    machine: describeMachine(),
    wanted:
      override === undefined ? (names[0] ?? 'none: there is no package for this platform') : `${variable}=${override}`,
    file,
    reason,
    remedy,
  };
}

/** The packages that the generated loader would take here, and those that were published with this version. */
function packages() {
  let loader = '';
  let published = [];
  try {
    loader = fs.readFileSync(path.join(root, 'native', 'index.js'), 'utf8');
    const { optionalDependencies = {} } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    published = Object.keys(optionalDependencies);
  } catch {
    // An installation with holes: the rest is told all the same.
  }
  const known = [...loader.matchAll(/require\('([@\w./-]+)\/package\.json'\)/g)].map(([, name]) => name);
  const names = triples().flatMap((triple) => known.filter((name) => name.endsWith(`-${triple}`)).slice(0, 1));
  return { names, published };
}

function absent(names, published, said) {
  if (names.length === 0 || (published.length > 0 && !names.some((name) => published.includes(name)))) {
    return {
      reason: 'there is no prebuilt file for this platform',
      remedy: `Run it on one of ${list(published)}, ${PREBUILT_HINT}.`,
    };
  }
  return {
    reason: [
      `${names[0]} is not installed`,
      ...said.filter((text) => !/Cannot find (native binding|module)/.test(text)),
    ].join('; '),
    remedy:
      'Install again on this machine, without --omit=optional or --no-optional. If node_modules or the lock file came from ' +
      'another platform (a container image, a copied folder), remove both first: npm keeps only the packages of the platform ' +
      `that wrote them. ${PREBUILT_HINT[0].toUpperCase()}${PREBUILT_HINT.slice(1)}.`,
  };
}

const list = (names) => (names.length === 0 ? 'the platforms named in docs/loading.md' : names.join(', '));

/** A file is there, and did not load. */
function unfit(artifact, file, said, variable) {
  const here = libc();
  const again = variable
    ? `Correct ${variable}, or unset it.`
    : 'Install again on this machine: remove node_modules first.';
  const reason = (text) => [text, ...said].filter(Boolean).join('; ');
  if (!artifact.exists) return { reason: `${file} is not there`, remedy: again };
  if (!artifact.readable) {
    return { reason: reason(`${file} cannot be read`), remedy: 'Give the user of this process the right to read it.' };
  }
  if (artifact.format === 'unknown' || artifact.truncated) {
    return { reason: reason(`${file} (${artifact.bytes} bytes) is damaged or no addon at all`), remedy: again };
  }
  if (artifact.platform !== process.platform || (artifact.arch && artifact.arch !== process.arch)) {
    const made = [artifact.platform, artifact.arch].filter(Boolean).join(' ');
    return {
      reason: `${file} is made for ${made}, and this process is ${process.platform} ${process.arch}`,
      remedy: again,
    };
  }
  if (here && artifact.libc && artifact.libc !== here.family) {
    return {
      reason: reason(`${file} is made for ${artifact.libc}, and this process runs on ${here.family}`),
      remedy: again,
    };
  }
  if (here?.version && artifact.glibc && compareVersions(artifact.glibc, here.version) > 0) {
    return {
      reason: reason(`${file} needs glibc ${artifact.glibc}, and this process has ${here.version}`),
      remedy: `Use a newer base system (Debian 10, Ubuntu 20.04, RHEL 8 and later have 2.28 or newer), ${PREBUILT_HINT}.`,
    };
  }
  return { reason: said.join('; ') || 'no reason was given', remedy: remedyOf(said.join(' '), again) };
}

/** What dlopen says where the file itself is right. */
function remedyOf(text, again) {
  if (/failed to map segment|Operation not permitted|Permission denied/i.test(text)) {
    return 'The file system it lies on forbids execution (noexec), or a security policy does: install it elsewhere.';
  }
  if (/static TLS block/.test(text)) {
    return 'Load warmpath before other native addons, or start with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384.';
  }
  if (/built from another version/.test(text)) return again;
  return `${again} \`npx warmpath doctor\` tells more.`;
}

/** The loader reports every attempt in a chain of causes; what says nothing about this platform is left out. */
function sentences(thrown) {
  const texts = [];
  for (let error = thrown; error && texts.length < 20; error = error.cause) {
    const [text] = String(error.message ?? error).split('\nRequire stack:');
    if (!/wasi|Cannot find native binding/i.test(text) && !texts.includes(text)) texts.push(text);
  }
  return texts;
}

module.exports = { diagnose };
