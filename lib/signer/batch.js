'use strict';

const { createHash } = require('node:crypto');
const { isPlainObject, describe, invalidArgument } = require('../options/signer.js');
const core = require('./core.js');
const { take, withHost, PRESIGN } = require('./request.js');

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
  const all = new Array(requests.length);
  const urls = new Array(requests.length);
  let uniform = true;
  for (let i = 0; i < requests.length; i++) {
    const taken = take(whole(requests[i], shared), PRESIGN, i, address);
    if (taken.hostAlone) withHost(taken);
    all[i] = taken;
    urls[i] = taken.url;
    uniform &&=
      taken.headers === undefined &&
      taken.path === undefined &&
      taken.method === undefined &&
      (taken.payload === undefined || taken.payload === 'UNSIGNED-PAYLOAD') &&
      taken.mode === all[0].mode &&
      taken.expires === all[0].expires &&
      taken.ms === all[0].ms;
  }
  const [first] = all;
  const seconds = first.ms < 0 ? now : Math.floor(first.ms / 1000);
  let text;
  let lines = all.length;
  if (uniform) {
    text = urls.join('\n');
  } else {
    const records = all.map((taken) => record(taken, now));
    text = records.map((each) => each.text).join('\n');
    lines = records.reduce((sum, each) => sum + each.lines, 0);
  }
  const answer = core
    .functions()
    .presignMany(handle, first.mode, seconds, uniform ? first.expires : 0, text, lines, all.length);
  if (typeof answer === 'string') throw refusedBatch(answer, all);
  let at = 0;
  for (const chunk of answer) {
    for (const url of chunk.split('\n')) urls[at++] = url;
  }
  return urls;
}

function whole(request, shared) {
  if (typeof request === 'string') return shared === undefined ? { url: request } : { ...shared, url: request };
  if (shared === undefined || !isPlainObject(request)) return request;
  return { ...shared, ...request };
}

/** A request in a mixed batch: its text, and how many lines it ought to be, which native code counts. */
function record(taken, now) {
  let { mode, payload } = taken;
  if (payload !== undefined && payload !== 'UNSIGNED-PAYLOAD' && taken.contentHash === undefined) {
    payload = createHash('sha256').update(payload).digest('hex');
    mode = (mode & ~PAYLOADS) | core.PAYLOAD_HASH;
  }
  const seconds = taken.ms < 0 ? now : Math.floor(taken.ms / 1000);
  const lines = [`${mode} ${seconds} ${taken.expires}`, taken.url];
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
function refusedBatch(answer, all) {
  if (!answer.includes('\nrequests: ')) return core.refused(answer);
  for (const [index, taken] of all.entries()) {
    const { url, path, query, method, payload, headers, mode } = taken;
    const fields = { url, 'url.path': path, 'url.query': query, method, payloadHash: payload };
    const broken = (text) => typeof text === 'string' && (text.includes('\n') || !text.isWellFormed());
    let field = Object.keys(fields).find((name) => broken(fields[name]));
    const lines = (mode >>> 16) * 2;
    if (headers !== undefined && (headers.split('\n').length !== lines || !headers.isWellFormed())) field ??= 'headers';
    if (field !== undefined) return core.refused(answer.replace('\nrequests: ', `\n[${index}].${field}: `));
  }
  return core.refused(answer);
}

module.exports = { batch };
