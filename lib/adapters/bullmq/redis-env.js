'use strict';

const { WarmpathError } = require('../../errors.js');

/** An empty value means the default, as `NAME=` in a .env file is meant. */
const read = (env, name) => (env[name] === undefined || env[name] === '' ? undefined : env[name]);

/**
 * The connection of the queues from the environment: `REDIS_HOST` (default localhost), `REDIS_PORT` (6379), `PASSWORD_REDIS`
 * (none).
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION naming the variable
 */
function redisEnv(env = process.env) {
  if (typeof env !== 'object' || env === null) {
    throw new WarmpathError('ERR_WARMPATH_INVALID_OPTION', 'env must be an object', { option: 'env' });
  }
  const text = read(env, 'REDIS_PORT') ?? '6379';
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) {
    const message = 'REDIS_PORT must be an integer from 1 to 65535';
    throw new WarmpathError('ERR_WARMPATH_INVALID_OPTION', message, { option: 'REDIS_PORT' });
  }
  const password = read(env, 'PASSWORD_REDIS');
  return { host: read(env, 'REDIS_HOST') ?? 'localhost', port, ...(password && { password }) };
}

module.exports = { redisEnv };
