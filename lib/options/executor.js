'use strict';

const check = require('./check.js');
const { limitsOption, toNative } = require('./limits.js');

const { shape, withDefault, integer, milliseconds, boolean, text, credential, oneOf, httpUrl } = check;

const invalidOption = check.failWith('ERR_WARMPATH_INVALID_OPTION');

// Telegram's own limit is 2000 MB with a local server; one 4 GiB ceiling keeps every size far from 2^53.
const MAX_FILE_BYTES = 2 ** 32;

const s3Fields = shape(
  {
    endpoint: httpUrl(),
    accountId: text({ max: 63, pattern: /^[A-Za-z0-9-]+$/, form: 'a Cloudflare account id' }),
    jurisdiction: oneOf('eu', 'fedramp'),
    bucket: text({ max: 255, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, form: 'a bucket name' }),
    accessKeyId: credential,
    secretAccessKey: credential,
    sessionToken: credential,
    region: withDefault(text({ max: 64, pattern: /^[A-Za-z0-9-]+$/, form: 'a region name' }), 'auto'),
    virtualHost: withDefault(boolean, false),
  },
  { required: ['bucket', 'accessKeyId', 'secretAccessKey'] },
);

/** `s3` as the engine takes it: `accountId` and `jurisdiction` become the endpoint. */
function s3(value, path, fail) {
  const { accountId, jurisdiction, ...rest } = s3Fields(value, path, fail);
  if (rest.endpoint === undefined && accountId === undefined) fail(`${path}.endpoint`, 'or accountId is required');
  if (rest.endpoint !== undefined && accountId !== undefined) {
    fail(`${path}.accountId`, 'must not be given together with endpoint');
  }
  if (jurisdiction !== undefined && accountId === undefined) fail(`${path}.jurisdiction`, 'needs accountId');
  const host = [accountId, jurisdiction, 'r2.cloudflarestorage.com'].filter(Boolean).join('.');
  return { ...rest, endpoint: rest.endpoint ?? `https://${host}` };
}

const telegramFields = shape({
  apiRoot: withDefault(httpUrl(), 'https://api.telegram.org'),
  maxUploadBytes: integer(1, MAX_FILE_BYTES, 'bytes'),
  local: withDefault(boolean, false),
});

const retryFields = {
  quick: withDefault(integer(0, 10), 1),
  baseMs: withDefault(milliseconds(), 500),
  maxMs: withDefault(milliseconds(), 5000),
};

function retry(value, path, fail) {
  const out = shape(retryFields)(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const timeouts = shape({
  connectMs: withDefault(milliseconds(), 5000),
  firstByteMs: withDefault(milliseconds(), 15000),
  idleMs: withDefault(milliseconds(), 20000),
  answerMs: withDefault(milliseconds(), 120000),
  minBytesPerSecond: withDefault(integer(0, check.INT32_MAX, 'bytes per second'), 65536),
});

const http = shape({
  ca: text({
    max: 2 ** 22,
    pattern: /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/,
    form: 'PEM text with a certificate',
  }),
  proxy: httpUrl({ userinfo: true }),
});

const cacheFields = shape(
  {
    maxBytes: integer(1, Number.MAX_SAFE_INTEGER, 'bytes'),
    ttlMs: withDefault(milliseconds(), 300_000),
    dir: text({ max: 4096 }),
  },
  { required: ['maxBytes'] },
);

/** `false` = no cache, which the engine is told by leaving it out. */
const cache = (value, path, fail) => (value === false ? undefined : cacheFields(value, path, fail));

const MAX_CONCURRENCY = 4096;
const fixedConcurrency = integer(1, MAX_CONCURRENCY);
const bounds = shape({ min: withDefault(fixedConcurrency, 1), max: fixedConcurrency }, { required: ['max'] });

/** A number of slots, or the bounds of one that is measured. */
function concurrency(value, path, fail) {
  if (typeof value === 'number') return fixedConcurrency(value, path, fail);
  if (!check.isPlainObject(value)) fail(path, `must be an integer or { min, max }, not ${check.describe(value)}`);
  const out = bounds(value, path, fail);
  if (out.min > out.max) fail(`${path}.min`, `must not be above ${path}.max`);
  return out;
}

/** The most slots that a checked `concurrency` allows. */
const mostSlots = (value) => (typeof value === 'number' ? value : value.max);

const capacity = integer(1, 1_000_000);

/** The fields that the executor and the workers on top of it share. */
const common = {
  s3,
  telegram: withDefault(telegramFields, () => telegramFields({}, 'telegram', invalidOption)),
  concurrency: withDefault(concurrency, 5),
  capacity: withDefault(capacity, 500),
  route: withDefault(oneOf('auto', 'stream', 'url'), 'auto'),
  limits: limitsOption,
  cache,
  timeouts: withDefault(timeouts, () => timeouts({}, 'timeouts', invalidOption)),
  http: withDefault(http, () => http({}, 'http', invalidOption)),
  verifySha256: withDefault(boolean, true),
  onTooLarge: withDefault(oneOf('fail', 'document'), 'fail'),
  onRejected: withDefault(oneOf('fail', 'document'), 'fail'),
  onOtherKind: withDefault(oneOf('fail', 'accept'), 'fail'),
  onLargePhoto: oneOf('fail', 'document', 'shrink'),
  probe: withDefault(boolean, true),
  faststart: withDefault(boolean, true),
};

const executorFields = shape(
  { ...common, retry: withDefault(retry, () => retry({}, 'retry', invalidOption)) },
  { required: ['s3'] },
);

/**
 * Checked options of a PrewarmExecutor, in the shape the engine reads as JSON, but for `concurrency`: the engine begins with a
 * number, and is told bounds afterwards.
 */
function executorOptions(options) {
  const native = checked(executorFields, options);
  return { ...native, limits: toNative(native.limits) };
}

function checked(fields, options) {
  const out = fields(options, '', invalidOption);
  // Telegram would fetch bytes that nobody has seen.
  if (out.route === 'url' && out.verifySha256) invalidOption('route', "'url' cannot be used with verifySha256: true");
  return out;
}

const s3Client = shape({ s3, timeouts: common.timeouts, http: common.http }, { required: ['s3'] });

/** Checked `{ s3, timeouts?, http? }` for the S3 client alone. */
function s3ClientOptions(options) {
  return s3Client(options, '', invalidOption);
}

const closeFields = shape({ timeoutMs: withDefault(milliseconds(0), 10000) });

/** Checked `{ timeoutMs }` of close() and stop(). */
function closeOptions(options = {}) {
  return closeFields(options, '', check.failWith('ERR_WARMPATH_INVALID_ARGUMENT'));
}

module.exports = {
  invalidOption,
  common,
  retryFields,
  checked,
  executorOptions,
  s3ClientOptions,
  closeOptions,
  concurrency,
  fixedConcurrency,
  mostSlots,
};
