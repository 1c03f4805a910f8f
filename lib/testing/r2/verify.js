'use strict';

const { createHash, createHmac, timingSafeEqual } = require('node:crypto');
const { requirePeer } = require('../../peer');
const { isKnownForm } = require('./chunked');
const { S3Refusal, notImplemented } = require('./errors');
const { canonicalPath, queryPairs } = require('./url');

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SKEW_MS = 15 * 60 * 1000;
const MAX_EXPIRES = 7 * 24 * 3600;
const HEX64 = /^[0-9a-f]{64}$/;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]+)$/;

/** `node:crypto` in the shape the signing library asks for. */
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

/**
 * Checks who sent a request, by signing what was received once more with the stored secret.
 *
 * The signing is `@smithy/signature-v4`'s, the AWS SDK's own: a check made with our signer would only prove that our
 * signer agrees with itself.
 */
class Verifier {
  #credentials;
  #regions;
  #now;
  #streaming;
  #library;
  #signer;

  constructor({ credentials, region, now, streamingSignatures }) {
    this.#library = requirePeer('@smithy/signature-v4', 'R2Sandbox');
    this.#credentials = new Map(credentials.map((one) => [one.accessKeyId, one]));
    // R2 takes us-east-1 for auto, because many clients cannot be told a region.
    this.#regions = new Set(region === 'auto' ? ['auto', 'us-east-1'] : [region]);
    this.#now = now;
    this.#streaming = streamingSignatures === 'accept';
    this.#signer = new this.#library.SignatureV4({
      service: 's3',
      region,
      // Never used: the key is derived below, per request.
      credentials: { accessKeyId: 'unused', secretAccessKey: 'unused' },
      sha256: Sha256,
      uriEscapePath: false,
    });
  }

  /**
   * @param {{ method: string, path: string, query: string, rawHeaders: string[] }} request
   * @returns {Promise<{ mode: 'header' | 'presign', accessKeyId: string, payload: string, chunks: object | null }>} `payload`
   *   is the declared body hash, `UNSIGNED-PAYLOAD` or a `STREAMING-…` form; `chunks` is what such a body is checked with
   * @throws {S3Refusal}
   */
  async verify(request) {
    const headers = joinHeaders(request.rawHeaders);
    const pairs = queryPairs(request.query);
    const query = groupPairs(pairs);
    const presigned = query['X-Amz-Algorithm'] !== undefined || query['X-Amz-Signature'] !== undefined;
    const authorization = headers.authorization;
    if (presigned && authorization !== undefined) {
      throw new S3Refusal('InvalidArgument', 'Only one auth mechanism allowed');
    }
    if (!presigned && authorization === undefined) throw new S3Refusal('InvalidArgument', 'Authorization');
    const claim = presigned ? readPresign(query, headers) : readHeader(authorization, headers);
    const stored = this.#credentials.get(claim.accessKeyId);
    if (!stored) {
      throw new S3Refusal('InvalidAccessKeyId', 'The access key ID you provided does not exist in our records.');
    }
    this.#checkScope(claim);
    this.#checkClock(claim);
    checkToken(claim, stored);
    checkSignedHeaders(claim, headers);
    const key = await this.#checkSignature(request, claim, stored, headers, query);
    const { mode, accessKeyId, payload, longDate, signature } = claim;
    if (payload.startsWith('STREAMING-')) {
      if (!this.#streaming || !isKnownForm(payload)) throw notImplemented(payload);
      return {
        mode,
        accessKeyId,
        payload,
        chunks: { key, longDate, scope: claim.scope.slice(1).join('/'), signature },
      };
    }
    if (payload !== 'UNSIGNED-PAYLOAD' && !HEX64.test(payload)) {
      throw new S3Refusal('InvalidArgument', 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.');
    }
    return { mode, accessKeyId, payload, chunks: null };
  }

  #checkScope(claim) {
    const code = claim.mode === 'presign' ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
    const malformed = (text, details) => new S3Refusal(code, `The authorization is malformed; ${text}`, details);
    const [, day, region, service, end, more] = claim.scope;
    if (end !== 'aws4_request' || more !== undefined || !/^\d{8}$/.test(day)) {
      throw malformed('the credential must have the form access key/date/region/s3/aws4_request.');
    }
    if (service !== 's3') throw malformed(`incorrect service "${service}"; this endpoint belongs to "s3".`);
    if (!this.#regions.has(region)) {
      const expected = [...this.#regions][0];
      throw malformed(`the region '${region}' is wrong; expecting '${expected}'`, { Region: expected });
    }
    if (day !== claim.longDate.slice(0, 8)) {
      throw malformed(`invalid credential date "${day}"; it is not the date of the request.`);
    }
  }

  #checkClock(claim) {
    const now = this.#now();
    const signedAt = parseLongDate(claim.longDate);
    const server = { ServerTime: new Date(now).toISOString() };
    if (claim.mode === 'presign') {
      const until = signedAt + claim.expires * 1000;
      if (signedAt > now + SKEW_MS) throw new S3Refusal('AccessDenied', 'Request is not valid yet', server);
      if (now > until) {
        const details = { ...server, Expires: new Date(until).toISOString() };
        throw new S3Refusal('ExpiredRequest', 'Request has expired', details);
      }
    } else if (Math.abs(now - signedAt) > SKEW_MS) {
      throw new S3Refusal(
        'RequestTimeTooSkewed',
        'The difference between the request time and the current time is too large.',
        { RequestTime: claim.longDate, ...server, MaxAllowedSkewMilliseconds: SKEW_MS },
      );
    }
  }

  /** @returns {Promise<Buffer>} the signing key */
  async #checkSignature(request, claim, stored, headers, query) {
    const signed = Object.fromEntries(claim.signedHeaders.map((name) => [name, headers[name] ?? '']));
    const copy = { method: request.method, path: canonicalPath(request.path), query, headers: signed };
    const names = new Set(claim.signedHeaders);
    const canonical = this.#signer.createCanonicalRequest(
      copy,
      this.#library.getCanonicalHeaders(copy, new Set(), names),
      claim.payload,
    );
    const [, day, region, service] = claim.scope;
    const scope = this.#library.createScope(day, region, service);
    const toSign = await this.#signer.createStringToSign(claim.longDate, scope, canonical, ALGORITHM);
    const key = await this.#library.getSigningKey(Sha256, stored, day, region, service);
    const expected = createHmac('sha256', key).update(toSign).digest();
    const given = Buffer.from(claim.signature, 'hex');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return key;
    // Both texts are the client's own request: they let it find the line where it went wrong, and hold no secret.
    throw new S3Refusal(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.',
      {
        AWSAccessKeyId: claim.accessKeyId,
        StringToSign: toSign,
        SignatureProvided: claim.signature,
        CanonicalRequest: canonical,
      },
    );
  }
}

