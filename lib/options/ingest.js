'use strict';

const check = require('./check.js');
const { common, fixedConcurrency, retryFields, invalidOption } = require('./executor.js');
const { s3Prefix, accepted } = require('./ingest-fields.js');

const { shape, withDefault, integer, milliseconds, boolean, text, oneOf, arrayOf, func, httpUrl } = check;

const SINKS = ['disk', 's3'];

/** Documents of the WhatsApp Cloud API end here, and every other kind below. */
const DEFAULT_MAX_BYTES = 100 * 1024 * 1024;

const DEFAULT_CAPACITY_BYTES = 256 * 1024 * 1024;

/** The longest a hook may keep a job from going on: a phone that is asked to upload again is often not at hand. */
const DEFAULT_HOOK_MS = 60_000;

const maxBytes = integer(1, Number.MAX_SAFE_INTEGER, 'bytes');

/** Names of sinks, none twice. */
const sinks = (value, path, fail) => {
  const out = arrayOf(oneOf(...SINKS), { min: 1, max: SINKS.length })(value, path, fail);
  if (new Set(out).size < out.length) fail(path, 'must not name a sink twice');
  return out;
};

/** A host name or an address, perhaps with a port, or a network in CIDR notation; what it means is the engine's to parse. */
const allowed = text({
  max: 255,
  pattern: /^[A-Za-z0-9._:[\]-]+(\/\d{1,3})?$/,
  form: "a host, an address or a network such as '10.0.0.0/8'",
});

const httpFields = shape({
  ca: text({
    max: 2 ** 22,
    pattern: /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/,
    form: 'PEM text with a certificate',
  }),
  proxy: httpUrl({ userinfo: true }),
  allow: withDefault(arrayOf(allowed, { max: 100 }), () => []),
  deny: withDefault(arrayOf(allowed, { max: 100 }), () => []),
  ports: withDefault(arrayOf(integer(1, 65_535), { max: 100 }), () => []),
  plain: withDefault(boolean, false),
  redirects: withDefault(integer(0, 10), 3),
});

const retryShape = shape(retryFields);

function retry(value, path, fail) {
  const out = retryShape(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const whatsappFields = shape({ origin: withDefault(httpUrl(), 'https://mmg.whatsapp.net') });

/** How images are made smaller. */
const compress = shape({
  maxWidth: withDefault(integer(1, 16_383, 'pixels'), 2560),
  maxHeight: withDefault(integer(1, 16_383, 'pixels'), 2560),
  quality: withDefault(integer(1, 100), 80),
  format: oneOf('jpeg', 'png', 'webp'),
  maxPixels: withDefault(integer(1, 268_402_689, 'pixels'), 50_000_000),
});

/** The fields that the executor and a worker on top of it share. */
const ingestCommon = {
  dir: text({ max: 4096 }),
  s3: common.s3,
  s3Prefix: withDefault(s3Prefix, ''),
  sinks,
  concurrency: withDefault(fixedConcurrency, 5),
  capacity: common.capacity,
  capacityBytes: withDefault(integer(0, Number.MAX_SAFE_INTEGER, 'bytes'), DEFAULT_CAPACITY_BYTES),
  maxBytes: withDefault(maxBytes, DEFAULT_MAX_BYTES),
  onMismatch: withDefault(oneOf('refine', 'keep', 'fail'), 'refine'),
  accept: arrayOf(accepted, { min: 1, max: 100 }),
  probe: withDefault(boolean, true),
  fsync: withDefault(boolean, true),
  directIo: withDefault(boolean, true),
  compress,
  timeouts: common.timeouts,
  http: withDefault(httpFields, () => httpFields({}, 'http', invalidOption)),
  whatsapp: withDefault(whatsappFields, () => whatsappFields({}, 'whatsapp', invalidOption)),
};

const hookFields = {
  reupload: func,
  resolve: func,
  hookTimeoutMs: withDefault(milliseconds(), DEFAULT_HOOK_MS),
};

const fields = shape({
  ...ingestCommon,
  ...hookFields,
  retry: withDefault(retry, () => retry({}, 'retry', invalidOption)),
});

/** What the fields alone cannot say: a sink needs its place. Fills `sinks` in. */
function checkedSinks(out) {
  const there = SINKS.filter((sink) => out[sink === 'disk' ? 'dir' : 's3'] !== undefined);
  if (there.length === 0) invalidOption('dir', 'or s3 is required');
  if (out.compress !== undefined && out.dir === undefined)
    invalidOption('compress', 'needs dir: it works on a file there');
  out.sinks ??= there;
  for (const sink of out.sinks) {
    if (!there.includes(sink)) invalidOption('sinks', `names '${sink}', which needs ${sink === 'disk' ? 'dir' : 's3'}`);
  }
  return out;
}

/**
 * Checked options of an IngestExecutor: what the engine reads as JSON, and what stays in JS.
 *
 * @returns {{ native: object, hooks: { reupload?: Function, resolve?: Function, hookTimeoutMs: number }, compress?: object,
 *   capacityBytes: number }}
 */
function ingestOptions(options) {
  const { reupload, resolve, hookTimeoutMs, compress, capacityBytes, ...native } = checkedSinks(
    fields(options, '', invalidOption),
  );
  return { native, hooks: { reupload, resolve, hookTimeoutMs }, compress, capacityBytes };
}

module.exports = { ingestCommon, hookFields, checkedSinks, ingestOptions, sinks, maxBytes };
