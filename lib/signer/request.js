'use strict';

const { isUint8Array } = require('node:util').types;
const { isPlainObject, describe, invalidArgument, epochMs, DATE_FORM } = require('../options/signer.js');
const core = require('./core.js');

const { hasOwn } = Object;

/** What may be asked of a request. */
const SIGN = 1;
const PRESIGN = 2;
const EXPLAIN = 3;

const DEFAULT_EXPIRES = 900;
const MAX_EXPIRES = 604_800;
const MAX_URL = 1 << 20;

/** Throws, naming the field; `index` is the request's place in a list, -1 outside of one. */
function fail(index, field, text) {
  return invalidArgument(index < 0 ? `request.${field}` : `requests[${index}].${field}`, text);
}

/**
 * A request taken apart for the door. One pass over its own properties, each a plain comparison: this is the hot half of
 * signing in JavaScript. Types are checked here; what stands in a text is checked by native code.
 *
 * @param {object} request
 * @param {number} kind SIGN, PRESIGN or EXPLAIN
 * @param {number} index
 * @param {import('./address.js').Address | null} address
 */
function take(request, kind, index, address) {
  if (typeof request !== 'object' || request === null || Object.getPrototypeOf(request) !== Object.prototype) {
    if (!isPlainObject(request)) {
      invalidArgument(index < 0 ? 'request' : `requests[${index}]`, `must be a plain object, not ${describe(request)}`);
    }
  }
  let method, url, headers, body, payloadHash, date, expiresIn, hoist, presign, key, bucket, query;
  for (const name in request) {
    if (!hasOwn(request, name)) continue;
    const value = request[name];
    switch (name) {
      case 'method':
        method = value;
        break;
      case 'url':
        url = value;
        break;
      case 'headers':
        headers = value;
        break;
      case 'body':
        body = value;
        break;
      case 'payloadHash':
        payloadHash = value;
        break;
      case 'date':
        date = value;
        break;
      case 'key':
        key = value;
        break;
      case 'bucket':
        bucket = value;
        break;
      case 'query':
        query = value;
        break;
      case 'expiresIn':
        expiresIn = kind === SIGN ? unknown(index, name) : value;
        break;
      case 'hoist':
        hoist = kind === SIGN ? unknown(index, name) : value;
        break;
      case 'presign':
        presign = kind === EXPLAIN ? value : unknown(index, name);
        break;
      default:
        unknown(index, name);
    }
  }
  if (presign !== undefined && typeof presign !== 'boolean') fail(index, 'presign', 'must be true or false');
  const byQuery = kind === PRESIGN || presign === true;
  if (!byQuery && (expiresIn !== undefined || hoist !== undefined)) {
    fail(index, expiresIn === undefined ? 'hoist' : 'expiresIn', 'is for presigning only');
  }

  const taken = {
    mode: 0,
    url: '',
    headers: undefined,
    payload: undefined,
    method: undefined,
    path: undefined,
    query: undefined,
    ms: -1,
    expires: 0,
    host: undefined,
    contentHash: undefined,
    given: undefined,
    whole: false,
    built: false,
    hostAlone: false,
  };
  if (method === undefined && byQuery) taken.mode = 1;
  else takeMethod(taken, method, index);
  if (typeof url === 'string' && key === undefined && bucket === undefined && query === undefined) {
    if (url.length > MAX_URL) fail(index, 'url', `must have at most ${MAX_URL} characters`);
    taken.url = url;
  } else {
    takeAddress(taken, url, key, bucket, query, address, index);
  }
  if (headers !== undefined) takeHeaders(taken, headers, index);
  takePayload(taken, body, payloadHash, index);
  if (date !== undefined) {
    taken.ms = epochMs(date);
    if (Number.isNaN(taken.ms)) fail(index, 'date', DATE_FORM);
  }
  if (byQuery) {
    taken.expires = DEFAULT_EXPIRES;
    if (expiresIn !== undefined) {
      if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MAX_EXPIRES) {
        fail(index, 'expiresIn', `must be an integer from 1 to ${MAX_EXPIRES} (seconds), not ${describe(expiresIn)}`);
      }
      taken.expires = expiresIn;
    }
    if (hoist !== undefined) {
      if (typeof hoist !== 'boolean') fail(index, 'hoist', `must be true or false, not ${describe(hoist)}`);
      if (hoist) taken.mode |= core.HOIST;
    }
  }
  return taken;
}

function unknown(index, name) {
  return fail(index, name, 'is unknown');
}

function takeMethod(taken, method, index) {
  switch (method) {
    case 'GET':
      taken.mode = 1;
      return;
    case 'PUT':
      taken.mode = 2;
      return;
    case 'HEAD':
      taken.mode = 3;
      return;
    default:
      if (typeof method !== 'string' || method === '') {
        fail(index, 'method', method === undefined ? 'is required' : 'must be an HTTP method');
      }
      taken.mode = core.METHOD[method] ?? 0;
      if (taken.mode === 0) taken.method = method;
  }
}

