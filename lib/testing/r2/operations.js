'use strict';

const { createHash, timingSafeEqual } = require('node:crypto');
const zlib = require('node:zlib');
const { S3Refusal, element } = require('./errors');
const { displayKey } = require('./url');

const MAX_KEY_BYTES = 1024;
const XML = { 'Content-Type': 'application/xml' };

/** What a request asks for, as the operations see it. */
/** @typedef {{ method: string, bucket: string, key: string, query: Map<string, string>, headers: import('node:http').IncomingHttpHeaders, body: AsyncIterable<Buffer>, payload: string }} S3Request */

/**
 * @param {import('./objects').ObjectStore} store
 * @param {S3Request} request
 * @returns {Promise<import('../deliver').Answer>}
 */
async function operate(store, request) {
  const { method, bucket, key, query } = request;
  if (bucket === '') {
    if (method !== 'GET') throw new S3Refusal('MethodNotAllowed', 'The specified method is not allowed.');
    return listBuckets(store);
  }
  if (key === '') return onBucket(store, request);
  if (!store.hasBucket(bucket)) throw noSuchBucket(bucket);
  if (Buffer.byteLength(displayKey(key)) > MAX_KEY_BYTES)
    throw new S3Refusal('KeyTooLongError', 'Your key is too long');
  for (const name of ['uploads', 'uploadId', 'acl', 'tagging', 'select', 'torrent']) {
    if (query.has(name)) throw new S3Refusal('NotImplemented', `${name} not implemented`);
  }
  switch (method) {
    case 'GET':
    case 'HEAD':
      return read(store, request);
    case 'PUT':
      if (request.headers['x-amz-copy-source']) throw new S3Refusal('NotImplemented', 'CopyObject not implemented');
      return write(store, request);
    case 'DELETE':
      store.delete(bucket, key);
      return { status: 204 };
    default:
      throw new S3Refusal('MethodNotAllowed', 'The specified method is not allowed against this resource.');
  }
}

const noSuchBucket = (bucket) =>
  new S3Refusal('NoSuchBucket', 'The specified bucket does not exist.', { BucketName: bucket });

function onBucket(store, { method, bucket, query }) {
  if (method === 'PUT') {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
      throw new S3Refusal('InvalidBucketName', 'The specified bucket name is not valid.');
    }
    store.createBucket(bucket);
    return { status: 200, headers: { Location: `/${bucket}` } };
  }
  if (!store.hasBucket(bucket)) throw noSuchBucket(bucket);
  if (method === 'HEAD') return { status: 200 };
  if (method !== 'GET') throw new S3Refusal('NotImplemented', `${method} on a bucket not implemented`);
  if (query.get('list-type') !== '2') throw new S3Refusal('NotImplemented', 'Only ListObjectsV2 is implemented');
  return listObjects(store, bucket, query);
}

const listBuckets = (store) => ({
  status: 200,
  headers: XML,
  body: `<?xml version="1.0" encoding="UTF-8"?><ListAllMyBucketsResult><Buckets>${store
    .buckets()
    .map((name) => `<Bucket>${element('Name', name)}${element('CreationDate', new Date(0).toISOString())}</Bucket>`)
    .join('')}</Buckets></ListAllMyBucketsResult>`,
});

function listObjects(store, bucket, query) {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const max = Math.min(query.has('max-keys') ? Number(query.get('max-keys')) : 1000, 1000);
  if (!Number.isSafeInteger(max) || max < 0) throw new S3Refusal('InvalidArgument', 'max-keys must be a number');
  const token = query.get('continuation-token');
  const after = token ? Buffer.from(token, 'base64url').toString('utf8') : (query.get('start-after') ?? '');
  const encode = query.get('encoding-type') === 'url' ? encodeURIComponent : (text) => text;
  const entries = [];
  const prefixes = new Set();
  let last = after;
  let truncated = false;
  for (const object of store.list(bucket)) {
    if (!object.key.startsWith(prefix) || Buffer.compare(Buffer.from(object.key), Buffer.from(after)) <= 0) continue;
    const cut = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? null : object.key.slice(0, cut + delimiter.length);
    if (common !== null && (prefixes.has(common) || after.startsWith(common))) {
      last = object.key;
      continue;
    }
    if (entries.length + prefixes.size >= max) {
      truncated = true;
      break;
    }
    if (common !== null) prefixes.add(common);
    else entries.push(object);
    last = object.key;
  }
  const contents = entries.map(
    (object) =>
      `<Contents>${element('Key', encode(object.key))}${element('LastModified', new Date(object.at).toISOString())}${element('ETag', object.etag)}${element('Size', object.size)}${element('StorageClass', 'STANDARD')}</Contents>`,
  );
  const body = [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    element('Name', bucket),
    element('Prefix', encode(prefix)),
    delimiter === '' ? '' : element('Delimiter', encode(delimiter)),
    element('MaxKeys', max),
    element('KeyCount', entries.length + prefixes.size),
    element('IsTruncated', truncated),
    truncated ? element('NextContinuationToken', Buffer.from(last).toString('base64url')) : '',
    ...contents,
    ...[...prefixes].map((one) => `<CommonPrefixes>${element('Prefix', encode(one))}</CommonPrefixes>`),
    '</ListBucketResult>',
  ].join('');
  return { status: 200, headers: XML, body };
}

