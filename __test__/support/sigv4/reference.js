'use strict';

// A small signer with the face of SigV4Signer, written straight from the specification and for reading, not for speed. With a fault from
// faults.js switched on it is a signer with that bug: the proof that the tests beside it would see the bug.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

const { createHash, createHmac } = require('node:crypto');

const ALGORITHM = 'AWS4-HMAC-SHA256';
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const NEVER_SIGNED =
  /^(accept-encoding|authorization|baggage|cdn-loop|connection|expect|keep-alive|te|traceparent|tracestate|trailer|transfer-encoding|upgrade|user-agent|via|x-amzn-trace-id|cf-.*|proxy-.*|sec-.*|x-forwarded-.*)$/;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** A signer class with one bug, or with none. Each call gives a class with a key cache of its own, shared by its signers. */
function makeReference(fault = 'none') {
  const is = (name) => fault === name;
  const cache = new Map();

  // Stage 0: the request, taken apart without a URL parser.

  function splitUrl(url) {
    if (typeof url === 'object') return { query: '', ...url };
    const [, scheme, authority, path, query] = /^(https?):\/\/([^/?#]+)([^?#]*)(?:\?([^#]*))?/i.exec(url);
    const port = scheme.toLowerCase() === 'http' ? ':80' : ':443';
    let host = authority.toLowerCase();
    if (host.endsWith(port)) host = host.slice(0, -port.length);
    if (is('lost-port')) host = host.replace(/:\d+$/, '');
    return { scheme: scheme.toLowerCase(), host, path: path || '/', query: query ?? '' };
  }

  function timeOf(date) {
    const basic = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
    let ms = new Date(typeof date === 'string' ? date.replace(basic, '$1-$2-$3T$4:$5:$6Z') : date).getTime();
    if (is('ms-rounded')) ms = Math.round(ms / 1000) * 1000;
    return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
  }

  // Stage 1: the canonical request.

  const ESCAPED = Array.from({ length: 256 }, (_, byte) => {
    const char = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9._-]/.test(char) || (char === '~' && !is('tilde-escaped'));
    if (plain || (is('marks-unescaped') && "!'()*".includes(char))) return char;
    const hex = byte.toString(16).padStart(2, '0');
    return `%${is('hex-lower-case') ? hex : hex.toUpperCase()}`;
  });

  function encode(bytes, kept = '') {
    let out = '';
    for (const byte of bytes) {
      const char = String.fromCharCode(byte);
      out += char === kept ? char : ESCAPED[byte];
    }
    return out;
  }

  /** Percent escapes as bytes; a broken escape stays as it is; `+` is a space. */
  function decode(text) {
    const spaced = is('plus-kept') ? text : text.replaceAll('+', ' ');
    const pieces = spaced.split(/(%[0-9A-Fa-f]{2})/);
    return Buffer.concat(pieces.map((piece, i) => (i % 2 ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))));
  }

  function normalize(path) {
    const kept = [];
    for (const segment of path.split('/')) {
      if (segment === '..') kept.pop();
      else if (segment !== '' && segment !== '.') kept.push(segment);
    }
    return `/${kept.join('/')}${path.endsWith('/') && kept.length > 0 ? '/' : ''}`;
  }

  function canonicalPath(path, { uriEscapePath, normalizePath }) {
    const given = normalizePath || (is('s3-normalized') && !uriEscapePath) ? normalize(path) : path;
    if (uriEscapePath && is('single-escape')) return encode(decode(given), '/') || '/';
    if (uriEscapePath || is('s3-double-escape')) return encode(Buffer.from(given), '/') || '/';
    return encode(decode(given), '/') || '/';
  }

  function encodedPairs(query) {
    let pieces = query.split('&').filter((piece) => piece !== '');
    if (is('empty-values-dropped')) pieces = pieces.filter((piece) => /=./.test(piece));
    return pieces.map((piece) => {
      const cut = piece.indexOf('=') < 0 ? piece.length : piece.indexOf('=');
      const parts = [piece.slice(0, cut), piece.slice(cut + 1)];
      if (is('query-as-given')) return parts;
      const encoded = parts.map((part) => encode(decode(part)));
      return is('plus-for-space') ? encoded.map((part) => part.replaceAll('%20', '+')) : encoded;
    });
  }

  function canonicalQuery(pairs) {
    let list = pairs;
    if (is('first-value-only')) list = list.filter(([name], i) => list.findIndex(([other]) => other === name) === i);
    if (is('sorted-as-text'))
      return list
        .map((pair) => pair.join('='))
        .sort(byText)
        .join('&');
    if (is('sorted-by-name-only')) list = [...list].sort((a, b) => byText(a[0], b[0]));
    else if (is('sorted-before-encoding'))
      list = [...list].sort((a, b) => byText(String(decode(a[0])), String(decode(b[0]))) || byText(a[1], b[1]));
    else if (!is('query-unsorted')) list = [...list].sort((a, b) => byText(a[0], b[0]) || byText(a[1], b[1]));
    return list.map((pair) => pair.join('=')).join('&');
  }

  function canonicalValue(value) {
    const trimmed = String(value).replace(/^[ \t]+|[ \t]+$/g, '');
    if (is('spaces-kept')) return trimmed;
    if (is('spaces-kept-in-quotes') && /^".*"$/.test(trimmed)) return trimmed;
    return trimmed.replace(/[ \t]+/g, ' ');
  }

  /** Lower-case names with their canonical values; `undefined` counts as absent. */
  function canonicalHeaders(given = {}) {
    const headers = new Map();
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined) continue;
      let values = [value].flat().map(canonicalValue);
      if (is('repeated-first-only')) values = values.slice(0, 1);
      if (is('repeated-sorted')) values.sort(byText);
      if (is('empty-headers-dropped') && values.join('') === '') continue;
      const key = name.toLowerCase();
      const joined = values.join(is('repeated-joined-with-space') ? ', ' : ',');
      headers.set(key, headers.has(key) ? `${headers.get(key)},${joined}` : joined);
    }
    return headers;
  }

  function isSigned(name) {
    if (is('user-agent-signed') && name === 'user-agent') return true;
    if (is('content-type-unsigned') && name === 'content-type') return false;
    if (is('date-unsigned') && name === 'x-amz-date') return false;
    if (is('token-unsigned') && name === 'x-amz-security-token') return false;
    return !NEVER_SIGNED.test(name);
  }

  const signedNames = (headers) => [...headers.keys()].filter(isSigned).sort(byText);

  function bytesOf(body) {
    if (typeof body === 'string') return Buffer.from(body, is('latin1-body') ? 'latin1' : 'utf8');
    if (is('view-offset-lost')) return Buffer.from(body.buffer, 0, body.byteLength);
    return body;
  }

  /** The hash that is signed; sets or keeps `x-amz-content-sha256` where it travels as a header. */
  function payload({ body, payloadHash }, headers, { service, applyChecksum }, presigning) {
    const own = is('sha-header-ignored') ? undefined : headers.get('x-amz-content-sha256');
    let hash = payloadHash;
    if (hash === undefined && body !== undefined && body !== null) hash = sha256(bytesOf(body));
    hash ??= own ?? (presigning && service === 's3' && !is('presign-empty-hash') ? UNSIGNED : sha256(''));
    if ((applyChecksum && !presigning) || headers.has('x-amz-content-sha256'))
      headers.set('x-amz-content-sha256', hash);
    return hash;
  }

  const method = (text) => (is('method-as-given') ? text : text.toUpperCase());

  function canonicalRequest(request, path, query, headers, hash) {
    const names = signedNames(headers);
    const lines = names.map((name) => `${name}:${headers.get(name)}\n`).join('');
    return [method(request.method ?? 'GET'), path, query, lines, names.join(';'), hash].join('\n');
  }

  // Stages 2 and 3: the string to sign and the signature.

  function hmac(key, text) {
    let bytes = Buffer.from(key);
    if (is('long-key-cut')) bytes = bytes.subarray(0, 64);
    return createHmac('sha256', bytes).update(text).digest();
  }

  function signingKey({ secretAccessKey, region, service }, day) {
    const parts = { secret: secretAccessKey, date: day, region, service };
    for (const part of Object.keys(parts)) if (is(`stale-key-${part}`)) delete parts[part];
    const name = JSON.stringify(parts);
    if (!cache.has(name)) {
      const steps = [day, region, service, 'aws4_request'];
      cache.set(name, steps.reduce(hmac, `AWS4${secretAccessKey}`));
    }
    return cache.get(name);
  }

  function finish(options, time, canonical) {
    // The scope's day must be the signing day in UTC, whatever the clock on the wall says.
    const day = is('local-day') ? timeOf(Date.parse(iso(time)) - 5 * 3600_000).slice(0, 8) : time.slice(0, 8);
    const scope = [day, options.region, options.service, 'aws4_request'].join('/');
    const stringToSign = [ALGORITHM, time, scope, sha256(canonical)].join('\n');
    const signature = hmac(signingKey(options, day), stringToSign).toString('hex');
    return { scope, stringToSign, signature };
  }

  const iso = (basic) => basic.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');

  return class ReferenceSigner {
    constructor(options) {
      const { region = 'auto', service = 's3' } = options;
      const s3 = service === 's3';
      const dialect = { uriEscapePath: !s3, normalizePath: !s3, applyChecksum: s3 };
      this.options = { ...dialect, ...options, region, service };
    }

    // sign() and explain() of one request share their work.
    #last = {};

    #stages(request) {
      const { options } = this;
      if (this.#last.request === request) return this.#last.stages;
      const { host, path, query } = splitUrl(request.url);
      const headers = canonicalHeaders(request.headers);
      headers.delete('authorization');
      const time = timeOf(request.date ?? Date.now());
      headers.set('x-amz-date', time);
      if (!headers.has('host')) headers.set('host', host);
      if (options.sessionToken) headers.set('x-amz-security-token', options.sessionToken);
      const payloadHash = payload(request, headers, options, false);
      const pairs = canonicalQuery(encodedPairs(query));
      const canonical = canonicalRequest(request, canonicalPath(path, options), pairs, headers, payloadHash);
      const stages = { time, headers, payloadHash, canonical, ...finish(options, time, canonical) };
      this.#last = { request, stages };
      return stages;
    }

    sign(request) {
      const { time, headers, payloadHash, scope, signature } = this.#stages(request);
      const credential = `${this.options.accessKeyId}/${scope}`;
      const names = signedNames(headers).join(';');
      const authorization = `${ALGORITHM} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
      return { headers: { ...Object.fromEntries(headers), authorization }, authorization, amzDate: time, payloadHash };
    }

    explain(request) {
      const { canonical, stringToSign, signature } = request.presign
        ? this.#queryStages(request)
        : this.#stages(request);
      return { canonicalRequest: canonical, stringToSign, signature };
    }

    #queryStages(request) {
      const { options } = this;
      const { scheme, host, path, query } = splitUrl(request.url);
      const headers = canonicalHeaders(request.headers);
      for (const name of ['authorization', 'x-amz-date', 'x-amz-security-token']) headers.delete(name);
      if (!headers.has('host')) headers.set('host', host);
      const hash = payload(request, headers, options, true);
      const time = timeOf(request.date ?? Date.now());
      const token = is('presign-token-unsigned') ? undefined : options.sessionToken;
      const { scope } = finish(options, time, '');
      const added = {
        'X-Amz-Algorithm': ALGORITHM,
        'X-Amz-Credential': `${options.accessKeyId}/${scope}`,
        'X-Amz-Date': time,
        'X-Amz-Expires': String(request.expiresIn ?? 900),
        'X-Amz-SignedHeaders': signedNames(headers).join(';'),
        ...(token ? { 'X-Amz-Security-Token': token } : {}),
      };
      const own = Object.entries(added).map(([name, value]) => [name, encode(Buffer.from(value))]);
      const all = canonicalQuery([...encodedPairs(query), ...own]);
      const canonical = canonicalRequest(request, canonicalPath(path, options), all, headers, hash);
      const { stringToSign, signature } = finish(options, time, canonical);
      let shown = is('presign-plus') ? all.replaceAll('%20', '+') : all;
      if (options.sessionToken && !token) shown += `&X-Amz-Security-Token=${encode(Buffer.from(options.sessionToken))}`;
      const url = `${scheme}://${host}${path}?${shown}&X-Amz-Signature=${signature}`;
      return { canonical, stringToSign, signature, url };
    }

    presign(request) {
      return this.#queryStages(request).url;
    }

    presignMany(requests) {
      return requests.map((request) => this.presign(request));
    }
  };
}

module.exports = { makeReference };
