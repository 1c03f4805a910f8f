'use strict';

const { checksumHeaders } = require('./checksums');
const { demand } = require('./conditions');
const { S3Refusal, document, element, notImplemented } = require('./errors');
const { demandLength, receive } = require('./body');
const { noSuchKey } = require('./read');
const { splitPath } = require('./url');

const MAX_METADATA = 8192;
const SYSTEM = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'];
/** R2 refuses what it does not have instead of storing an object that is less protected than its owner believes. */
const REFUSED = /^x-amz-(server-side-encryption|tagging|object-lock-|website-redirect-location|grant-|mfa)/;

const noSuchBucket = (bucket) =>
  new S3Refusal('NoSuchBucket', 'The specified bucket does not exist.', { BucketName: bucket });

function refuseUnknown(headers) {
  const found = Object.keys(headers).find((name) => REFUSED.test(name));
  if (found) throw notImplemented(`Header '${found}' with value '${headers[found]}'`);
}

/** What of the headers is kept with an object. */
function propertiesOf(headers) {
  const meta = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-') || SYSTEM.includes(name)) meta[name] = value;
  }
  // `aws-chunked` describes the transfer, not the object.
  const encodings = (meta['content-encoding'] ?? '').split(',').map((one) => one.trim());
  const kept = encodings.filter((one) => one !== '' && one.toLowerCase() !== 'aws-chunked').join(',');
  if (kept === '') delete meta['content-encoding'];
  else meta['content-encoding'] = kept;
  const custom = Object.entries(meta).filter(([name]) => name.startsWith('x-amz-meta-'));
  const size = custom.reduce((sum, [name, value]) => sum + name.length - 'x-amz-meta-'.length + value.length, 0);
  if (size > MAX_METADATA) {
    throw new S3Refusal('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size.');
  }
  return { contentType: headers['content-type'], meta };
}

/** `cf-create-bucket-if-missing`, an extension of R2: https://developers.cloudflare.com/r2/api/s3/extensions/ */
function demandBucket(store, bucket, headers) {
  if (store.hasBucket(bucket)) return;
  if (headers['cf-create-bucket-if-missing'] !== 'true') throw noSuchBucket(bucket);
  store.createBucket(bucket);
}

async function putObject(store, request) {
  const { bucket, key, headers } = request;
  refuseUnknown(headers);
  const properties = propertiesOf(headers);
  demandLength(request);
  demandBucket(store, bucket, headers);
  demand(headers, store.find(bucket, key));
  const incoming = store.open();
  const checked = await receive(request, incoming);
  try {
    // Once more: the object may have changed while the body came.
    demandBucket(store, bucket, headers);
    demand(headers, store.find(bucket, key));
  } catch (error) {
    await incoming.discard();
    throw error;
  }
  const checksum = checked && { name: checked.name, value: checked.value.toString('base64'), type: 'FULL_OBJECT' };
  const object = store.commit(bucket, key, incoming, `"${incoming.md5}"`, { ...properties, checksum });
  return { status: 200, headers: { ETag: object.etag, ...checksumHeaders(checksum) } };
}

/**
 * The object that `x-amz-copy-source` names, with its conditions checked.
 * @returns {import('./objects').StoredObject}
 */
function copySource(store, headers) {
  const [path, query] = headers['x-amz-copy-source'].split('?');
  if (query !== undefined) throw notImplemented('versionId in x-amz-copy-source');
  const { bucket, key } = splitPath(path.startsWith('/') ? path : `/${path}`);
  if (key === '') throw new S3Refusal('InvalidArgument', 'Copy Source must mention the source bucket and key');
  if (!store.hasBucket(bucket)) throw noSuchBucket(bucket);
  const source = store.find(bucket, key);
  if (!source) throw noSuchKey(key);
  demand(headers, source, 'x-amz-copy-source-');
  return source;
}

/** What a copy keeps and what it gets anew; `MERGE` is an extension of R2. */
function copiedProperties(source, headers) {
  const directive = (headers['x-amz-metadata-directive'] ?? 'COPY').toUpperCase();
  const { contentType, meta } = propertiesOf(headers);
  const { checksum, parts } = source;
  switch (directive) {
    case 'COPY':
      return { contentType: source.contentType, meta: source.meta, checksum, parts };
    case 'REPLACE':
      return { contentType, meta, checksum, parts };
    case 'MERGE':
      return { contentType: contentType ?? source.contentType, meta: { ...source.meta, ...meta }, checksum, parts };
    default:
      throw new S3Refusal('InvalidArgument', 'Unknown metadata directive.');
  }
}

async function copyObject(store, { bucket, key, headers }) {
  refuseUnknown(headers);
  const check = () => {
    demandBucket(store, bucket, headers);
    demand(headers, store.find(bucket, key), 'cf-copy-destination-');
  };
  check();
  const source = copySource(store, headers);
  const properties = copiedProperties(source, headers);
  const copy = await store.join([source]);
  check();
  const object = store.commit(bucket, key, copy, source.etag, properties);
  return document('CopyObjectResult', [
    element('LastModified', new Date(object.at).toISOString()),
    element('ETag', object.etag),
  ]);
}

module.exports = { putObject, copyObject, copySource, propertiesOf, refuseUnknown, demandBucket, noSuchBucket };
