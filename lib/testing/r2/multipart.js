'use strict';

const { createHash } = require('node:crypto');
const { receive, readWhole, demandLength } = require('./body');
const { PREFIX, algorithm, announced, badDigest, checksumHeaders } = require('./checksums');
const { bare, demand } = require('./conditions');
const { S3Refusal, document, element, notImplemented } = require('./errors');
const { bytesOf, removeFile } = require('./incoming');
const { rangeOf } = require('./read');
const { displayKey } = require('./url');
const { copySource, demandBucket, propertiesOf, refuseUnknown } = require('./write');
const { malformed, readXml } = require('./xml');

const MAX_PARTS = 10_000;

/**
 * The rules are R2's own where they differ from S3's: https://developers.cloudflare.com/r2/objects/multipart-objects/ and
 * https://developers.cloudflare.com/r2/platform/release-notes/ (parts in any order: 2024-01-26; a condition that fails ends
 * the upload: 2023-08-11; equal sizes are checked on completion: 2022-10-28; quotes are optional: 2022-07-06).
 */
async function createUpload(store, { bucket, key, headers }) {
  refuseUnknown(headers);
  demandBucket(store, bucket, headers);
  demand(headers, store.find(bucket, key));
  const wanted = headers['x-amz-checksum-algorithm'];
  const chosen = wanted === undefined ? null : algorithm(wanted);
  const type = headers['x-amz-checksum-type'];
  const offered = chosen?.whole ? 'FULL_OBJECT' : 'COMPOSITE';
  if (chosen && type !== undefined && type !== offered) {
    throw notImplemented(`Checksum type ${type} for ${chosen.name.toUpperCase()}`);
  }
  const properties = propertiesOf(headers);
  const upload = store.uploads.create(bucket, key, { algorithm: chosen?.name ?? null, properties });
  const answer = document('InitiateMultipartUploadResult', [
    element('Bucket', bucket),
    element('Key', displayKey(key)),
    element('UploadId', upload.id),
  ]);
  if (chosen) Object.assign(answer.headers, { 'x-amz-checksum-algorithm': chosen.name.toUpperCase() });
  return answer;
}

function partNumber(query) {
  const text = query.get('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_PARTS) return number;
  throw new S3Refusal('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
}

const uploadOf = (store, { bucket, key, query }) => store.uploads.get(bucket, key, query.get('uploadId'));

/** Adds what came as a part of the upload, unless that ended meanwhile. */
async function keepPart(store, request, upload, number, incoming, checksum) {
  const { size, data, file, md5 } = incoming;
  const part = { number, size, data, file, md5, checksum, at: Date.now() };
  if (!store.uploads.addPart(upload, part)) {
    await incoming.discard();
    // Throws: it is not there any more.
    uploadOf(store, request);
  }
  return part;
}

async function uploadPart(store, request) {
  const number = partNumber(request.query);
  const upload = uploadOf(store, request);
  refuseUnknown(request.headers);
  demandLength(request);
  const claim = announced(request.headers);
  if (claim && upload.algorithm && claim.name !== upload.algorithm) {
    const types = `expected checksum Type: ${upload.algorithm}, actual checksum Type: ${claim.name}`;
    throw new S3Refusal('InvalidRequest', `Checksum Type mismatch occurred, ${types}`);
  }
  // R2 documents that the part which is to be replaced is lost even when the new one fails.
  store.uploads.dropPart(upload, number);
  const incoming = store.open();
  const checked = await receive(request, incoming, { algorithm: upload.algorithm });
  const part = await keepPart(store, request, upload, number, incoming, checked);
  const shown = claim && checked ? { [`${PREFIX}${checked.name}`]: checked.value.toString('base64') } : {};
  return { status: 200, headers: { ETag: `"${part.md5}"`, ...shown } };
}

async function uploadPartCopy(store, request) {
  const number = partNumber(request.query);
  const upload = uploadOf(store, request);
  const source = copySource(store, request.headers);
  const header = request.headers['x-amz-copy-source-range'];
  const range = header === undefined ? [0, source.size] : rangeOf(header, source.size);
  if (range === null) {
    const message = 'The x-amz-copy-source-range value must be of the form bytes=first-last';
    throw new S3Refusal('InvalidArgument', message);
  }
  store.uploads.dropPart(upload, number);
  const incoming = store.open();
  const hash = upload.algorithm && algorithm(upload.algorithm).create();
  for await (const chunk of bytesOf(source, ...range)) {
    hash?.update(chunk);
    await incoming.write(chunk);
  }
  await incoming.end();
  const checksum = hash && { name: upload.algorithm, value: hash.digest() };
  const part = await keepPart(store, request, upload, number, incoming, checksum);
  return document('CopyPartResult', [
    element('LastModified', new Date(part.at).toISOString()),
    element('ETag', `"${part.md5}"`),
  ]);
}

/** The parts a completion names, in ascending order, each checked against what was uploaded. */
function namedParts(upload, list) {
  const invalid = (details) => {
    const message = 'One or more of the specified parts could not be found.';
    return new S3Refusal('InvalidPart', message, { UploadId: upload.id, ...details });
  };
  const named = list.all('Part');
  if (named.length === 0) throw malformed();
  const seen = new Set();
  const parts = named.map((one) => {
    const number = one.text('PartNumber')?.trim();
    const etag = one.text('ETag');
    if (!/^\d{1,5}$/.test(number ?? '') || etag === undefined) throw malformed();
    const part = upload.parts.get(Number(number));
    if (!part || bare(etag) !== part.md5 || seen.has(part)) throw invalid({ PartNumber: number });
    seen.add(part);
    const { name, value } = part.checksum ?? {};
    const claimed = name && one.text(`Checksum${name.toUpperCase()}`);
    if (claimed !== undefined && claimed !== value.toString('base64')) throw invalid({ PartNumber: number });
    return part;
  });
  return parts.sort((a, b) => a.number - b.number);
}

function checkSizes(parts, minPartBytes) {
  const [last, ...others] = [...parts].reverse();
  const small = others.find((part) => part.size < minPartBytes);
  if (small) {
    const message = 'Your proposed upload is smaller than the minimum allowed object size.';
    const details = { ProposedSize: small.size, MinSizeAllowed: minPartBytes, PartNumber: small.number };
    throw new S3Refusal('EntityTooSmall', message, details);
  }
  const size = others[0]?.size ?? last.size;
  if (others.some((part) => part.size !== size) || last.size > size) {
    throw new S3Refusal('InvalidPart', 'All non-trailing parts must have the same length.');
  }
}

/** MD5 of the MD5s of the parts, and how many they are: R2 does as S3 does since 2023-06-21. */
function multipartEtag(parts) {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.md5, 'hex'));
  return `"${hash.digest('hex')}-${parts.length}"`;
}

