'use strict';

// The signer of the AWS SDK for JavaScript v3.

const { createHash, createHmac } = require('node:crypto');
const { SignatureV4 } = require('@smithy/signature-v4');
const { UNSIGNED_BY_SOME, UNSIGNED_BY_US } = require('../cases-headers');

class Sha256 {
  constructor(secret) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return new Uint8Array(this.hash.digest());
  }
}

/** Keeps the stages it went through. */
class Staged extends SignatureV4 {
  createCanonicalRequest(...given) {
    this.canonicalRequest = super.createCanonicalRequest(...given);
    return this.canonicalRequest;
  }
  async createStringToSign(...given) {
    this.stringToSign = await super.createStringToSign(...given);
    return this.stringToSign;
  }
}

// Which optional headers are signed is a choice that this library lets its user make: it is told ours.
const UNSIGNABLE = new Set(UNSIGNED_BY_US);
const SIGNABLE = new Set(UNSIGNED_BY_SOME);
const SHA_HEADER = 'x-amz-content-sha256';

function grouped(pairs) {
  const query = {};
  for (const [name, value] of pairs) query[name] = name in query ? [query[name], value].flat() : value;
  return query;
}

async function answer(signers, { mode, identity, truth }) {
  const name = JSON.stringify(identity);
  if (!signers.has(name)) {
    const { region, service, applyChecksum = service === 's3', ...credentials } = identity;
    const uriEscapePath = service !== 's3';
    signers.set(name, new Staged({ credentials, region, service, applyChecksum, uriEscapePath, sha256: Sha256 }));
  }
  const signer = signers.get(name);
  const headers = Object.fromEntries([...truth.headers, ['host', truth.host]]);
  const given = SHA_HEADER in headers;
  const { payload } = truth;
  const request = {
    method: truth.method,
    protocol: `${truth.scheme}:`,
    hostname: truth.host,
    path: truth.sdkPath,
    query: grouped(truth.pairs),
    headers,
    body: payload.bytes ?? undefined,
  };
  const options = { signingDate: new Date(truth.ms), signableHeaders: SIGNABLE, unsignableHeaders: UNSIGNABLE };
  // The library takes a given hash as a header only; where ours would not send that header, it must not be signed either.
  const hash = payload.bytes ? null : payload.hash;
  if (hash !== null) headers[SHA_HEADER] = hash;
  else if (mode === 'presign' && identity.service === 's3' && !given && !payload.bytes)
    headers[SHA_HEADER] = 'UNSIGNED-PAYLOAD';
  const sends = given || (mode === 'sign' && (identity.applyChecksum ?? identity.service === 's3'));
  if (!sends) options.unsignableHeaders = new Set([...UNSIGNABLE, SHA_HEADER]);
  if (mode === 'sign') {
    const signed = await signer.sign(request, options);
    const { authorization } = signed.headers;
    const { canonicalRequest, stringToSign } = signer;
    return { signature: authorization.slice(-64), authorization, canonicalRequest, stringToSign };
  }
  // By default it moves x-amz-* headers into the query; ours signs them where they are.
  const unhoistableHeaders = new Set(Object.keys(headers));
  const { query } = await signer.presign(request, { ...options, unhoistableHeaders, expiresIn: truth.expiresIn });
  const { canonicalRequest, stringToSign } = signer;
  return { signature: query['X-Amz-Signature'], query, canonicalRequest, stringToSign };
}

function startSmithy() {
  const signers = new Map();
  return {
    name: '@smithy/signature-v4',
    version: require('@smithy/signature-v4/package.json').version,
    async answers(cases) {
      const all = [];
      // One after the other: the stages are kept on the signer.
      for (const one of cases) all.push(await answer(signers, one));
      return all;
    },
    close: async () => {},
  };
}

module.exports = { startSmithy };