function readHeader(authorization, headers) {
  const match = AUTHORIZATION.exec(authorization);
  if (!match) throw new S3Refusal('Unauthorized', 'The authorization header is not a signature of version 4.');
  const scope = match[1].split('/');
  const longDate = headers['x-amz-date'] ?? httpDate(headers.date);
  if (longDate === undefined || Number.isNaN(parseLongDate(longDate))) {
    throw new S3Refusal('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  const payload = headers['x-amz-content-sha256'];
  if (payload === undefined) {
    throw new S3Refusal('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  const signedHeaders = match[2].split(';');
  const token = headers['x-amz-security-token'];
  const claim = { mode: 'header', accessKeyId: scope[0], scope, longDate, payload, signedHeaders, token };
  return { ...claim, signature: match[3] };
}

function readPresign(query, headers) {
  const malformed = (text) => new S3Refusal('AuthorizationQueryParametersError', text);
  const one = (name) => {
    const value = query[name];
    if (typeof value !== 'string' || value === '') throw malformed(`Query parameter ${name} must be given once.`);
    return value;
  };
  if (one('X-Amz-Algorithm') !== ALGORITHM) throw malformed(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  const scope = one('X-Amz-Credential').split('/');
  const longDate = one('X-Amz-Date');
  if (Number.isNaN(parseLongDate(longDate))) throw malformed('X-Amz-Date must be in the ISO8601 Long Format');
  const expires = one('X-Amz-Expires');
  if (!/^\d{1,7}$/.test(expires) || Number(expires) < 1 || Number(expires) > MAX_EXPIRES) {
    throw malformed('X-Amz-Expires must be between 1 and 604800 seconds');
  }
  const signature = one('X-Amz-Signature');
  if (!/^[0-9a-f]*$/.test(signature)) throw malformed('X-Amz-Signature must be lower-case hexadecimal.');
  const hash = query['X-Amz-Content-Sha256'] ?? headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  return {
    mode: 'presign',
    accessKeyId: scope[0],
    scope,
    longDate,
    expires: Number(expires),
    payload: String(hash),
    signedHeaders: one('X-Amz-SignedHeaders').toLowerCase().split(';'),
    signature,
    token: query['X-Amz-Security-Token'],
  };
}

function checkToken(claim, stored) {
  if (claim.token === stored.sessionToken) return;
  throw new S3Refusal('InvalidToken', 'The provided token is malformed or otherwise invalid.');
}

/** `host` and every `x-amz-*` header must be under the signature: else anyone on the way could change them. */
function checkSignedHeaders(claim, headers) {
  const signed = new Set(claim.signedHeaders);
  const unsigned = Object.keys(headers).filter((name) => name.startsWith('x-amz-') && !signed.has(name));
  if (!signed.has('host')) unsigned.unshift('host');
  if (unsigned.length > 0) {
    throw new S3Refusal('AccessDenied', 'There were headers present in the request which were not signed', {
      HeadersNotSigned: unsigned.join(', '),
    });
  }
  // Signed as empty and then taken away, it would leave the same canonical request.
  const lost = claim.signedHeaders.filter((name) => headers[name] === undefined);
  if (lost.length > 0) {
    throw new S3Refusal('SignatureDoesNotMatch', 'There were headers signed which are not present in the request', {
      HeadersNotPresent: lost.join(', '),
    });
  }
  const sorted = [...claim.signedHeaders].sort();
  if (sorted.some((name, i) => name !== claim.signedHeaders[i])) {
    throw new S3Refusal('AuthorizationHeaderMalformed', 'The signed headers must be in alphabetical order.');
  }
}

/** Lower-case names; repeated headers joined by commas in the order they came; bytes read as UTF-8. */
function joinHeaders(rawHeaders) {
  const out = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    const value = Buffer.from(rawHeaders[i + 1], 'latin1')
      .toString('utf8')
      .trim();
    out[name] = out[name] === undefined ? value : `${out[name]},${value}`;
  }
  return out;
}

function groupPairs(pairs) {
  const out = {};
  for (const [name, value] of pairs) {
    if (!Object.hasOwn(out, name)) {
      // defineProperty, because a pair may be called __proto__.
      Object.defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
    } else if (Array.isArray(out[name])) {
      out[name].push(value);
    } else {
      out[name] = [out[name], value];
    }
  }
  return out;
}

function parseLongDate(text) {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  return m ? Date.parse(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}Z`) : Number.NaN;
}

function httpDate(text) {
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : `${new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')}`;
}

module.exports = { Verifier };
