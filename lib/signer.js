'use strict';

const { describe, invalidArgument, invalidOption, clockOffset, signerOptions } = require('./options/signer.js');
const { Address } = require('./signer/address.js');
const { batch } = require('./signer/batch.js');
const core = require('./signer/core.js');
const { CredentialSource } = require('./signer/credentials.js');
const { hashPayload } = require('./signer/hash.js');
const { take, withHost, SIGN, PRESIGN, EXPLAIN } = require('./signer/request.js');
const { OriginCache, headersOf } = require('./signer/result.js');

const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The first character of an answer that is JSON. */
const BRACE = 123;

/**
 * Signs requests with AWS Signature Version 4, synchronously. Secrets live in native memory only: nothing of them can be read
 * from this object, from `util.inspect` or from JSON.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
class SigV4Signer {
  #handle = null;
  #source;
  #address;
  #checksum;
  #offset;
  #tokenLength = 0;
  #origins = new OriginCache();

  /** @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, ERR_WARMPATH_NATIVE_LOAD */
  constructor(options) {
    const { dialect, credentials, address, clockOffsetMs } = signerOptions(options);
    this.#address = address === null ? null : new Address(address);
    this.#checksum = dialect.applyChecksum;
    this.#offset = clockOffsetMs;
    core.functions();
    const adopt = (given) => {
      if (this.#handle === null) this.#handle = core.open({ ...dialect, credentials: given });
      else core.setCredentials(this.#handle, given);
      this.#tokenLength = given.sessionToken?.length ?? 0;
    };
    this.#source = new CredentialSource(credentials, adopt, () => Date.now() + this.#offset);
  }

  /** ms added to the clock where a request has no `date`: what a server's clock is ahead of this machine's. */
  get clockOffsetMs() {
    return this.#offset;
  }

  set clockOffsetMs(ms) {
    this.#offset = clockOffset(ms, 'clockOffsetMs', invalidOption);
  }

  /** Takes another credential: the next signature is made with it. */
  setCredentials(credentials) {
    this.#source.set(credentials);
  }

  /**
   * Resolves when there are valid credentials; asks the provider if need be, one call for all who wait.
   *
   * @throws {WarmpathError} ERR_WARMPATH_CREDENTIALS_NOT_READY, its cause what the provider rejected with
   */
  ready() {
    return this.#source.ready();
  }

  /**
   * Signs by headers. `headers` of the result are all to be sent: lower-case names, host and authorization included.
   *
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT naming the field, ERR_WARMPATH_CREDENTIALS_NOT_READY
   */
  sign(request) {
    const t = take(request, SIGN, -1, this.#address);
    const seconds = this.#begin(t.ms);
    let host = t.host;
    if (host === undefined || t.hostAlone) {
      const known = this.#origins.hostOf(t.url) ?? this.#learn(t.url, seconds);
      // A host that is given and the URL's own need not cross.
      if (host === undefined) host = known;
      else if (host !== known) withHost(t);
    }
    let { mode } = t;
    const length = this.#tokenLength;
    if (t.whole) mode |= core.WHOLE;
    else if (length > 0) mode |= core.TOKEN;
    const answer =
      t.method === undefined && t.path === undefined
        ? core.functions().sign(this.#handle, mode, seconds, 0, t.url, t.headers, t.payload)
        : core.functions().sign(this.#handle, mode, seconds, 0, t.url, t.headers, t.payload, t.method, t.path, t.query);
    const first = answer.charCodeAt(0);
    if (first === core.FAILED) throw core.refused(answer);
    const amzDate = core.amzDate(seconds);
    if (first === BRACE) return this.#whole(t, answer, amzDate);

    let authorization = answer;
    let payloadHash = t.contentHash;
    if (payloadHash === undefined) {
      payloadHash = EMPTY_SHA256;
      if (t.payload !== undefined) {
        payloadHash = answer.slice(0, 64);
        authorization = answer.slice(64);
      }
    }
    let token;
    if (length > 0) {
      token = authorization.slice(0, length);
      authorization = authorization.slice(length);
    }
    const headers = headersOf(t, host, amzDate, payloadHash, authorization, token, this.#checksum);
    const result = { headers, authorization, amzDate, payloadHash };
    if (t.built) result.url = t.url;
    return result;
  }

  /** A URL that carries its own signature for `expiresIn` seconds (1 to 604800, default 900). */
  presign(request) {
    const t = take(request, PRESIGN, -1, this.#address);
    if (t.hostAlone) withHost(t);
    const seconds = this.#begin(t.ms);
    const answer = core
      .functions()
      .presign(this.#handle, t.mode, seconds, t.expires, t.url, t.headers, t.payload, t.method, t.path, t.query);
    return core.checked(answer);
  }

  /**
   * One URL per request, in one native call. A request may be a URL text; `shared` holds for all that do not say otherwise.
   * All are checked before the first is signed.
   */
  presignMany(requests, shared) {
    if (!Array.isArray(requests)) invalidArgument('requests', `must be an array, not ${describe(requests)}`);
    if (requests.length === 0) return [];
    const now = this.#begin(-1);
    return batch(this.#handle, requests, shared, now, this.#address);
  }

  /**
   * The stages of sign(), or of presign() with `presign: true`, to be compared line by line with what a server says it
   * computed.
   */
  explain(request) {
    const t = take(request, EXPLAIN, -1, this.#address);
    if (t.hostAlone) withHost(t);
    const seconds = this.#begin(t.ms);
    const { mode, expires, url, headers, payload, method, path, query } = t;
    return core.explain(this.#handle, mode, seconds, expires, url, headers, payload, method, path, query);
  }

  /** SHA-256 (hex) of bytes, of a file by its path, or of a stream, computed off the event loop. */
  hashPayload(source) {
    return hashPayload(source);
  }

  /** hashPayload() without a signer. */
  static hashPayload(source) {
    return hashPayload(source);
  }

  /** The second to sign at, once there are credentials. */
  #begin(ms) {
    if (this.#source.dueAt !== Number.POSITIVE_INFINITY) this.#source.use();
    return Math.floor((ms < 0 ? Date.now() + this.#offset : ms) / 1000);
  }

  #whole(t, answer, amzDate) {
    const { headers, authorization, payloadHash } = JSON.parse(answer);
    headers.authorization = authorization;
    const result = { headers, authorization, amzDate, payloadHash };
    if (t.built) result.url = t.url;
    return result;
  }

  /** The host of a URL, from native code: the only one that parses URLs. */
  #learn(url, seconds) {
    const { headers } = JSON.parse(core.sign(this.#handle, core.METHOD.GET | core.WHOLE, seconds, url));
    this.#origins.learn(url, headers.host);
    return headers.host;
  }
}

module.exports = { SigV4Signer };
