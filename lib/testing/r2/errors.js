'use strict';

/**
 * Codes and statuses as R2 and S3 answer them.
 * https://developers.cloudflare.com/r2/api/error-codes/ · https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpiredRequest: 403,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidLocationConstraint: 400,
  InvalidObjectName: 400,
  InvalidPart: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidToken: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  TooManyRequests: 429,
  Unauthorized: 401,
  XAmzContentSHA256Mismatch: 400,
};

const BY_STATUS = {
  401: 'Unauthorized',
  403: 'AccessDenied',
  404: 'NoSuchKey',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'SlowDown',
};

const notImplemented = (what) => new S3Refusal('NotImplemented', `${what} not implemented`);

/** A refusal on its way to the client. `details` become further elements of the XML. */
class S3Refusal extends Error {
  constructor(code, message, details = {}) {
    super(message);
    this.name = 'S3Refusal';
    this.code = code;
    this.status = STATUS[code];
    this.details = details;
  }
}

// XML 1.0 has no way to write most control characters, not even as references.
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;', '\r': '&#13;' };

const escapeXml = (text) =>
  String(text)
    .replace(FORBIDDEN, '\u{fffd}')
    .replace(/[&<>"'\r]/g, (c) => ENTITIES[c]);

const element = (name, value) => `<${name}>${escapeXml(value)}</${name}>`;

/** An answer with a document: `root` gets S3's namespace, `children` is XML already. */
const document = (root, children) => ({
  status: 200,
  headers: { 'Content-Type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${[children].flat().join('')}</${root}>`,
});

function errorXml(code, message, details = {}) {
  const extra = Object.entries(details).map(([name, value]) => element(name, value));
  return `<?xml version="1.0" encoding="UTF-8"?><Error>${element('Code', code)}${element('Message', message)}${extra.join('')}</Error>`;
}

/** The body R2 would send for a bare status, used by faults that name no body of their own. */
function errorXmlFor(status) {
  const code = BY_STATUS[status] ?? (status >= 500 ? 'InternalError' : 'InvalidRequest');
  const message = code === 'SlowDown' ? 'Please reduce your request rate.' : 'Injected by the sandbox.';
  return errorXml(code, message);
}

module.exports = { S3Refusal, notImplemented, errorXml, errorXmlFor, element, document };
