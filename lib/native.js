'use strict';

const path = require('node:path');
const { WarmpathError } = require('./errors.js');
const { isCutShort } = require('./loading/artifact.js');
const { installedFile } = require('./loading/machine.js');

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

/** In the order in which they are asked: ours, and the one that the build tool's own loader knows. */
const OVERRIDES = ['WARMPATH_NATIVE_PATH', 'NAPI_RS_NATIVE_LIBRARY_PATH'];

let loaded = null;

/**
 * The native addon, loaded at first use: importing the package never throws, the first constructor does, with
 * ERR_WARMPATH_NATIVE_LOAD. `WARMPATH_NATIVE_PATH` names another file to load instead. A failure is not kept: the next call
 * tries again. See docs/loading.md.
 *
 * @throws {WarmpathError} ERR_WARMPATH_NATIVE_LOAD
 */
function native() {
  if (loaded === null) loaded = load();
  return loaded;
}

function load() {
  const variable = OVERRIDES.find((name) => process.env[name]);
  const file = variable && path.resolve(process.env[variable]);
  let addon;
  try {
    if (isCutShort(file ?? installedFile() ?? '')) throw new Error('the file is cut short');
    addon = file === undefined ? require('../native/index.js') : open(file);
  } catch (err) {
    throw loadError(err, file, variable);
  }
  const missing = NEEDED.filter((name) => typeof addon[name] !== 'function');
  if (missing.length > 0) {
    throw loadError(
      new Error(`the file loads, but lacks ${missing.join(', ')}: it was built from another version`),
      file,
      variable,
    );
  }
  return addon;
}

/** Whatever its name ends with: `require` takes a file that does not end with .node for JavaScript. */
function open(file) {
  if (/\.[cm]?js$/.test(file)) return require(file);
  const target = { exports: {} };
  process.dlopen(target, path.toNamespacedPath(file));
  return target.exports;
}

function loadError(cause, file, variable) {
  // Loaded here, because a process in which all is well needs nothing of it.
  const told = require('./loading/diagnosis.js').diagnose(cause, file, variable);
  const { machine, wanted, reason, remedy } = told;
  const error = new WarmpathError(
    'ERR_WARMPATH_NATIVE_LOAD',
    `the native part of warmpath cannot be loaded.\n  Machine: ${machine}\n  Wanted: ${wanted}\n  Reason: ${reason}\n  To do: ${remedy}`,
    { cause },
  );
  diagnoses.set(error, told);
  return error;
}

const diagnoses = new WeakMap();

/** What an ERR_WARMPATH_NATIVE_LOAD tells, in parts: `{ machine, wanted, file, reason, remedy }`. */
const diagnoseError = (error) => diagnoses.get(error);

module.exports = { native, diagnoseError };
