'use strict';

// The published vectors as requests for a signer with the face of SigV4Signer, and a check of one against what was published.

const fs = require('node:fs');
const path = require('node:path');
const { explainsPresign } = require('./explain');

const [head, ...vectors] = fs
  .readFileSync(path.join(__dirname, 'vectors.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const EXAMPLE = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET, region: 'us-east-1', service: 's3' };
const BUCKET = 'https://examplebucket.s3.amazonaws.com';

/**
 * The worked examples of the S3 documentation: the only signatures for S3 that AWS publishes.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
const S3_EXAMPLES = [
  {
    name: 's3/get-object',
    request: { method: 'GET', url: `${BUCKET}/test.txt`, headers: { Range: 'bytes=0-9' } },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 's3/put-object',
    request: {
      method: 'PUT',
      url: `${BUCKET}/test$file.text`,
      headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      body: 'Welcome to Amazon S3.',
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 's3/get-bucket-lifecycle',
    request: { method: 'GET', url: `${BUCKET}/?lifecycle` },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 's3/presigned-get-object',
    presign: true,
    request: { url: `${BUCKET}/test.txt`, expiresIn: 86400 },
    signature: 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  },
].map((one) => ({ ...one, options: EXAMPLE, request: { ...one.request, date: '20130524T000000Z' } }));

/** Repeated names as arrays, in the order they came. */
function headersObject(pairs) {
  const headers = {};
  for (const [name, value] of pairs) {
    const known = Object.keys(headers).find((one) => one.toLowerCase() === name.toLowerCase()) ?? name;
    headers[known] = known in headers ? [headers[known], value].flat() : value;
  }
  return headers;
}

/** One check per vector and mode: `{ name, run(Signer) }`; run gives what differs as `[what, got, expected]` triples. */
function publishedChecks() {
  return vectors.flatMap((vector) =>
    ['header', 'query']
      .filter((mode) => mode in vector)
      .map((mode) => ({ name: `${vector.name} (${mode})`, run: (Signer) => runVector(Signer, vector, mode) })),
  );
}

function runVector(Signer, vector, mode) {
  const { credential, scope, normalizePath = true, applyChecksum = false, request } = vector;
  const signer = new Signer({ ...credential, ...scope, normalizePath, applyChecksum, uriEscapePath: true });
  const mark = request.target.indexOf('?');
  const cut = mark < 0 ? request.target.length : mark;
  const all = headersObject(request.headers);
  const host = all.Host;
  // Taken verbatim: raw spaces, raw UTF-8 and dot segments are what these vectors are about.
  const url = { scheme: 'https', host, path: request.target.slice(0, cut), query: request.target.slice(cut + 1) };
  const call = { method: request.method, url, headers: all, body: request.body, date: vector.date };
  return mode === 'header'
    ? headerDifferences(signer, call, vector)
    : queryDifferences(signer, { ...call, expiresIn: vector.expiresIn }, vector);
}

const differing = (triples) => triples.filter(([, got, expected]) => got !== expected);

function headerDifferences(signer, call, { header, addedLater }) {
  const stages = signer.explain(call);
  const { headers } = signer.sign(call);
  const wanted = { ...header.signed?.headers };
  if (addedLater) delete wanted['x-amz-security-token'];
  return differing([
    ['canonical request', stages.canonicalRequest, header.canonicalRequest],
    ['string to sign', stages.stringToSign, header.stringToSign],
    ['signature', stages.signature, header.signature],
    ['signature sent', headers.authorization.slice(-64), header.signature],
    ...Object.entries(wanted).map(([name, value]) => [`header ${name}`, headers[name], value]),
  ]);
}

/** The parameters of a query as sent, sorted: their order differs between signers and means nothing. */
const parameters = (url) =>
  url
    .slice(url.indexOf('?') + 1)
    .split('&')
    .map(reescape)
    .sort()
    .join('\n');

// The suite leaves the caller's own parameters as they were given (raw UTF-8); only their meaning is compared.
const reescape = (pair) =>
  pair
    .split('=')
    .map((part) => encodeURIComponent(decodeURIComponent(part)))
    .join('=');

function queryDifferences(signer, call, { query, addedLater }) {
  const url = signer.presign(call);
  const token = addedLater ? `&X-Amz-Security-Token=${encodeURIComponent(addedLater)}` : '';
  const before = `https://${call.url.host}${call.url.path}?`;
  const stages = explainsPresign(signer) ? signer.explain({ ...call, presign: true }) : query;
  return differing([
    ['canonical request', stages.canonicalRequest, query.canonicalRequest],
    ['string to sign', stages.stringToSign, query.stringToSign],
    ['signature', url.slice(-64), query.signature],
    ['origin and path', url.slice(0, before.length), before],
    ['parameters', parameters(`${url}${token}`), parameters(query.signed.target)],
  ]);
}

function exampleChecks() {
  return S3_EXAMPLES.map(({ name, options, request, presign, signature }) => ({
    name,
    run: (Signer) => {
      const signer = new Signer(options);
      const got = presign ? signer.presign(request) : signer.sign(request).authorization;
      return differing([['signature', got.slice(-64), signature]]);
    },
  }));
}

module.exports = { sources: head.sources, vectors, publishedChecks, exampleChecks };
