'use strict';

const { isDate, isUint8Array } = require('node:util').types;
const check = require('./check.js');

const { shape, withDefault, boolean, text, credential, integer, isPlainObject, describe } = check;

const invalidOption = check.failWith('ERR_WARMPATH_INVALID_OPTION');
const invalid = check.failWith('ERR_WARMPATH_INVALID_ARGUMENT');

const scopePart = text({
  max: 128,
  pattern: /^[\x21-\x2e\x30-\x7e]+$/,
  form: "printable ASCII without spaces and '/'",
});

const fields = shape(
  {
    accessKeyId: scopePart,
    secretAccessKey: credential,
    sessionToken: credential,
    region: withDefault(scopePart, 'auto'),
    service: withDefault(scopePart, 's3'),
    uriEscapePath: boolean,
    normalizePath: boolean,
    applyChecksum: boolean,
  },
  { required: ['accessKeyId', 'secretAccessKey'] },
);

/** Checked options of a SigV4Signer; what is left out follows the service. */
function signerOptions(options) {
  const out = fields(options, '', invalidOption);
  const s3 = out.service === 's3';
  out.uriEscapePath ??= !s3;
  out.normalizePath ??= !s3;
  out.applyChecksum ??= s3;
  return out;
}

const REQUEST_FIELDS = ['method', 'url', 'headers', 'body', 'payloadHash', 'date', 'expiresIn'];
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const hashText = text({ max: 256, pattern: /^[\x21-\x7e]+$/, form: 'a sha256 in hexadecimal or a marker' });
const expirySeconds = integer(1, 604800, 'seconds');
const urlText = text({ max: 1 << 20 });

const urlParts = shape(
  {
    scheme: check.oneOf('http', 'https'),
    host: text(),
    path: text({ max: 65536 }),
    query: text({ min: 0, max: 1 << 20 }),
  },
  { required: ['scheme', 'host', 'path'] },
);

/**
 * Takes a request apart for the native signer.
 *
 * @returns {{ json: string, body: Uint8Array | null }} the body crosses beside the JSON, as bytes
 */
function signerRequest(request, { presign = false } = {}) {
  if (!isPlainObject(request)) invalid('request', `must be a plain object, not ${describe(request)}`);
  for (const key of Reflect.ownKeys(request)) {
    if (!REQUEST_FIELDS.includes(key) || (key === 'expiresIn' && !presign))
      invalid(`request.${String(key)}`, 'is unknown');
  }
  const own = (key) => (Object.hasOwn(request, key) ? request[key] : undefined);
  const out = Object.create(null);
  out.method = own('method') === undefined && presign ? 'GET' : own('method');
  if (typeof out.method !== 'string' || !TOKEN.test(out.method)) invalid('request.method', 'must be an HTTP method');
  out.url = url(own('url'));
  out.headers = headerPairs(own('headers'));
  const payloadHash = own('payloadHash');
  if (payloadHash !== undefined) {
    hashText(payloadHash, 'request.payloadHash', invalid);
    out.payloadHash = payloadHash;
  }
  const date = own('date');
  if (date !== undefined) out.epochMs = epochMs(date);
  if (presign) {
    const expiresIn = own('expiresIn') === undefined ? 900 : own('expiresIn');
    out.expiresIn = expirySeconds(expiresIn, 'request.expiresIn', invalid);
  }
  return { json: JSON.stringify(out), body: bodyBytes(own('body')) };
}

function url(value) {
  if (typeof value === 'string') return urlText(value, 'request.url', invalid);
  if (isPlainObject(value)) return urlParts(value, 'request.url', invalid);
  return invalid('request.url', `must be a string or { scheme, host, path, query? }, not ${describe(value)}`);
}

/** `{ name: text | number | text[] }` as pairs with lower-case names: `Host` and `host` are one header. */
function headerPairs(headers) {
  if (headers === undefined) return [];
  if (!isPlainObject(headers)) invalid('request.headers', `must be a plain object, not ${describe(headers)}`);
  const pairs = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (!TOKEN.test(name)) invalid('request.headers', 'holds a name that is not an HTTP token');
    const lower = name.toLowerCase();
    for (const item of Array.isArray(value) ? value : [value]) pairs.push([lower, headerText(item, lower)]);
  }
  return pairs;
}

function headerText(value, name) {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') {
    invalid(`request.headers.${name}`, `must be a string, a number or an array of strings, not ${describe(value)}`);
  }
  return value;
}

function bodyBytes(body) {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (isUint8Array(body)) return body;
  return invalid(
    'request.body',
    `must be a string or a Uint8Array, not ${describe(body)}; sign a stream by payloadHash`,
  );
}

const BASIC = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const ISO = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))$/;
// 9999-12-31T23:59:59.999Z: the date in a signature has four digits for the year.
const LAST_MS = 253_402_300_799_999;

/** A Date, milliseconds since the epoch, or ISO text with a zone (also in the basic form of x-amz-date). */
function epochMs(date) {
  let ms = Number.NaN;
  if (typeof date === 'number') ms = date;
  else if (isDate(date)) ms = date.getTime();
  else if (typeof date === 'string') ms = parseDate(date);
  if (!Number.isInteger(ms) || ms < 0 || ms > LAST_MS) {
    invalid(
      'request.date',
      "must be a Date, milliseconds since 1970, or ISO text with a zone such as '2026-11-22T02:30:00Z'",
    );
  }
  return ms;
}

function parseDate(value) {
  const m = BASIC.exec(value) ?? ISO.exec(value);
  if (m === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map((v) => Number(v ?? 0));
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC rolls 30 February over into March; a signature must not be made for a day nobody asked for.
  const same =
    utc.getUTCMonth() === month - 1 &&
    utc.getUTCDate() === day &&
    utc.getUTCHours() === hour &&
    minute < 60 &&
    second < 60;
  if (!same) return Number.NaN;
  const zone = m[8] ? (m[8] === '-' ? 1 : -1) * (Number(m[9]) * 60 + Number(m[10])) * 60_000 : 0;
  return utc.getTime() + Number((m[7] ?? '').padEnd(3, '0').slice(0, 3)) + zone;
}

module.exports = { signerOptions, signerRequest, invalidArgument: invalid };
