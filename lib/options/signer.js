'use strict';

const { isDate } = require('node:util').types;
const check = require('./check.js');

const { shape, withDefault, boolean, text, credential, oneOf, httpUrl, isPlainObject, describe } = check;

const invalidOption = check.failWith('ERR_WARMPATH_INVALID_OPTION');
const invalid = check.failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const scopePart = text({
  max: 128,
  pattern: /^[\x21-\x2b\x2d\x2e\x30-\x3c\x3e-\x7e]+$/,
  form: "printable ASCII without spaces, '/', ',' and '='",
});

const bucket = text({ max: 255, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, form: 'a bucket name' });

const flatCredentials = { accessKeyId: scopePart, secretAccessKey: credential, sessionToken: credential };

const BASIC = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))$/;
// 9999-12-31T23:59:59.999Z: the date in a signature has four digits for the year.
const LAST_MS = 253_402_300_799_999;

/** A Date, milliseconds since the epoch, or ISO text with a zone (also in the basic form of x-amz-date); else NaN. */
function epochMs(date) {
  let ms = Number.NaN;
  if (typeof date === 'number') ms = date;
  else if (isDate(date)) ms = Date.prototype.getTime.call(date);
  else if (typeof date === 'string') ms = parseDate(date);
  return Number.isInteger(ms) && ms >= 0 && ms <= LAST_MS ? ms : Number.NaN;
}

const DATE_FORM = "must be a Date, milliseconds since 1970, or ISO text with a zone such as '2026-11-22T02:30:00Z'";

function parseDate(value) {
  const m = BASIC.exec(value) ?? ISO.exec(value);
  if (m === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map((v) => Number(v ?? 0));
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC rolls 30 February over into March; a signature must not be made for a day nobody asked for.
  const same =
    // Date.UTC takes the years 0 to 99 for those of the last century.
    utc.getUTCFullYear() === year &&
    utc.getUTCMonth() === month - 1 &&
    utc.getUTCDate() === day &&
    utc.getUTCHours() === hour &&
    minute < 60 &&
    second < 60 &&
    Number(m[9] ?? 0) < 24 &&
    Number(m[10] ?? 0) < 60;
  if (!same) return Number.NaN;
  const zone = m[8] ? (m[8] === '-' ? 1 : -1) * (Number(m[9]) * 60 + Number(m[10])) * 60_000 : 0;
  return utc.getTime() + Number((m[7] ?? '').padEnd(3, '0').slice(0, 3)) + zone;
}

/** `expiration` as ms; null (as STS libraries write "none") counts as absent. */
const expiration = (value, path, fail) => {
  if (value === null) return undefined;
  const ms = epochMs(value);
  if (Number.isNaN(ms)) fail(path, DATE_FORM);
  return ms;
};

const credentialFields = shape({ ...flatCredentials, expiration }, { required: ['accessKeyId', 'secretAccessKey'] });

/** `{ accessKeyId, secretAccessKey, sessionToken?, expiration? }` that the user wrote down: an unknown field throws. */
const credentials = (value, path, fail) => credentialFields(value, path, fail);

/** The same from a provider: libraries put fields of their own beside the four. */
function providedCredentials(value, path, fail) {
  if (typeof value !== 'object' || value === null) fail(path, `must be an object, not ${describe(value)}`);
  const { accessKeyId, secretAccessKey, sessionToken, expiration: until } = value;
  return credentialFields(
    { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined, expiration: until },
    path,
    fail,
  );
}

const clockOffset = (value, path, fail) => {
  if (!Number.isSafeInteger(value)) fail(path, `must be a whole number of ms, not ${describe(value)}`);
  return value;
};

const fields = shape({
  ...flatCredentials,
  credentials: (value, path, fail) => (typeof value === 'function' ? value : credentials(value, path, fail)),
  region: withDefault(scopePart, 'auto'),
  service: withDefault(scopePart, 's3'),
  uriEscapePath: boolean,
  normalizePath: boolean,
  applyChecksum: boolean,
  clockOffsetMs: withDefault(clockOffset, 0),
  accountId: text({ max: 63, pattern: /^[A-Za-z0-9-]+$/, form: 'a Cloudflare account id' }),
  jurisdiction: oneOf('eu', 'fedramp'),
  endpoint: httpUrl(),
  bucket,
  virtualHost: withDefault(boolean, false),
});

/**
 * Checked options of a SigV4Signer; what is left out follows the service.
 *
 * @returns {{ dialect: object, credentials: object | Function, address: object | null, clockOffsetMs: number }}
 */
function signerOptions(options) {
  const out = fields(options, '', invalidOption);
  const s3 = out.service === 's3';
  return {
    dialect: {
      region: out.region,
      service: out.service,
      uriEscapePath: out.uriEscapePath ?? !s3,
      normalizePath: out.normalizePath ?? !s3,
      applyChecksum: out.applyChecksum ?? s3,
    },
    credentials: credentialsOf(out),
    address: addressOf(out),
    clockOffsetMs: out.clockOffsetMs,
  };
}

function credentialsOf({ credentials: given, accessKeyId, secretAccessKey, sessionToken }) {
  if (given === undefined) {
    if (accessKeyId === undefined) invalidOption('accessKeyId', 'is required');
    if (secretAccessKey === undefined) invalidOption('secretAccessKey', 'is required');
    return { accessKeyId, secretAccessKey, sessionToken };
  }
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey, sessionToken })) {
    if (value !== undefined) invalidOption(name, 'must not be given together with credentials');
  }
  return given;
}

/** Where keys and buckets are, if the signer is told: `{ scheme, host, path, bucket?, virtualHost }`. */
function addressOf({ accountId, jurisdiction, endpoint, bucket: name, virtualHost }) {
  if (accountId !== undefined && endpoint !== undefined) {
    invalidOption('accountId', 'must not be given together with endpoint');
  }
  if (jurisdiction !== undefined && accountId === undefined) invalidOption('jurisdiction', 'needs accountId');
  if (accountId === undefined && endpoint === undefined) {
    if (name !== undefined) invalidOption('bucket', 'needs accountId or endpoint');
    if (virtualHost) invalidOption('virtualHost', 'needs accountId or endpoint');
    return null;
  }
  const host = [accountId, jurisdiction, 'r2.cloudflarestorage.com'].filter(Boolean).join('.');
  const url = new URL(endpoint ?? `https://${host}`);
  return {
    scheme: url.protocol.slice(0, -1),
    host: url.host,
    path: url.pathname.replace(/\/+$/, ''),
    bucket: name,
    virtualHost,
  };
}

module.exports = {
  signerOptions,
  credentials,
  providedCredentials,
  clockOffset,
  bucket,
  epochMs,
  DATE_FORM,
  isPlainObject,
  describe,
  invalidOption,
  invalidArgument: invalid,
};
