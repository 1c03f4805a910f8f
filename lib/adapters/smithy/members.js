'use strict';

// What each input member of the four commands asks for in a presigned URL. A member that is not here, or a value of
// another kind, is the real presigner's.

const { escapeStrict } = require('../text.js');

/** Printable, nothing to fold: a value that is signed as it stands. */
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

const text = (value) => (typeof value === 'string' && PLAIN.test(value) ? value : undefined);
const anyText = (value) => (typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined);
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined);
const flag = (value) => (typeof value === 'boolean' ? String(value) : undefined);

function httpDate(value) {
  if (!(value instanceof Date)) return undefined;
  const year = value.getUTCFullYear();
  return year >= 1000 && year <= 9999 ? value.toUTCString() : undefined;
}

/** A parameter of the query, under the name that the protocol gives it. */
const query = (name, read) => ({ read, add: (out, value) => out.query.push([name, escapeStrict(value)]) });
/** A header that the holder of the URL must send: it is signed. */
const signed = (name, read) => ({ read, add: (out, value) => out.headers.push([name, value]) });
/** A header that says nothing in a URL: not signed, not sent. */
const left = (read) => ({ read, add() {} });

const ranged = {
  IfMatch: signed('if-match', text),
  IfModifiedSince: signed('if-modified-since', httpDate),
  IfNoneMatch: signed('if-none-match', text),
  IfUnmodifiedSince: signed('if-unmodified-since', httpDate),
  Range: signed('range', text),
  ResponseCacheControl: query('response-cache-control', anyText),
  ResponseContentDisposition: query('response-content-disposition', anyText),
  ResponseContentEncoding: query('response-content-encoding', anyText),
  ResponseContentLanguage: query('response-content-language', anyText),
  ResponseContentType: query('response-content-type', anyText),
  ResponseExpires: query('response-expires', httpDate),
  VersionId: query('versionId', anyText),
  PartNumber: query('partNumber', count),
  RequestPayer: query('x-amz-request-payer', text),
  ExpectedBucketOwner: query('x-amz-expected-bucket-owner', text),
  ChecksumMode: query('x-amz-checksum-mode', text),
};

const checksum = (name) => query(`x-amz-checksum-${name}`, text);

const put = {
  ACL: query('x-amz-acl', text),
  CacheControl: left(text),
  ContentDisposition: signed('content-disposition', text),
  ContentEncoding: signed('content-encoding', text),
  ContentLanguage: signed('content-language', text),
  ContentLength: signed('content-length', count),
  ContentMD5: signed('content-md5', text),
  // The presigner leaves the type to whoever uploads.
  ContentType: left(text),
  ChecksumCRC32: checksum('crc32'),
  ChecksumCRC32C: checksum('crc32c'),
  ChecksumCRC64NVME: checksum('crc64nvme'),
  ChecksumSHA1: checksum('sha1'),
  ChecksumSHA256: checksum('sha256'),
  Expires: signed('expires', httpDate),
  IfMatch: ranged.IfMatch,
  IfNoneMatch: ranged.IfNoneMatch,
  GrantFullControl: query('x-amz-grant-full-control', text),
  GrantRead: query('x-amz-grant-read', text),
  GrantReadACP: query('x-amz-grant-read-acp', text),
  GrantWriteACP: query('x-amz-grant-write-acp', text),
  // Never hoisted: S3 takes what concerns encryption from headers only.
  ServerSideEncryption: signed('x-amz-server-side-encryption', text),
  SSEKMSKeyId: signed('x-amz-server-side-encryption-aws-kms-key-id', text),
  SSEKMSEncryptionContext: signed('x-amz-server-side-encryption-context', text),
  BucketKeyEnabled: signed('x-amz-server-side-encryption-bucket-key-enabled', flag),
  StorageClass: query('x-amz-storage-class', text),
  WebsiteRedirectLocation: query('x-amz-website-redirect-location', text),
  RequestPayer: ranged.RequestPayer,
  Tagging: query('x-amz-tagging', text),
  ObjectLockMode: query('x-amz-object-lock-mode', text),
  ObjectLockLegalHoldStatus: query('x-amz-object-lock-legal-hold', text),
  ExpectedBucketOwner: ranged.ExpectedBucketOwner,
  Metadata: { read: metadata, add: (out, pairs) => out.query.push(...pairs) },
};

const META_NAME = /^[a-z0-9_.-]+$/;

/** Each entry is a parameter of its own; names are lower-cased on the way. */
function metadata(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  const seen = new Set();
  const pairs = [];
  for (const [key, item] of Object.entries(value)) {
    const name = key.toLowerCase();
    const plain = text(item);
    if (!META_NAME.test(name) || plain === undefined || seen.has(name)) return undefined;
    seen.add(name);
    pairs.push([`x-amz-meta-${name}`, escapeStrict(plain)]);
  }
  return pairs;
}

const remove = {
  VersionId: ranged.VersionId,
  MFA: query('x-amz-mfa', text),
  RequestPayer: ranged.RequestPayer,
  BypassGovernanceRetention: query('x-amz-bypass-governance-retention', flag),
  ExpectedBucketOwner: ranged.ExpectedBucketOwner,
  IfMatch: ranged.IfMatch,
};

/** By the name of the operation: its method, its members, and the parameter that names it. */
const OPERATIONS = new Map([
  ['GetObject', { method: 'GET', members: ranged, fixed: ['x-id', 'GetObject'] }],
  ['HeadObject', { method: 'HEAD', members: ranged, fixed: null }],
  ['PutObject', { method: 'PUT', members: put, fixed: ['x-id', 'PutObject'] }],
  ['DeleteObject', { method: 'DELETE', members: remove, fixed: ['x-id', 'DeleteObject'] }],
]);

module.exports = { OPERATIONS };
