'use strict';

const { text, shape, oneOf, describe, isPlainObject } = require('./check.js');

const ORIGIN_RELATIVE = /^\/[\x21-\x7e]*$/;

/** A beginning of keys: with a name behind it it must still fit into 1024 bytes. */
const s3Prefix = (value, path, fail) => {
  text({ min: 0, max: 512 })(value, path, fail);
  if (Buffer.byteLength(value) > 768) fail(path, 'must have at most 768 bytes of UTF-8');
  return value;
};

/** `type/subtype` or `type/*`, in lower case. */
const accepted = text({
  max: 255,
  pattern: /^[a-z0-9!#$&^_.+-]+\/(\*|[a-z0-9!#$&^_.+-]+)$/,
  form: "a media type in lower case, or a family such as 'image/*'",
});

/** What this layer sets itself, or what would change what the other side reads: the engine's list (http/guard/fetch.rs), known at submit. */
const OURS = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'forwarded',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** Headers as pairs; neither a name nor a value can end its line. */
function headers(value, path, fail) {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  const names = Object.keys(value);
  if (names.length > 32) fail(path, `must have at most 32 headers, not ${names.length}`);
  return names.map((name) => {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name))
      fail(path, 'must have header names of letters, digits and -');
    if (OURS.has(name.toLowerCase())) fail(`${path}.${name}`, 'is set by the executor');
    const item = value[name];
    if (typeof item !== 'string' || item.length > 8192 || !/^[\x20-\x7e]*$/.test(item)) {
      fail(`${path}.${name}`, 'must be printable ASCII of at most 8192 characters');
    }
    return [name.toLowerCase(), item];
  });
}

/** A URL of a stranger. What it may point to is the engine's to judge, at every redirect anew: see its guard. */
function url(value, path, fail) {
  text({ max: 8192 })(value, path, fail);
  if (!/^https?:\/\//i.test(value) || !URL.canParse(value)) fail(path, 'must be an absolute http or https URL');
  return value;
}

/** Bytes, or base64 text of them, as base64. */
function bytes(length) {
  return (value, path, fail) => {
    const decoded = value instanceof Uint8Array ? Buffer.from(value) : fromBase64(value, path, fail);
    if (length !== undefined && decoded.length !== length) fail(path, `must be ${length} bytes, not ${decoded.length}`);
    return decoded;
  };
}

function fromBase64(value, path, fail) {
  if (typeof value !== 'string') fail(path, `must be bytes or base64 text, not ${describe(value)}`);
  // Buffer.from skips what is no base64; 32 bytes that came out of something else would only fail later, and more strangely.
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value) || value.length > 1024) fail(path, 'must be base64 text');
  return Buffer.from(value, 'base64');
}

const hash = (value, path, fail) => bytes(32)(value, path, fail).toString('hex');

const MEDIA_TYPES = [
  'image',
  'video',
  'gif',
  'ptv',
  'audio',
  'ptt',
  'document',
  'sticker',
  'thumbnail-document',
  'thumbnail-image',
  'thumbnail-video',
  'thumbnail-link',
];

const whatsappFields = {
  url,
  directPath: text({ max: 8192, pattern: ORIGIN_RELATIVE, form: "a path that begins with '/'" }),
  mediaKey: (value, path, fail) => bytes(32)(value, path, fail).toString('base64'),
  mediaType: oneOf(...MEDIA_TYPES),
  fileSha256: hash,
  fileEncSha256: hash,
};

const whatsappShape = shape(whatsappFields, { required: ['mediaKey', 'mediaType'] });

function whatsapp(value, path, fail) {
  const out = whatsappShape(value, path, fail);
  if (out.url === undefined && out.directPath === undefined) fail(`${path}.url`, 'or directPath is required');
  return out;
}

const whatsappChanges = shape(whatsappFields);

/**
 * What a reupload hook answers: any of the fields. The message objects of libraries, which are classes and say much more, will
 * do; what they leave empty has not changed. The type is part of what the job is, not of where it lies.
 */
function whatsappChange(value, path, fail) {
  if (typeof value !== 'object') fail(path, `must be an object, not ${describe(value)}`);
  const named = {};
  for (const name of Object.keys(whatsappFields)) {
    const item = name === 'mediaType' ? undefined : value[name];
    if (item !== undefined && item !== null && item.length !== 0) named[name] = item;
  }
  return whatsappChanges(named, path, fail);
}

/** What a resolve hook answers. */
const resolved = shape({ url, headers }, { required: ['url'] });

module.exports = { s3Prefix, accepted, headers, url, whatsapp, whatsappChange, resolved };
