'use strict';

const { WarmpathError } = require('../errors.js');

const read = (env, name) => (env[name] === undefined || env[name] === '' ? undefined : env[name]);

/**
 * Settings from the environment, where the app gives none: `MEDIA_INGEST_DIR`, `MEDIA_INGEST_CONCURRENCY` (5). An empty value
 * counts as absent.
 *
 * @param {object} given the app's settings
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION naming the variable
 */
function ingestEnv(given, env = process.env) {
  const out = {};
  const dir = read(env, 'MEDIA_INGEST_DIR');
  if (dir !== undefined && given.dir === undefined && given.s3 === undefined) out.dir = dir;
  const text = read(env, 'MEDIA_INGEST_CONCURRENCY');
  if (text === undefined) return out;
  const concurrency = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(concurrency >= 1 && concurrency <= 4096)) {
    const message = 'MEDIA_INGEST_CONCURRENCY must be an integer from 1 to 4096';
    throw new WarmpathError('ERR_WARMPATH_INVALID_OPTION', message, { option: 'MEDIA_INGEST_CONCURRENCY' });
  }
  return { ...out, concurrency };
}

module.exports = { ingestEnv };
