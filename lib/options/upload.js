'use strict';

const path = require('node:path');
const check = require('./check.js');
const { common, invalidOption } = require('./executor.js');
const { contentType, r2Key } = require('./fields.js');

const { shape, withDefault, integer, boolean, text, func, having } = check;

const invalid = check.failWith('ERR_WARMPATH_INVALID_ARGUMENT');

// S3's own limit is 2 KB for names and values together; the store says so where it is lower.
const METADATA_BYTES = 2048;
const OURS = ['sha256', 'warmpath-upload'];

const optionFields = shape(
  {
    s3: common.s3,
    concurrency: withDefault(integer(1, 64), 4),
    prefix: withDefault(text({ min: 0, max: 1024 }), ''),
    key: func,
    onProgress: func,
    signal: having('addEventListener', 'removeEventListener'),
    resume: withDefault(boolean, true),
    overwrite: withDefault(boolean, true),
    timeouts: common.timeouts,
    http: common.http,
  },
  { required: ['s3'] },
);

/** Checked options of uploadMany(). */
function uploadOptions(options) {
  return optionFields(options, '', invalidOption);
}

/** Metadata as the engine takes it: pairs. Its names are headers, so two that differ in case are one. */
function metadata(value, at, fail) {
  if (!check.isPlainObject(value)) fail(at, `must be a plain object, not ${check.describe(value)}`);
  const names = new Set();
  let bytes = 0;
  const pairs = Reflect.ownKeys(value).map((name) => {
    const lower = typeof name === 'string' ? name.toLowerCase() : '';
    if (!/^[a-z0-9-]{1,128}$/.test(lower)) fail(at, 'must have names of letters, digits and hyphens');
    if (OURS.includes(lower) || names.has(lower)) fail(`${at}.${name}`, 'is set already');
    names.add(lower);
    const item = value[name];
    if (typeof item !== 'string' || !/^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/.test(item)) {
      fail(`${at}.${name}`, 'must be printable ASCII without spaces around it');
    }
    bytes += lower.length + item.length;
    return [lower, item];
  });
  if (bytes > METADATA_BYTES) fail(at, `must have at most ${METADATA_BYTES} bytes`);
  return pairs;
}

const fileFields = shape({ path: text({ max: 4096 }), key: r2Key, contentType, metadata }, { required: ['path'] });

/** The key of a file that brings none. */
function keyOf(file, index, { key, prefix }) {
  if (key === undefined) return `${prefix}${path.basename(file.path)}`;
  return key({ ...file }, index);
}

/**
 * The files of uploadMany() as the engine takes them. All are checked before the first is sent: two of one key would overwrite each
 * other, and which of them is left would be a matter of luck.
 */
function uploadJobs(files, options) {
  if (!Array.isArray(files)) invalid('files', `must be an array, not ${check.describe(files)}`);
  const { resume, overwrite } = options;
  const indexOf = new Map();
  return Array.from(files, (given, index) => {
    const at = `files[${index}]`;
    const file = fileFields(typeof given === 'string' ? { path: given } : given, at, invalid);
    const source = typeof given === 'string' ? { path: given } : given;
    const key = r2Key(file.key ?? keyOf(source, index, options), `${at}.key`, invalid);
    if (indexOf.has(key)) invalid(`${at}.key`, `is the key of files[${indexOf.get(key)}] too`);
    indexOf.set(key, index);
    return { ...file, key, resume, overwrite };
  });
}

module.exports = { uploadOptions, uploadJobs };
