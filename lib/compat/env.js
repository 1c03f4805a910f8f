'use strict';

const { WarmpathError } = require('../errors.js');
const { INT32_MAX } = require('../options/check.js');

const INTEGERS = {
  MEDIA_PREWARM_CONCURRENCY: { name: 'concurrency', min: 1, max: 4096, default: 5 },
  MEDIA_PREWARM_MAX_QUEUE: { name: 'capacity', min: 1, max: 1_000_000, default: 500 },
  MEDIA_PREWARM_INTERVAL_MS: { name: 'intervalMs', min: 10, max: INT32_MAX, default: 2000 },
  MEDIA_PREWARM_RETRY_WEAK_ID: { name: 'retryWeakId', min: 0, max: 1, default: 0 },
};

/** 'off' = not paced: for servers of one's own that have no limits. Anything but the two words is refused. */
const LIMITS = 'MEDIA_PREWARM_LIMITS';

/** Where jobs wait; 'postgres' needs a migrated database. */
const STORE = 'MEDIA_PREWARM_STORE';
const STORES = ['memory', 'postgres'];

const S3_VARIABLES = {
  endpoint: 'R2_ENDPOINT',
  accountId: 'R2_ACCOUNT_ID',
  accessKeyId: 'R2_ACCESS_KEY_ID',
  secretAccessKey: 'R2_SECRET_ACCESS_KEY',
  bucket: 'R2_BUCKET',
};

/** An empty value means the default, as `NAME=` in a .env file is meant. */
function read(env, name) {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

function failure(problems) {
  const text = problems.map(({ variable, message }) => `${variable} ${message}`).join('; ');
  return new WarmpathError('ERR_WARMPATH_INVALID_OPTION', text, { option: problems[0].variable });
}

/**
 * The numbers of the prewarm worker from the environment. Whole decimal numbers only: `5x`, `1e3`, `abc` are refused,
 * not read as something else.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION that names every wrong variable
 */
function prewarmEnv(env = process.env) {
  const out = {};
  const problems = [];
  for (const [variable, rule] of Object.entries(INTEGERS)) {
    const value = read(env, variable);
    const number = value === undefined ? rule.default : /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= rule.min && number <= rule.max) out[rule.name] = number;
    else problems.push({ variable, message: `must be an integer from ${rule.min} to ${rule.max}` });
  }
  const limits = read(env, LIMITS);
  if (limits === 'off') out.limits = false;
  else if (limits !== undefined && limits !== 'on')
    problems.push({ variable: LIMITS, message: "must be 'on' or 'off'" });
  out.store = read(env, STORE) ?? 'memory';
  if (!STORES.includes(out.store)) problems.push({ variable: STORE, message: "must be 'memory' or 'postgres'" });
  if (problems.length > 0) throw failure(problems);
  return out;
}

/** The same, with defaults in place of wrong values: for what must answer before anything was started. */
function prewarmEnvOrDefaults(env = process.env) {
  try {
    return prewarmEnv(env);
  } catch {
    return prewarmEnv({});
  }
}

/**
 * `s3` from the environment. An endpoint wins over the account id: apps that have both mean the endpoint.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION that names every variable that is missing
 */
function s3Env(env = process.env) {
  const out = {};
  const problems = [];
  for (const [field, variable] of Object.entries(S3_VARIABLES)) {
    const value = read(env, variable);
    if (value !== undefined) out[field] = value;
    else if (!['endpoint', 'accountId'].includes(field)) problems.push({ variable, message: 'is not set' });
  }
  if (out.endpoint !== undefined) delete out.accountId;
  else if (out.accountId === undefined) {
    problems.unshift({ variable: 'R2_ENDPOINT', message: 'or R2_ACCOUNT_ID is not set' });
  }
  if (problems.length > 0) throw failure(problems);
  return out;
}

/** `telegram` from the environment. */
function telegramEnv(env = process.env) {
  const apiRoot = read(env, 'TELEGRAM_API_ROOT');
  return apiRoot === undefined ? {} : { apiRoot };
}

/** Lets an option error about a value from the environment name the variable it came from. */
function naming(call) {
  try {
    return call();
  } catch (err) {
    const field = /^s3\.(\w+)$/.exec(err.option ?? '')?.[1];
    const variable = err.option === 'telegram.apiRoot' ? 'TELEGRAM_API_ROOT' : S3_VARIABLES[field];
    if (variable !== undefined) err.message += ` (${variable})`;
    throw err;
  }
}

module.exports = { STORES, prewarmEnv, prewarmEnvOrDefaults, s3Env, telegramEnv, naming };
