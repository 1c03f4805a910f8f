'use strict';

const { createHash, createHmac } = require('node:crypto');
const { fromOutcome, guard, guardAsync } = require('../errors.js');
const { native } = require('../native.js');
const { shape, failWith, text } = require('../options/check.js');
const { s3ClientOptions } = require('../options/executor.js');
const { SigV4Signer } = require('../signer.js');
const { canonicalPath } = require('./canonical-path.js');
const { s3Env, naming } = require('./env.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/** A bounded map that forgets its oldest entry. */
class Cache {
  #max;
  #map = new Map();

  constructor(max) {
    this.#max = max;
  }

  get(key, make) {
    let value = this.#map.get(key);
    if (value === undefined) {
      value = make();
      this.#map.set(key, value);
      if (this.#map.size > this.#max) this.#map.delete(this.#map.keys().next().value);
    }
    return value;
  }
}

/** Secrets are never cache keys themselves; JSON keeps the parts apart. */
function digest(...parts) {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}

const signingKeys = new Cache(64);
const signers = new Cache(16);

/**
 * The derived SigV4 key, cached per secret, day, region and service.
 *
 * @param {string} dateStamp yyyymmdd
 * @returns {Buffer} a copy: changing it does not spoil the cache
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function getSigningKey(secretAccessKey, dateStamp, region, service) {
  for (const [name, value] of Object.entries({ secretAccessKey, dateStamp, region, service })) {
    if (typeof value !== 'string') invalid(name, 'must be a string');
  }
  const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
  const key = signingKeys.get(digest(secretAccessKey, dateStamp, region, service), () =>
    hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, dateStamp), region), service), 'aws4_request'),
  );
  return Buffer.from(key);
}

const SIGNED_BY_US = ['authorization', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token'];

/**
 * Headers to send: the given ones, with `x-amz-date`, `x-amz-content-sha256` and `Authorization` beside them (and `host`
 * where none was given).
 *
 * @param {string} method
 * @param {string} path raw or escaped, with or without a query
 * @param {object} headers any case; must hold a host unless config.endpoint is set
 * @param {string | Uint8Array | object} [payload] a stream is sent as UNSIGNED-PAYLOAD, unless headers name its hash
 * @param {object} config accessKeyId, secretAccessKey; sessionToken?, region = 'auto', service = 's3', endpoint?
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT, ERR_WARMPATH_INVALID_OPTION
 */
function signRequest(method, path, headers, payload, config) {
  if (typeof path !== 'string' || !path.isWellFormed()) invalid('path', 'must be well-formed text');
  const given = {};
  for (const [name, value] of Object.entries(headers ?? {})) given[name.toLowerCase()] = value;
  const hash = given['x-amz-content-sha256'];
  for (const name of SIGNED_BY_US) delete given[name];

  const mark = path.indexOf('?');
  const request = {
    method,
    url: {
      ...origin(given.host, config?.endpoint),
      path: canonicalPath(mark < 0 ? path : path.slice(0, mark)) || '/',
      query: mark < 0 ? '' : path.slice(mark + 1),
    },
    headers: given,
    ...payloadOf(payload, hash),
  };
  const signed = signerFor(config).sign(request).headers;

  const out = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!SIGNED_BY_US.includes(name.toLowerCase())) out[name] = value;
  }
  if (given.host === undefined) out.host = signed.host;
  for (const name of SIGNED_BY_US) {
    if (signed[name] !== undefined) out[name === 'authorization' ? 'Authorization' : name] = signed[name];
  }
  return out;
}

function origin(host, endpoint) {
  if (host !== undefined) return { scheme: 'https', host: String(host) };
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) {
    invalid('headers.host', 'or config.endpoint is required: the host is part of the signature');
  }
  const url = new URL(endpoint);
  return { scheme: url.protocol.slice(0, -1), host: url.host };
}

function payloadOf(payload, hash) {
  if (hash !== undefined) return { payloadHash: String(hash) };
  if (payload === undefined || payload === null) return { body: '' };
  if (typeof payload === 'string' || payload instanceof Uint8Array) return { body: payload };
  if (typeof payload.pipe === 'function' || payload[Symbol.asyncIterator] || typeof payload.getReader === 'function') {
    return { payloadHash: 'UNSIGNED-PAYLOAD' };
  }
  return invalid('payload', 'must be a string, a Uint8Array or a stream');
}

function signerFor(config) {
  const { accessKeyId, secretAccessKey, sessionToken, region, service } = config ?? {};
  return signers.get(
    digest(accessKeyId, secretAccessKey, sessionToken, region, service),
    () => new SigV4Signer({ accessKeyId, secretAccessKey, sessionToken, region, service }),
  );
}

let configured = null;
let client = null;

const pass = (value) => value;
const configFields = shape({ s3: pass, timeouts: pass, http: pass });

/**
 * Sets where the bucket is: `{ s3, timeouts?, http? }` as for PrewarmExecutor. Without it the environment is read at first
 * use: R2_ENDPOINT or R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY, R2_BUCKET.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function configure(options = {}) {
  const { s3, timeouts, http } = configFields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  const next = { s3, timeouts, http };
  if (s3 !== undefined) s3ClientOptions(next);
  configured = next;
  client = null;
}

function connect() {
  if (client === null) {
    const options = naming(() => s3ClientOptions({ ...configured, s3: configured?.s3 ?? s3Env() }));
    const { NativeS3 } = native();
    client = guard(() => new NativeS3(JSON.stringify(options)));
  }
  return client;
}

const checkKey = (key) => text({ max: 1024 })(key, 'r2_key', invalid);

/**
 * Reads a whole object into memory. For large ones use the prewarm worker, which streams.
 *
 * @returns {Promise<Buffer>}
 * @throws {WarmpathError} ERR_WARMPATH_SOURCE_NOT_FOUND and the other codes of reading
 */
async function downloadMedia(r2_key) {
  checkKey(r2_key);
  const { data, error } = await guardAsync(() => connect().get(r2_key));
  if (error) throw fromOutcome(JSON.parse(error));
  return data;
}

/**
 * Writes an object.
 *
 * @returns {Promise<{ ok: true, key: string, etag: string, size: number }>}
 * @throws {WarmpathError} ERR_WARMPATH_S3_UNAVAILABLE, ERR_WARMPATH_S3_REJECTED and the configuration codes
 */
async function uploadMedia(r2_key, buffer, contentType) {
  checkKey(r2_key);
  if (!(buffer instanceof Uint8Array)) invalid('buffer', 'must be a Buffer or Uint8Array');
  if (contentType !== undefined) text({ max: 255 })(contentType, 'contentType', invalid);
  const { etag, error } = await guardAsync(() => connect().put(r2_key, buffer, contentType));
  if (error) throw fromOutcome(JSON.parse(error));
  return { ok: true, key: r2_key, etag, size: buffer.length };
}

module.exports = { signRequest, getSigningKey, downloadMedia, uploadMedia, configure };
