'use strict';

const { createHash, createHmac } = require('node:crypto');
const { requirePeer } = require('../../peer.js');
const { signRequest, signText } = require('../keyed.js');
const { amzDate, invalid, sha256Hex } = require('../text.js');
const { canonicalHeaders, canonicalRequest, payloadHash } = require('./canonical.js');
const { prepare, prepareForQuery } = require('./request.js');

const ALGORITHM = 'AWS4-HMAC-SHA256';
const EVENT_ALGORITHM = 'AWS4-HMAC-SHA256-PAYLOAD';
/** Seven days. */
const MAX_EXPIRES_SECONDS = 604_800;
/** The session token of an S3 Express bucket has a name of its own. */
const S3_SESSION_TOKEN = 'X-Amz-S3session-Token';

/**
 * Signs for AWS SDK v3: in the place of SignatureV4 of `@smithy/signature-v4`, and of the signer of an S3 client
 * (`new S3Client({ signerConstructor: RequestSigner })`). Credentials and keys are not among its properties.
 *
 * @see https://github.com/smithy-lang/smithy-typescript/tree/main/packages/signature-v4
 */
class RequestSigner {
  #credentials;
  #region;

  /**
   * @param {object} options
   * @param {object | Function} options.credentials accessKeyId, secretAccessKey, sessionToken?; or a provider of them,
   *   asked at every signature (the SDK's own providers cache)
   * @param {string | Function} options.region
   * @param {string} options.service
   * @param {boolean} [options.uriEscapePath] escape the path a second time; default true, false for the service `s3`
   * @param {boolean} [options.applyChecksum] send `x-amz-content-sha256`; default true
   * @param {Function} [options.sha256] used for event stream messages only: everything else is hashed natively
   */
  constructor({ credentials, region, service, sha256, uriEscapePath = service !== 's3', applyChecksum } = {}) {
    this.#credentials = credentials;
    this.#region = region;
    this.service = service;
    this.uriEscapePath = uriEscapePath;
    this.applyChecksum = typeof applyChecksum === 'boolean' ? applyChecksum : true;
    this.sha256 = sha256;
  }

