'use strict';

const { readWhole } = require('./body');
const buckets = require('./buckets');
const { S3Refusal, notImplemented } = require('./errors');
const { listObjects, listObjectsV2 } = require('./list');
const multipart = require('./multipart');
const { readObject } = require('./read');
const { listParts, listUploads } = require('./upload-lists');
const { displayKey } = require('./url');
const { copyObject, noSuchBucket, putObject } = require('./write');

const MAX_KEY_BYTES = 1024;

/**
 * What a request asks for, as the operations see it.
 *
 * @typedef {object} S3Request
 * @property {string} method
 * @property {string} bucket
 * @property {string} key canonical
 * @property {Map<string, string>} query decoded
 * @property {import('node:http').IncomingHttpHeaders} headers with those that a presigned URL carries in its query
 * @property {AsyncIterable<Buffer>} body
 * @property {string} payload the declared body hash, `UNSIGNED-PAYLOAD` or a `STREAMING-…` form
 * @property {object | null} chunks how the chunks of a `STREAMING-…` body are signed, see chunked.js
 * @property {number} minPartBytes
 */

/** By the names of S3's API. `takesBody`: reads and checks the body itself; `makesBucket`: the bucket need not be there. */
const OPERATIONS = {
  ListBuckets: { run: buckets.listBuckets, makesBucket: true },
  CreateBucket: { run: buckets.createBucket, takesBody: true, makesBucket: true },
  DeleteBucket: { run: buckets.deleteBucket },
  HeadBucket: { run: buckets.headBucket },
  GetBucketLocation: { run: buckets.getBucketLocation },
  ListObjects: { run: listObjects },
  ListObjectsV2: { run: listObjectsV2 },
  DeleteObjects: { run: buckets.deleteObjects, takesBody: true },
  GetObject: { run: readObject },
  HeadObject: { run: readObject },
  PutObject: { run: putObject, takesBody: true, makesBucket: true },
  CopyObject: { run: copyObject, makesBucket: true },
  DeleteObject: { run: deleteObject },
  CreateMultipartUpload: { run: multipart.createUpload, makesBucket: true },
  UploadPart: { run: multipart.uploadPart, takesBody: true },
  UploadPartCopy: { run: multipart.uploadPartCopy },
  ListParts: { run: listParts },
  ListMultipartUploads: { run: listUploads },
  CompleteMultipartUpload: { run: multipart.completeUpload, takesBody: true },
  AbortMultipartUpload: { run: multipart.abortUpload },
};

/** Sub-resources of S3 that are not here. Taken for plain requests they would list, read or delete something else. */
const ABSENT = new Set([
  ...['acl', 'accelerate', 'analytics', 'attributes', 'cors', 'encryption', 'intelligent-tiering', 'inventory'],
  ...['legal-hold', 'lifecycle', 'logging', 'metrics', 'notification', 'object-lock', 'ownershipControls', 'policy'],
  ...['policyStatus', 'publicAccessBlock', 'replication', 'requestPayment', 'restore', 'retention', 'select'],
  ...['tagging', 'torrent', 'versionId', 'versioning', 'versions', 'website'],
]);

/** Level, method, what must be there (`?parameter`, `?parameter=value` or a header), name. The first that fits counts. */
const ROUTES = [
  ['service', 'GET', [], 'ListBuckets'],
  ['bucket', 'GET', ['?location'], 'GetBucketLocation'],
  ['bucket', 'GET', ['?uploads'], 'ListMultipartUploads'],
  ['bucket', 'GET', ['?list-type=2'], 'ListObjectsV2'],
  ['bucket', 'GET', [], 'ListObjects'],
  ['bucket', 'HEAD', [], 'HeadBucket'],
  ['bucket', 'PUT', [], 'CreateBucket'],
  ['bucket', 'DELETE', [], 'DeleteBucket'],
  ['bucket', 'POST', ['?delete'], 'DeleteObjects'],
  ['object', 'GET', ['?uploadId'], 'ListParts'],
  ['object', 'GET', [], 'GetObject'],
  ['object', 'HEAD', [], 'HeadObject'],
  ['object', 'PUT', ['?uploadId', 'x-amz-copy-source'], 'UploadPartCopy'],
  ['object', 'PUT', ['?uploadId'], 'UploadPart'],
  ['object', 'PUT', ['x-amz-copy-source'], 'CopyObject'],
  ['object', 'PUT', [], 'PutObject'],
  ['object', 'DELETE', ['?uploadId'], 'AbortMultipartUpload'],
  ['object', 'DELETE', [], 'DeleteObject'],
  ['object', 'POST', ['?uploads'], 'CreateMultipartUpload'],
  ['object', 'POST', ['?uploadId'], 'CompleteMultipartUpload'],
];

function deleteObject(store, { bucket, key }) {
  store.delete(bucket, key);
  return { status: 204 };
}

/**
 * The operation a request is for, or null where there is none.
 * @param {Pick<S3Request, 'method' | 'bucket' | 'key' | 'query' | 'headers'>} request
 * @returns {keyof typeof OPERATIONS | null}
 */
function operationOf({ method, bucket, key, query, headers }) {
  if ([...query.keys()].some((name) => ABSENT.has(name))) return null;
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  const isThere = (what) => {
    if (!what.startsWith('?')) return headers[what] !== undefined;
    const [name, value] = what.slice(1).split('=');
    return value === undefined ? query.has(name) : query.get(name) === value;
  };
  const found = ROUTES.find((route) => route[0] === level && route[1] === method && route[2].every(isThere));
  return found?.[3] ?? null;
}

/**
 * @param {import('./objects').ObjectStore} store
 * @param {keyof typeof OPERATIONS | null} name
 * @param {S3Request} request
 * @returns {Promise<import('../deliver').Answer>}
 */
async function operate(store, name, request) {
  const { method, bucket, key, query } = request;
  const absent = [...query.keys()].find((one) => ABSENT.has(one));
  if (absent) throw notImplemented(absent);
  if (name === null) {
    throw new S3Refusal('MethodNotAllowed', `The specified method ${method} is not allowed against this resource.`);
  }
  const { run, takesBody, makesBucket } = OPERATIONS[name];
  // Also a body that nobody asked for must be the one that was signed.
  if (!takesBody) await readWhole(request, { ofBody: false });
  if (!makesBucket && !store.hasBucket(bucket)) throw noSuchBucket(bucket);
  if (Buffer.byteLength(displayKey(key)) > MAX_KEY_BYTES) {
    throw new S3Refusal('InvalidObjectName', 'The specified object name is too long.');
  }
  return run(store, request);
}

module.exports = { operate, operationOf };
