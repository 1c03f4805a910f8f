'use strict';

const { checksumHeaders } = require('./checksums');
const { evaluate, failed } = require('./conditions');
const { S3Refusal } = require('./errors');
const { displayKey } = require('./url');

const OVERRIDES = [
  ['response-content-type', 'Content-Type'],
  ['response-content-disposition', 'Content-Disposition'],
  ['response-content-encoding', 'Content-Encoding'],
  ['response-content-language', 'Content-Language'],
  ['response-cache-control', 'Cache-Control'],
  ['response-expires', 'Expires'],
];

const noSuchKey = (key) => new S3Refusal('NoSuchKey', 'The specified key does not exist.', { Key: displayKey(key) });

/** GetObject and HeadObject. */
function readObject(store, { method, bucket, key, query, headers }) {
  const object = store.find(bucket, key);
  if (!object) throw noSuchKey(key);
  const common = {
    ETag: object.etag,
    'Last-Modified': new Date(object.at).toUTCString(),
    'Accept-Ranges': 'bytes',
  };
  const verdict = evaluate(headers, object);
  if (verdict === 'changed') throw failed();
  if (verdict === 'unchanged') return { status: 304, headers: common };
  const answer = {
    status: 200,
    bare: method === 'HEAD',
    headers: { ...common, 'Content-Type': object.contentType ?? 'application/octet-stream', ...object.meta },
  };
  for (const [name, header] of OVERRIDES) {
    if (query.has(name)) answer.headers[header] = query.get(name).replace(/[^\x20-\x7e]/g, '');
  }
  const { start, end, partial } = sliceOf(object, { method, query, headers }, answer.headers);
  if (partial) {
    answer.status = 206;
    answer.headers['Content-Range'] = `bytes ${start}-${end - 1}/${object.size}`;
  } else if (String(headers['x-amz-checksum-mode']).toUpperCase() === 'ENABLED') {
    // A checksum is that of the whole: on a part of it a client would find it wrong.
    Object.assign(answer.headers, checksumHeaders(object.checksum));
  }
  answer.body = object.data ? object.data.subarray(start, end) : { path: object.file, start, length: end - start };
  return answer;
}

/** Which bytes are asked for: by Range, by partNumber, or all. */
function sliceOf(object, { method, query, headers }, answerHeaders) {
  const whole = { start: 0, end: object.size, partial: false };
  const number = query.get('partNumber');
  if (number !== undefined) {
    if (headers.range !== undefined && method === 'GET') {
      throw new S3Refusal('InvalidRequest', 'Cannot specify both Range header and partNumber query parameter');
    }
    const sizes = object.parts ?? [object.size];
    const index = /^\d{1,5}$/.test(number) ? Number(number) - 1 : -1;
    if (index < 0)
      throw new S3Refusal('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    if (index >= sizes.length) {
      throw new S3Refusal('InvalidRange', 'The requested part is not satisfiable', { PartNumberRequested: number });
    }
    if (object.parts) answerHeaders['x-amz-mp-parts-count'] = sizes.length;
    const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
    // There is no way to write an empty range.
    return sizes[index] === 0 ? { ...whole, end: 0 } : { start, end: start + sizes[index], partial: true };
  }
  // R2 documents that Range has no effect on HeadObject.
  const range = method === 'HEAD' ? null : rangeOf(headers.range, object.size);
  return range === null ? whole : { start: range[0], end: range[1], partial: true };
}

/**
 * `[start, end)` of a Range header, or null where it asks for no single range and is therefore ignored (RFC 9110 §14.2).
 * @param {string | undefined} header
 * @param {number} size
 */
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

module.exports = { readObject, rangeOf, noSuchKey };