function takeAddress(taken, url, key, bucket, query, address, index) {
  if (url === undefined && (key !== undefined || bucket !== undefined || query !== undefined)) {
    if (address === null) fail(index, 'key', 'needs a signer with accountId or endpoint');
    if (query !== undefined && !isPlainObject(query)) {
      fail(index, 'query', `must be a plain object, not ${describe(query)}`);
    }
    const found = address.of(bucket, key, query, (field, text) => fail(index, field, text));
    taken.url = found.url;
    taken.host = found.host;
    taken.built = true;
    return;
  }
  for (const [name, value] of [
    ['key', key],
    ['bucket', bucket],
    ['query', query],
  ]) {
    if (value !== undefined) fail(index, name, 'must not be given together with url');
  }
  if (!isPlainObject(url)) {
    fail(index, 'url', `must be a string or { scheme, host, path, query? }, not ${describe(url)}`);
  }
  for (const name of Reflect.ownKeys(url)) {
    if (!['scheme', 'host', 'path', 'query'].includes(name)) fail(index, `url.${String(name)}`, 'is unknown');
  }
  const own = (name) => (hasOwn(url, name) ? url[name] : undefined);
  for (const name of ['host', 'path']) {
    if (typeof own(name) !== 'string') fail(index, `url.${name}`, `must be a string, not ${describe(own(name))}`);
  }
  const scheme = own('scheme');
  if (scheme !== 'https' && scheme !== 'http') fail(index, 'url.scheme', "must be 'http' or 'https'");
  const search = own('query') ?? '';
  if (typeof search !== 'string') fail(index, 'url.query', `must be a string, not ${describe(search)}`);
  if (own('path').length > MAX_URL || search.length > MAX_URL) fail(index, 'url', 'is too long');
  taken.mode |= scheme === 'http' ? core.PARTS | core.HTTP : core.PARTS;
  taken.url = own('host');
  taken.host = taken.url;
  taken.path = own('path');
  taken.query = search;
}

/** `{ name: text | number | text[] }` as one text: two lines each. What is in the lines is checked by native code. */
function takeHeaders(taken, headers, index) {
  const plain = typeof headers === 'object' && headers !== null && Object.getPrototypeOf(headers) === Object.prototype;
  if (!plain && !isPlainObject(headers)) fail(index, 'headers', `must be a plain object, not ${describe(headers)}`);
  let flat = '';
  let count = 0;
  let others = false;
  let alone;
  for (const name in headers) {
    if (!hasOwn(headers, name)) continue;
    let value = headers[name];
    if (value === undefined) continue;
    if (typeof value !== 'string') {
      if (Array.isArray(value)) {
        // Joined by native code, which then answers in full.
        taken.whole = true;
        // Array.from visits holes, too.
        for (const item of Array.from(value)) {
          flat += `${count === 0 ? '' : '\n'}${name}\n${headerText(item, name, index)}`;
          count++;
        }
        continue;
      }
      value = headerText(value, name, index);
    }
    if (name === 'host' || (name.length === 4 && name.toLowerCase() === 'host')) {
      // Most requests give a host and nothing else: whether it must cross is for the caller to say.
      if (count === 0 && taken.host === undefined) {
        taken.host = value;
        alone = value;
        continue;
      }
      taken.host = value;
    } else {
      others = true;
      if (name.length === 20 && name.toLowerCase() === 'x-amz-content-sha256') taken.contentHash = value;
      // Only JSON can put this name into an object.
      else if (name === '__proto__') taken.whole = true;
    }
    flat = count === 0 ? `${name}\n${value}` : `${flat}\n${name}\n${value}`;
    count++;
  }
  if (alone !== undefined) {
    if (count === 0) {
      taken.hostAlone = true;
      return;
    }
    flat = `host\n${alone}\n${flat}`;
    count++;
  }
  if (count === 0) return;
  if (count > 1000) fail(index, 'headers', 'must hold at most 1000 values');
  taken.mode |= count * core.ONE_HEADER;
  taken.headers = flat;
  if (others) taken.given = headers;
}

function headerText(value, name, index) {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  const safe = /^[\w-]{1,64}$/.test(name) ? `headers.${name.toLowerCase()}` : 'headers';
  return fail(index, safe, `must be a string, a number or an array of them, not ${describe(value)}`);
}

function takePayload(taken, body, payloadHash, index) {
  if (payloadHash !== undefined) {
    if (payloadHash === 'UNSIGNED-PAYLOAD') {
      taken.mode |= core.PAYLOAD_UNSIGNED;
    } else {
      if (typeof payloadHash !== 'string' || payloadHash.length > 256) {
        fail(index, 'payloadHash', `must be a sha256 in hexadecimal or a marker, not ${describe(payloadHash)}`);
      }
      taken.mode |= core.PAYLOAD_HASH;
    }
    taken.payload = payloadHash;
    taken.contentHash = payloadHash;
  }
  if (body === undefined || body === null) return;
  const isText = typeof body === 'string';
  if (!isText && !isUint8Array(body)) {
    const hint = 'sign a stream by payloadHash';
    fail(index, 'body', `must be a string or a Uint8Array, not ${describe(body)}; ${hint}`);
  }
  // The caller's own hash, also as a header, says what the payload is.
  if (taken.contentHash !== undefined) return;
  taken.mode |= isText ? core.PAYLOAD_TEXT : core.PAYLOAD_BYTES;
  // Bytes that another thread could change while they are hashed are copied first.
  taken.payload = !isText && body.buffer instanceof SharedArrayBuffer ? Uint8Array.from(body) : body;
}

/** Lets the host that was given alone cross like any other header. */
function withHost(taken) {
  taken.headers = `host\n${taken.host}`;
  taken.mode |= core.ONE_HEADER;
  return taken;
}

module.exports = { take, fail, withHost, MAX_URL, SIGN, PRESIGN, EXPLAIN };
