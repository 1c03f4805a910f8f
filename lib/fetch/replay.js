'use strict';

// Errors that say: not a byte of the request has left. Then a repetition is safe whatever the request would do.
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether a body can be sent a second time: a stream is gone after the first. */
function isReplayable(body) {
  if (body === undefined || body === null || typeof body === 'string') return true;
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return true;
  return body instanceof Blob || body instanceof URLSearchParams || body instanceof FormData;
}

/**
 * What of a call decides whether it may be repeated.
 *
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 */
function readCall(input, init = {}) {
  const request = typeof Request === 'function' && input instanceof Request ? input : null;
  const method = String(init.method ?? request?.method ?? 'GET').toUpperCase();
  const headers = new Headers(init.headers ?? request?.headers);
  const ownBody = init.body !== undefined && init.body !== null;
  return {
    url: request?.url ?? String(input),
    method,
    // With such a key the service itself sees to it that nothing happens twice.
    hasKey: headers.has('idempotency-key'),
    replayable: ownBody ? isReplayable(init.body) : request === null || request.body === null,
    streams: ownBody && !isReplayable(init.body),
    signal: init.signal ?? request?.signal ?? null,
  };
}

/** Whether a call that ended this way may be made again. */
function mayRepeat(call, retry, { status, error }) {
  if (!call.replayable) return false;
  if (status !== undefined) {
    return retry.statuses.includes(status) && (call.hasKey || retry.methods.includes(call.method));
  }
  const code = error?.cause?.code ?? error?.code;
  return UNSENT.has(code) || call.hasKey || retry.methods.includes(call.method);
}

module.exports = { readCall, mayRepeat };
