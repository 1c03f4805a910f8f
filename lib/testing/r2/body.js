'use strict';

const { timingSafeEqual } = require('node:crypto');
const { S3Refusal } = require('./errors');
const { PREFIX, algorithm, announced, announcedMd5, badDigest, decodeChecksum } = require('./checksums');
const { ChunkedBody } = require('./chunked');
const { Incoming } = require('./incoming');

const MAX_DOCUMENT = 8 * 1024 * 1024;
const MAX_BODY = 5 * 1024 ** 3;

const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** The announced length of the body, decoded; undefined where the sender does not say. */
function announcedLength({ headers, chunks }) {
  const text = headers[chunks ? 'x-amz-decoded-content-length' : 'content-length'];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new S3Refusal('InvalidArgument', 'The length of the body is not a number.');
  return Number(text);
}

/**
 * Takes the body of a request into `incoming` and checks it against everything its sender said of it: length, signed
 * SHA-256, Content-MD5, checksum header or trailer, chunk signatures.
 *
 * @param {import('./operations').S3Request} request
 * @param {Incoming} incoming discarded when the body is refused
 * @param {{ algorithm?: string | null, limit?: number, ofBody?: boolean }} [options] `algorithm`: compute this checksum where
 *   none is announced; `ofBody: false`: the checksum headers speak of something else than this body
 * @returns {Promise<{ name: string, value: Buffer } | null>} the checksum, checked
 * @throws {S3Refusal}
 */
async function receive(request, incoming, options = {}) {
  try {
    const { headers, payload, chunks } = request;
    const claim = options.ofBody === false ? null : announced(headers);
    const md5 = announcedMd5(headers);
    const length = announcedLength(request);
    if (length > (options.limit ?? MAX_BODY)) {
      throw new S3Refusal('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
    }
    const name = claim?.name ?? options.algorithm ?? null;
    const hash = name && algorithm(name).create();
    const source = chunks ? new ChunkedBody(request.body, payload, chunks) : request.body;
    for await (const chunk of source) {
      hash?.update(chunk);
      await incoming.write(chunk);
      if (incoming.size > (length ?? options.limit ?? MAX_BODY)) break;
    }
    await incoming.end();
    if (length !== undefined && incoming.size !== length) {
      const message = 'You did not provide the number of bytes specified by the Content-Length HTTP header.';
      throw new S3Refusal('IncompleteBody', message);
    }
    if (!chunks && payload !== 'UNSIGNED-PAYLOAD') checkPayload(payload, incoming.sha256);
    if (md5 && !same(md5, Buffer.from(incoming.md5, 'hex'))) throw badDigest('Content-MD5');
    if (!name) return null;
    const value = hash.digest();
    if (claim && !same(value, claim.value ?? trailing(name, source.trailers))) throw badDigest(name.toUpperCase());
    return { name, value };
  } catch (error) {
    await incoming.discard();
    throw error;
  }
}

function checkPayload(given, computed) {
  if (same(Buffer.from(given, 'hex'), Buffer.from(computed, 'hex'))) return;
  throw new S3Refusal(
    'XAmzContentSHA256Mismatch',
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    { ClientComputedContentSHA256: given, S3ComputedContentSHA256: computed },
  );
}

function trailing(name, trailers) {
  const text = trailers?.[`${PREFIX}${name}`];
  if (text === undefined) throw new S3Refusal('InvalidRequest', `The trailer ${PREFIX}${name} is missing.`);
  return decodeChecksum(name, text);
}

/** For uploads: R2 does not take a body of unknown length. */
function demandLength(request) {
  if (announcedLength(request) === undefined) {
    throw new S3Refusal('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
}

/** A small body as a whole, checked; empty where there is none. */
async function readWhole(request, options) {
  const incoming = new Incoming(null);
  await receive(request, incoming, { limit: MAX_DOCUMENT, ...options });
  return incoming.data;
}

module.exports = { receive, readWhole, demandLength };