  /**
   * Signs a request by headers, a text, an event or an event stream message.
   *
   * @returns {Promise<object | string>} a signed copy of the request; hex for a text or an event; `{ message, signature }`
   */
  async sign(toSign, options = {}) {
    if (typeof toSign === 'string') return this.#signText(toSign, options);
    if (toSign.headers && toSign.payload) return this.#signEvent(toSign, options);
    if (toSign.message) return this.#signMessage(toSign, options);
    const credentials = await this.#resolveCredentials();
    const region = options.signingRegion ?? (await this.#resolveRegion());
    return this.#signRequest(toSign, options, credentials, region);
  }

  /**
   * A copy of the request that carries its signature in the query.
   *
   * @param {object} request
   * @param {object} [options] expiresIn = 3600 (seconds), signingDate, signableHeaders, unsignableHeaders,
   *   hoistableHeaders, unhoistableHeaders, signingRegion, signingService
   */
  async presign(request, options = {}) {
    const credentials = await this.#resolveCredentials();
    const region = options.signingRegion ?? (await this.#resolveRegion());
    return this.#presignRequest(request, options, credentials, region);
  }

  /** Signs with the session credentials of an S3 Express bucket. */
  async signWithCredentials(request, credentials, options = {}) {
    request.headers[S3_SESSION_TOKEN.toLowerCase()] = credentials.sessionToken;
    const region = options.signingRegion ?? (await this.#resolveRegion());
    return this.#signRequest(request, options, withoutToken(credentials), region);
  }

  /** Presigns with the session credentials of an S3 Express bucket. */
  async presignWithCredentials(request, credentials, options = {}) {
    delete request.headers[S3_SESSION_TOKEN.toLowerCase()];
    request.headers[S3_SESSION_TOKEN] = credentials.sessionToken;
    request.query = { ...request.query, [S3_SESSION_TOKEN]: credentials.sessionToken };
    const region = options.signingRegion ?? (await this.#resolveRegion());
    return this.#presignRequest(request, options, withoutToken(credentials), region);
  }

  #signRequest(given, options, credentials, region) {
    const { signingDate, signingService: service = this.service, unsignableHeaders, signableHeaders } = options;
    const seconds = secondsOf(signingDate);
    const date = amzDate(seconds, 'options.signingDate');
    const request = prepare(given);
    const { headers } = request;
    headers['x-amz-date'] = date;
    if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;
    const hash = payloadHash(headers, request.body);
    if (this.applyChecksum && !hasChecksum(headers)) headers['x-amz-content-sha256'] = hash;
    const signed = canonicalHeaders(headers, unsignableHeaders, signableHeaders);
    const canonical = canonicalRequest(request, signed, hash, this.uriEscapePath);
    const signature = signRequest(credentials, seconds, region, service, canonical);
    const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
    headers.authorization = `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed.names}, Signature=${signature}`;
    return request;
  }

  #presignRequest(given, options, credentials, region) {
    const { signingDate, expiresIn = 3600, signingService: service = this.service } = options;
    if (expiresIn > MAX_EXPIRES_SECONDS) invalid('options.expiresIn', 'must be at most 604800 seconds: seven days');
    const seconds = secondsOf(signingDate);
    const date = amzDate(seconds, 'options.signingDate');
    const request = prepareForQuery(given, options);
    const { query } = request;
    if (credentials.sessionToken) query['X-Amz-Security-Token'] = credentials.sessionToken;
    query['X-Amz-Algorithm'] = ALGORITHM;
    query['X-Amz-Credential'] = `${credentials.accessKeyId}/${date.slice(0, 8)}/${region}/${service}/aws4_request`;
    query['X-Amz-Date'] = date;
    query['X-Amz-Expires'] = expiresIn.toString(10);
    const signed = canonicalHeaders(request.headers, options.unsignableHeaders, options.signableHeaders);
    query['X-Amz-SignedHeaders'] = signed.names;
    const hash = payloadHash(given.headers, given.body);
    const canonical = canonicalRequest(request, signed, hash, this.uriEscapePath);
    query['X-Amz-Signature'] = signRequest(credentials, seconds, region, service, canonical);
    return request;
  }

  async #signText(text, { signingDate, signingRegion, signingService, eventStreamCredentials }) {
    const credentials = checked(eventStreamCredentials ?? (await this.#resolveCredentials()));
    const region = signingRegion ?? (await this.#resolveRegion());
    const seconds = secondsOf(signingDate);
    amzDate(seconds, 'options.signingDate');
    return signText(credentials, seconds, region, signingService ?? this.service, text);
  }

  async #signEvent({ headers, payload }, options = {}) {
    const { signingDate = new Date(), priorSignature, signingService } = options;
    const region = options.signingRegion ?? (await this.#resolveRegion());
    const seconds = secondsOf(signingDate);
    const date = amzDate(seconds, 'options.signingDate');
    const scope = `${date.slice(0, 8)}/${region}/${signingService ?? this.service}/aws4_request`;
    const hashes = `${sha256Hex(headers)}\n${payloadHash({}, payload)}`;
    const text = `${EVENT_ALGORITHM}\n${date}\n${scope}\n${priorSignature}\n${hashes}`;
    return this.#signText(text, { ...options, signingDate, signingRegion: region });
  }

  /** The binary form of a message's headers is the SDK's business. */
  #signMessage(message, options) {
    const { SignatureV4 } = requirePeer('@smithy/signature-v4', 'signing an event stream message');
    return new SignatureV4({
      credentials: this.#credentials,
      region: this.#region,
      service: this.service,
      sha256: this.sha256 ?? Sha256,
    }).sign(message, options);
  }

  async #resolveCredentials() {
    const given = this.#credentials;
    return checked(typeof given === 'function' ? await given() : await given);
  }

  async #resolveRegion() {
    const given = this.#region;
    return typeof given === 'function' ? given() : given;
  }
}

/** What SignatureV4 of the SDK hashes with. */
class Sha256 {
  constructor(secret) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }

  update(data) {
    this.hash.update(data);
  }

  async digest() {
    return this.hash.digest();
  }
}

function checked(credentials) {
  if (typeof credentials?.accessKeyId !== 'string' || typeof credentials.secretAccessKey !== 'string')
    invalid('credentials', 'must be an object with accessKeyId and secretAccessKey, or a provider of one');
  return credentials;
}

function withoutToken(credentials) {
  const { accessKeyId, secretAccessKey } = checked(credentials);
  return { accessKeyId, secretAccessKey };
}

function hasChecksum(headers) {
  if (headers['x-amz-content-sha256'] !== undefined) return true;
  for (const name of Object.keys(headers)) {
    if (name.length === 20 && name.toLowerCase() === 'x-amz-content-sha256') return true;
  }
  return false;
}

/** Whole seconds since 1970 of a Date, of seconds (a number, or text that is one), or of ISO text; NaN for what is no time. */
function secondsOf(date) {
  if (date === undefined) return Math.floor(Date.now() / 1000);
  if (typeof date === 'number') return Math.floor(date);
  if (typeof date === 'string') return Math.floor(Number(date) || new Date(date).getTime() / 1000);
  return typeof date?.getTime === 'function' ? Math.floor(date.getTime() / 1000) : Number.NaN;
}

module.exports = { RequestSigner };
