'use strict';

const path = require('node:path');
const { WarmpathError } = require('./errors.js');

const NEEDED = [
  'queueDoor',
  'sharedQueueDoor',
  'signerDoor',
  'NativeHasher',
  'hashFile',
  'NativePrewarm',
  'NativeIngest',
  'NativeCampaign',
  'splitMessage',
  'parseSplit',
  'NativeS3',
  'NativeUploader',
  'errorTable',
];

let loaded = null;

/**
 * The native addon, loaded at first use: importing the package never throws, the first constructor does, with
 * ERR_WARMPATH_NATIVE_LOAD. `WARMPATH_NATIVE_PATH` names another file to load instead.
 */
function native() {
  if (loaded === null) loaded = load();
  return loaded;
}

function load() {
  const override = process.env.WARMPATH_NATIVE_PATH;
  let addon;
  try {
    addon = require(override ? path.resolve(override) : '../native/index.js');
  } catch (err) {
    throw loadError(reasons(err), override, err);
  }
  const missing = NEEDED.filter((name) => typeof addon[name] !== 'function');
  if (missing.length > 0) {
    throw loadError(`the file loads, but lacks ${missing.join(', ')}: it was built from another version`, override);
  }
  return addon;
}

function loadError(reason, override, cause) {
  const where = `${process.platform}-${process.arch}${process.platform === 'linux' ? `, ${libc()}` : ''}, Node ${process.versions.node}`;
  const remedy = override
    ? 'WARMPATH_NATIVE_PATH names this file: correct it or unset it.'
    : 'Reinstall without --no-optional or --omit=optional; in a git checkout run `npm run build` (needs Rust); ' +
      'or set WARMPATH_NATIVE_PATH to a .node file built for this platform.';
  return new WarmpathError(
    'ERR_WARMPATH_NATIVE_LOAD',
    `the native part of warmpath cannot be loaded on ${where}.\nReason: ${reason}\n${remedy}`,
    { cause },
  );
}

/** The loader reports every attempt in a chain of causes; all of them matter, the last one most. */
function reasons(err) {
  const texts = [];
  for (let e = err; e && texts.length < 20; e = e.cause) {
    const text = String(e.message ?? e).split('\nRequire stack:')[0];
    if (!texts.includes(text)) texts.push(text);
  }
  return texts.join(' | ');
}

function libc() {
  const { excludeNetwork } = process.report;
  try {
    // The full report looks up network interfaces, which can block on a slow resolver.
    process.report.excludeNetwork = true;
    const { glibcVersionRuntime } = process.report.getReport().header;
    return glibcVersionRuntime ? `glibc ${glibcVersionRuntime}` : 'musl';
  } catch {
    return 'unknown libc';
  } finally {
    process.report.excludeNetwork = excludeNetwork;
  }
}

module.exports = { native };
