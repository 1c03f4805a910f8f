'use strict';

const { createHash } = require('node:crypto');
const { isPlainObject, describe, invalidArgument } = require('../options/signer.js');
const core = require('./core.js');
const { take, fail, withHost, PRESIGN, MAX_URL } = require('./request.js');

const LINE_BREAK = 10;

/** From so many requests on native code has help, which takes as long to wake as the texts take to be put together. */
const MANY = 256;

/** Bits of a mode that need a line of their own in a batch: parts, a method or a hash as text, headers. */
const PAYLOADS = 7 << 3;

/**
 * The URLs of many requests, in one native call.
 *
 * @param {object} handle
 * @param {(object | string)[]} requests
 * @param {object | undefined} shared
 * @param {number} now seconds, for requests without a date
 * @param {import('./address.js').Address | null} address
 * @returns {string[]}
 */
function batch(handle, requests, shared, now, address) {
  if (shared !== undefined && !isPlainObject(shared)) {
    invalidArgument('shared', `must be a plain object, not ${describe(shared)}`);
  }
  if (requests.length >= MANY && saysOneThing(requests[0])) core.functions().expectMany(requests.length);
  return byKeys(handle, requests, shared, now, address) ?? byRequests(handle, requests, shared, now, address);
}

/**
 * The usual case, of which nothing is looked at twice: keys of one bucket, and nothing else said of each. Null where it is another
 * case, or one with a mistake in it, which the other way finds and names.
 */
function byKeys(handle, requests, shared, now, address) {
  const keys = address === null ? null : keysOf(requests);
  if (keys === null) return null;
  const own = (name) => (shared !== undefined && Object.hasOwn(shared, name) ? shared[name] : undefined);
  for (const name of ['url', 'key', 'query']) if (own(name) !== undefined) return null;
  const taken = take(whole(requests[0], shared), PRESIGN, 0, address);
  if (taken.hostAlone) withHost(taken);
  if (!saysNoMore(taken)) return null;
  const [text, count] = [keys.join('\n'), keys.length];
  const seconds = secondsOf(taken, now);
  const prefix = address.of(own('bucket'), '-', undefined, invalidArgument).url.slice(0, -1);
  const answer = core.functions().presignMany(handle, taken.mode, seconds, taken.expires, text, count, count, prefix);
  if (typeof answer === 'string') return null;
  return cut(answer, keys) ? keys : answer.flatMap((chunk) => chunk.split('\n'));
}

/** Whether a request is a URL, or holds nothing but one or a key: if all of them do, native code does them in one go. */
function saysOneThing(request) {
  return typeof request === 'string' || (isPlainObject(request) && Object.keys(request).length === 1);
}

/** The keys of requests that are `{ key }` and no more; null where one is not. */
function keysOf(requests) {
  const keys = new Array(requests.length);
  for (let i = 0; i < requests.length; i++) {
    const request = requests[i];
    if (typeof request !== 'object' || request === null || Object.getPrototypeOf(request) !== Object.prototype) {
      return null;
    }
    for (const name in request) if (name !== 'key') return null;
    const { key } = request;
    if (typeof key !== 'string' || !Object.hasOwn(request, 'key')) return null;
    keys[i] = key;
  }
  return keys;
}

/** Whether a request says nothing but where, so that a line with its URL says it all. */
function saysNoMore({ headers, path, method, payload }) {
  const bare = headers === undefined && path === undefined && method === undefined;
  return bare && (payload === undefined || payload === 'UNSIGNED-PAYLOAD');
}

function secondsOf({ ms }, now) {
  return ms < 0 ? now : Math.floor(ms / 1000);
}

function byRequests(handle, requests, shared, now, address) {
  const all = new Array(requests.length);
  const urls = new Array(requests.length);
  let uniform = true;
  // Requests that say nothing but where: the rest, which they share, is read once.
  let pattern = null;
  const own = (name) => (shared !== undefined && Object.hasOwn(shared, name) ? shared[name] : undefined);
  const bucket = own('bucket');
  const simple = own('query') === undefined && own('url') === undefined && own('key') === undefined;
  for (let i = 0; i < requests.length; i++) {
    const request = requests[i];
    const url = pattern === null ? null : urlOf(request, i, bucket, address);
    if (url !== null) {
      all[i] = pattern;
      urls[i] = url;
      continue;
    }
    const taken = take(whole(request, shared), PRESIGN, i, address);
    if (taken.hostAlone) withHost(taken);
    // Not from parts: their host and path are the request's own.
    if (simple && taken.path === undefined && urlOf(request, i, bucket, address) !== null) pattern = taken;
    all[i] = taken;
    urls[i] = taken.url;
    uniform &&=
      saysNoMore(taken) && taken.mode === all[0].mode && taken.expires === all[0].expires && taken.ms === all[0].ms;
  }
  const [first] = all;
  const seconds = secondsOf(first, now);
  let text;
  let lines = all.length;
  if (uniform) {
    text = urls.join('\n');
  } else {
    const records = all.map((taken, i) => record(taken, urls[i], now));
    text = records.map((each) => each.text).join('\n');
    lines = records.reduce((sum, each) => sum + each.lines, 0);
  }
  const answer = core
    .functions()
    .presignMany(handle, first.mode, seconds, uniform ? first.expires : 0, text, lines, all.length, '');
  if (typeof answer === 'string') throw refusedBatch(answer, all, urls);
  if (uniform && cut(answer, urls)) return urls;
  return answer.flatMap((chunk) => chunk.split('\n'));
}

