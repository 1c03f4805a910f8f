'use strict';

const { WarmpathError } = require('../errors.js');

const MAX_BODY_BYTES = 64 * 1024;

/** A refusal with its HTTP status; what a handler throws. */
class Refusal extends Error {
  constructor(status, code, message, headers = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Sends JSON. Nothing here may be kept by a cache: it is of now, and for one reader. */
function sendJson(res, status, value, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  res.statusCode = status;
  for (const [name, text] of Object.entries({
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(body.length),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  })) {
    res.setHeader(name, text);
  }
  res.end(res.req?.method === 'HEAD' ? undefined : body);
}

const STATUS = {
  ERR_WARMPATH_INVALID_ARGUMENT: 400,
  ERR_WARMPATH_INVALID_OPTION: 400,
  ERR_WARMPATH_INVALID_JOB: 400,
  ERR_WARMPATH_QUEUE_FULL: 409,
  ERR_WARMPATH_CLOSED: 409,
  ERR_WARMPATH_DATABASE: 503,
};

/**
 * Every failure becomes `{ ok: false, error, message }`. Messages of this package are written to be shown; those of anybody
 * else may hold a host, a query or a value, and stay inside.
 */
function sendError(res, err) {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  if (err instanceof Refusal) {
    const { status, code, message, headers } = err;
    sendJson(res, status, { ok: false, error: code, ...(message && { message }) }, headers);
    return;
  }
  if (err instanceof WarmpathError) {
    const status = STATUS[err.code] ?? 500;
    sendJson(res, status, {
      ok: false,
      error: err.code,
      message: err.message,
      ...(err.option && { field: err.option }),
    });
    return;
  }
  sendJson(res, 500, { ok: false, error: 'INTERNAL_ERROR', message: 'internal error' });
}

/**
 * The JSON body: what a parser before this router has read, else what the request holds.
 *
 * @throws {Refusal} 400, 413, 415
 */
async function readJson(req) {
  if (req.body !== undefined && !Buffer.isBuffer(req.body) && typeof req.body !== 'string') return req.body ?? {};
  const bytes = req.body === undefined ? await readAll(req) : Buffer.from(req.body);
  if (bytes.length === 0) return {};
  if (!/^application\/(\S+\+)?json\b/i.test(req.headers['content-type'] ?? '')) {
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'the body must be application/json');
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal(400, 'INVALID_JSON', 'the body is not valid JSON');
  }
}

async function readAll(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new Refusal(413, 'PAYLOAD_TOO_LARGE', 'the body is too large', { Connection: 'close' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Own fields of a plain object; anything else is refused. */
function fieldsOf(body) {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 'INVALID_BODY', 'the body must be a JSON object');
  }
  return { __proto__: null, ...body };
}

module.exports = { Refusal, sendJson, sendError, readJson, fieldsOf };
