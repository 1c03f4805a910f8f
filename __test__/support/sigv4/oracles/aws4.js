'use strict';

// The signer that most Node programs outside the SDK use. It encodes S3 paths strictly, as we do and the SDKs do not.

const aws4 = require('aws4');
const { UNSIGNED_BY_ALL, UNSIGNED_BY_SOME, UNSIGNED_BY_US } = require('../cases-headers');

// What is signed beyond host, x-amz-* and content-* is a choice it lets its user make: it is told ours.
const flags = (names) => Object.fromEntries(names.map((name) => [name.toLowerCase(), true]));
const IGNORED = flags([...UNSIGNED_BY_ALL, ...UNSIGNED_BY_US]);
const INCLUDED = flags(['range', ...UNSIGNED_BY_SOME]);

/** Keeps the stages it went through. */
class Staged extends aws4.RequestSigner {
  stages = {};
  canonicalString() {
    this.stages.canonicalRequest = super.canonicalString();
    return this.stages.canonicalRequest;
  }
  stringToSign() {
    this.stages.stringToSign = super.stringToSign();
    return this.stages.stringToSign;
  }
}

function answer({ mode, identity, call, truth }) {
  const { region, service, sessionToken, applyChecksum = service === 's3' } = identity;
  const presign = mode === 'presign';
  const time = new Date(truth.ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const query = typeof call.url === 'string' ? /\?([^#]*)/.exec(call.url)?.[1] : call.url.query;
  const expires = presign ? `${query ? '&' : ''}X-Amz-Expires=${truth.expiresIn}` : '';
  const headers = Object.fromEntries([...truth.headers, ['host', truth.host]]);
  if (!presign) {
    headers['x-amz-date'] = time;
    if (sessionToken) headers['x-amz-security-token'] = sessionToken;
    if (applyChecksum && truth.payload.hash) headers['x-amz-content-sha256'] = truth.payload.hash;
  }
  const request = {
    method: truth.method,
    service,
    region,
    path: `${truth.path}${query || expires ? `?${query ?? ''}${expires}` : ''}`,
    headers,
    body: truth.payload.bytes?.length ? Buffer.from(truth.payload.bytes) : undefined,
    signQuery: presign,
    extraHeadersToIgnore: IGNORED,
    extraHeadersToInclude: INCLUDED,
  };
  // It would add a content type and a length of its own to a request with a body.
  if (truth.payload.bytes?.length) request.doNotModifyHeaders = true;
  if (applyChecksum && !presign && !headers['x-amz-content-sha256']) {
    headers['x-amz-content-sha256'] = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  }
  const signer = new Staged(request, identity);
  signer.datetime = time;
  try {
    const signed = signer.sign();
    const { stages } = signer;
    if (!presign) {
      const authorization = signed.headers.Authorization;
      return { ...stages, signature: authorization.slice(-64), authorization };
    }
    return { ...stages, signature: /X-Amz-Signature=(\w{64})/.exec(signed.path)[1] };
  } catch (error) {
    return { error: String(error) };
  }
}

function startAws4() {
  return {
    name: 'aws4',
    version: require('aws4/package.json').version,
    answers: async (cases) => cases.map(answer),
    close: async () => {},
  };
}

module.exports = { startAws4 };