function read(store, { method, bucket, key, query, headers }) {
  const object = store.find(bucket, key);
  if (!object) throw new S3Refusal('NoSuchKey', 'The specified key does not exist.', { Key: displayKey(key) });
  const common = {
    ETag: object.etag,
    'Last-Modified': new Date(object.at).toUTCString(),
    'Accept-Ranges': 'bytes',
  };
  const ifMatch = headers['if-match'];
  const unmodifiedSince = Date.parse(headers['if-unmodified-since'] ?? '');
  if (ifMatch !== undefined ? !etagIn(ifMatch, object.etag) : toSeconds(object.at) > unmodifiedSince) {
    throw new S3Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  const ifNoneMatch = headers['if-none-match'];
  const modifiedSince = Date.parse(headers['if-modified-since'] ?? '');
  if (ifNoneMatch !== undefined ? etagIn(ifNoneMatch, object.etag) : toSeconds(object.at) <= modifiedSince) {
    return { status: 304, headers: common };
  }
  const answer = {
    status: 200,
    bare: method === 'HEAD',
    headers: { ...common, 'Content-Type': object.contentType ?? 'application/octet-stream', ...object.meta },
  };
  for (const [name, header] of OVERRIDES) {
    if (query.has(name)) answer.headers[header] = query.get(name).replace(/[^\x20-\x7e]/g, '');
  }
  let [start, end] = [0, object.size];
  const range = rangeOf(headers.range, object.size);
  if (range !== null) {
    [start, end] = range;
    answer.status = 206;
    answer.headers['Content-Range'] = `bytes ${start}-${end - 1}/${object.size}`;
  }
  answer.body = object.data ? object.data.subarray(start, end) : { path: object.file, start, length: end - start };
  return answer;
}

const OVERRIDES = [
  ['response-content-type', 'Content-Type'],
  ['response-content-disposition', 'Content-Disposition'],
  ['response-cache-control', 'Cache-Control'],
];

const toSeconds = (ms) => Math.floor(ms / 1000) * 1000;

const etagIn = (list, etag) => list.split(',').some((one) => ['*', etag, etag.slice(1, -1)].includes(one.trim()));

/** `[start, end)`, or null where the header asks for no single range and is therefore ignored (RFC 9110 §14.2). */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return null;
  const unsatisfiable = () =>
    new S3Refusal('InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: header,
      ActualObjectSize: size,
    });
  if (match[1] === '') {
    const length = Math.min(Number(match[2]), size);
    if (length === 0) throw unsatisfiable();
    return [size - length, size];
  }
  const start = Number(match[1]);
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return null;
  if (start >= size) throw unsatisfiable();
  return [start, last + 1];
}

async function write(store, { bucket, key, headers, body, payload }) {
  const length = headers['content-length'];
  if (length === undefined)
    throw new S3Refusal('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  const existing = store.find(bucket, key);
  if (headers['if-none-match'] !== undefined && existing && etagIn(headers['if-none-match'], existing.etag)) {
    throw new S3Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  if (headers['if-match'] !== undefined && !(existing && etagIn(headers['if-match'], existing.etag))) {
    throw new S3Refusal('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  const incoming = store.open(Number(length));
  const crc32 = headers['x-amz-checksum-crc32'] !== undefined && zlib.crc32 ? { value: 0 } : null;
  try {
    for await (const chunk of body) {
      if (crc32) crc32.value = zlib.crc32(chunk, crc32.value);
      await incoming.write(chunk);
    }
    await incoming.end();
    if (incoming.size !== Number(length)) throw new S3Refusal('IncompleteBody', 'The body is shorter than announced.');
    checkBody(incoming, payload, headers, crc32);
  } catch (error) {
    await incoming.discard();
    throw error;
  }
  const meta = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-')));
  const object = store.commit(bucket, key, incoming, { contentType: headers['content-type'], meta });
  return { status: 200, headers: { ETag: object.etag } };
}

function checkBody(incoming, payload, headers, crc32) {
  const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);
  if (payload !== 'UNSIGNED-PAYLOAD' && !same(Buffer.from(payload, 'hex'), Buffer.from(incoming.sha256, 'hex'))) {
    throw new S3Refusal(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      { ClientComputedContentSHA256: payload, S3ComputedContentSHA256: incoming.sha256 },
    );
  }
  const digest = (text) => new S3Refusal('BadDigest', `The ${text} you specified did not match what we received.`);
  if (headers['content-md5'] && headers['content-md5'] !== Buffer.from(incoming.md5, 'hex').toString('base64')) {
    throw digest('Content-MD5');
  }
  if (crc32) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc32.value >>> 0);
    if (headers['x-amz-checksum-crc32'] !== bytes.toString('base64')) throw digest('CRC32');
  }
}

/** Consumes the body of a request that should have none, and checks it against the signed hash. */
async function checkEmptyBody(body, payload) {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  if (payload !== 'UNSIGNED-PAYLOAD' && hash.digest('hex') !== payload) {
    throw new S3Refusal(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
}

module.exports = { operate, checkEmptyBody };