/** The checksum of the whole: over its bytes, or over those of its parts, as the algorithm has it. */
async function wholeChecksum(parts, bytes) {
  const name = parts[0].checksum?.name;
  if (!name || parts.some((part) => part.checksum?.name !== name)) return null;
  const { create, whole } = algorithm(name);
  const hash = create();
  if (!whole) {
    for (const part of parts) hash.update(part.checksum.value);
    return { name, value: `${hash.digest().toString('base64')}-${parts.length}`, type: 'COMPOSITE' };
  }
  for await (const chunk of bytesOf(bytes)) hash.update(chunk);
  return { name, value: hash.digest().toString('base64'), type: 'FULL_OBJECT' };
}

/** The sender may say what the whole must come to. */
function checkWhole(headers, checksum) {
  const claim = announced(headers);
  if (!claim) return;
  const computed = checksum?.name === claim.name ? checksum.value.split('-')[0] : null;
  if (computed !== claim.value.toString('base64')) throw badDigest(claim.name.toUpperCase());
}

async function completeUpload(store, request) {
  const { bucket, key, headers, minPartBytes } = request;
  uploadOf(store, request);
  const list = readXml(await readWhole(request, { ofBody: false }), 'CompleteMultipartUpload');
  const upload = uploadOf(store, request);
  const parts = namedParts(upload, list);
  checkSizes(parts, minPartBytes);
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  const announcedSize = headers['x-amz-mp-object-size'];
  if (announcedSize !== undefined && announcedSize !== String(total)) {
    throw new S3Refusal('InvalidRequest', 'The provided x-amz-mp-object-size does not match the size of the object.');
  }
  // From here on nobody else can complete it, and a condition that fails ends it.
  store.uploads.take(upload);
  let bytes;
  try {
    demand(headers, store.find(bucket, key));
    bytes = await store.join(parts);
    const checksum = await wholeChecksum(parts, bytes);
    checkWhole(headers, checksum);
    demandBucket(store, bucket, {});
    demand(headers, store.find(bucket, key));
    const sizes = parts.map((part) => part.size);
    const properties = { ...upload.properties, checksum, parts: sizes };
    const object = store.commit(bucket, key, bytes, multipartEtag(parts), properties);
    bytes = null;
    const answer = document('CompleteMultipartUploadResult', [
      element('Location', `/${bucket}/${displayKey(key)}`),
      element('Bucket', bucket),
      element('Key', displayKey(key)),
      element('ETag', object.etag),
      checksum ? element(`Checksum${checksum.name.toUpperCase()}`, checksum.value) : '',
      checksum ? element('ChecksumType', checksum.type) : '',
    ]);
    Object.assign(answer.headers, checksumHeaders(checksum));
    return answer;
  } finally {
    removeFile(bytes);
    store.uploads.remove(upload);
  }
}

/** Aborting twice is no error on R2; an id that never was is. */
function abortUpload(store, request) {
  const { bucket, key, query } = request;
  if (!store.uploads.wasGiven(bucket, key, query.get('uploadId'))) uploadOf(store, request);
  const upload = store.uploads.list(bucket).find((one) => one.id === query.get('uploadId'));
  if (upload) store.uploads.remove(upload);
  return { status: 204 };
}

module.exports = { createUpload, uploadPart, uploadPartCopy, completeUpload, abortUpload };