/**
 * Cuts the chunks into URLs, put in the places of those they were made from. What is added to them mostly has the same length for
 * all, so that the next end need not be searched. False where that does not hold: some URLs have been replaced then.
 */
function cut(chunks, urls) {
  const added = chunks[0].indexOf('\n') - urls[0].length;
  let next = 0;
  for (const chunk of chunks) {
    for (let at = 0; at <= chunk.length; ) {
      if (next === urls.length) return false;
      const end = at + urls[next].length + added;
      if (end !== chunk.length && chunk.charCodeAt(end) !== LINE_BREAK) return false;
      urls[next++] = chunk.slice(at, end);
      at = end + 1;
    }
  }
  // One too long for its place would have swallowed another.
  return next === urls.length;
}

/** The URL of a request that says nothing else; null where it says more, or what it says needs a closer look. */
function urlOf(request, index, bucket, address) {
  let url = request;
  if (typeof request === 'object' && request !== null && Object.getPrototypeOf(request) === Object.prototype) {
    url = undefined;
    let key;
    for (const name in request) {
      if (!Object.hasOwn(request, name)) continue;
      if (name === 'url') url = request[name];
      else if (name === 'key') key = request[name];
      else return null;
    }
    if (url === undefined && key !== undefined && address !== null) {
      url = address.of(bucket, key, undefined, (field, text) => fail(index, field, text)).url;
    } else if (key !== undefined || bucket !== undefined) {
      return null;
    }
  } else if (bucket !== undefined) {
    return null;
  }
  return typeof url === 'string' && url.length <= MAX_URL ? url : null;
}

function whole(request, shared) {
  if (typeof request === 'string') return shared === undefined ? { url: request } : { ...shared, url: request };
  if (shared === undefined || !isPlainObject(request)) return request;
  return { ...shared, ...request };
}

/** A request in a mixed batch: its text, and how many lines it ought to be, which native code counts. */
function record(taken, url, now) {
  let { mode, payload } = taken;
  if (payload !== undefined && payload !== 'UNSIGNED-PAYLOAD' && taken.contentHash === undefined) {
    payload = createHash('sha256').update(payload).digest('hex');
    mode = (mode & ~PAYLOADS) | core.PAYLOAD_HASH;
  }
  const seconds = secondsOf(taken, now);
  const lines = [`${mode} ${seconds} ${taken.expires}`, url];
  if (taken.path !== undefined) lines.push(taken.path, taken.query);
  if (taken.method !== undefined) lines.push(taken.method);
  if (payload !== undefined && payload !== 'UNSIGNED-PAYLOAD') lines.push(payload);
  let count = lines.length;
  if (taken.headers !== undefined) {
    lines.push(taken.headers);
    count += 2 * (mode >>> 16);
  }
  return { text: lines.join('\n'), lines: count };
}

/** A line break (or half a character) somewhere makes the whole batch unreadable: find the request and the field that have it. */
function refusedBatch(answer, all, urls) {
  if (!answer.includes('\nrequests: ')) return core.refused(answer);
  for (const [index, taken] of all.entries()) {
    const { path, query, method, payload, headers, mode } = taken;
    const fields = { url: urls[index], 'url.path': path, 'url.query': query, method, payloadHash: payload };
    const broken = (text) => typeof text === 'string' && (text.includes('\n') || !text.isWellFormed());
    let field = Object.keys(fields).find((name) => broken(fields[name]));
    const lines = (mode >>> 16) * 2;
    if (headers !== undefined && (headers.split('\n').length !== lines || !headers.isWellFormed())) field ??= 'headers';
    if (field !== undefined) return core.refused(answer.replace('\nrequests: ', `\n[${index}].${field}: `));
  }
  return core.refused(answer);
}

module.exports = { batch };
