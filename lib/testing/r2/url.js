'use strict';

/**
 * Paths and queries as bytes. Object keys are any bytes, so a key is held in its one canonical form: every byte but
 * the unreserved ones percent-encoded, slashes kept.
 */

const UNRESERVED = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/'));
const ESCAPES = Array.from({ length: 256 }, (_, byte) =>
  UNRESERVED.has(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
);

const encodeBytes = (bytes) => {
  let out = '';
  for (const byte of bytes) out += ESCAPES[byte];
  return out;
};

const HEX = /^[0-9a-fA-F]{2}$/;

/** Percent-decodes the raw text of a request line. A broken escape stands for itself; `+` is a space, as on S3. */
function decodeBytes(raw) {
  const source = Buffer.from(raw, 'latin1');
  const out = Buffer.allocUnsafe(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i += 1) {
    const byte = source[i];
    if (byte === 0x25 && HEX.test(source.toString('latin1', i + 1, i + 3))) {
      out[length++] = Number.parseInt(source.toString('latin1', i + 1, i + 3), 16);
      i += 2;
    } else {
      out[length++] = byte === 0x2b ? 0x20 : byte;
    }
  }
  return out.subarray(0, length);
}

/** Splits a request target into `{ path, query }` without any normalisation. */
function splitTarget(target) {
  const absolute = /^https?:\/\/[^/?]*/i.exec(target);
  const rest = absolute ? target.slice(absolute[0].length) || '/' : target;
  const mark = rest.indexOf('?');
  return mark < 0 ? { path: rest, query: '' } : { path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}

/** Query text to decoded pairs, in order; empty pieces are dropped, `?acl` has an empty value. */
function queryPairs(query) {
  const pairs = [];
  for (const piece of query.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = equals < 0 ? piece : piece.slice(0, equals);
    const value = equals < 0 ? '' : piece.slice(equals + 1);
    pairs.push([decodeBytes(name).toString('utf8'), decodeBytes(value).toString('utf8')]);
  }
  return pairs;
}

/** `/bucket/any/key` to `{ bucket, key }`; `key` is canonical, and '' for the bucket itself. */
function splitPath(path) {
  const bytes = decodeBytes(path);
  const slash = bytes.indexOf(0x2f, 1);
  const bucket = bytes.toString('utf8', 1, slash < 0 ? bytes.length : slash);
  return { bucket, key: slash < 0 ? '' : encodeBytes(bytes.subarray(slash + 1)) };
}

/**
 * Where a request goes: `BUCKET.domain` (virtual-hosted style, the path is the key) or any other host (path style).
 * @param {string | undefined} host the header, with its port
 */
function locate(host, path, domain) {
  const name = (host ?? '').replace(/:\d*$/, '').toLowerCase();
  if (!name.endsWith(`.${domain.toLowerCase()}`)) return splitPath(path);
  return { bucket: name.slice(0, -domain.length - 1), key: encodeBytes(decodeBytes(path).subarray(1)) };
}

/** A key as users write it to its canonical form, and back (for display: bytes that are no UTF-8 come out replaced). */
const canonicalKey = (key) => encodeBytes(Buffer.isBuffer(key) ? key : Buffer.from(String(key), 'utf8'));
const displayKey = (canonical) => decodeBytes(canonical).toString('utf8');

const canonicalPath = (path) => encodeBytes(decodeBytes(path));

module.exports = { splitTarget, splitPath, locate, queryPairs, canonicalKey, displayKey, canonicalPath };
