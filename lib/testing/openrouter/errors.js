'use strict';

/** A refusal as OpenRouter sends it: `{ error: { code, message, metadata? } }`. */
class ApiRefusal extends Error {
  /**
   * @param {number} status HTTP status and `error.code`
   * @param {string} message
   * @param {{ metadata?: object, headers?: Record<string, string | number> }} [more]
   */
  constructor(status, message, { metadata, headers } = {}) {
    super(message);
    this.name = 'ApiRefusal';
    this.status = status;
    this.metadata = metadata;
    this.headers = headers;
  }

  get answer() {
    return refusal(this.status, this.message, this);
  }
}

const JSON_HEADERS = { 'Content-Type': 'application/json' };

function refusal(status, message, { metadata, headers, body } = {}) {
  const error = { message, code: status, ...(metadata && { metadata }) };
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify({ error, ...body }) };
}

const success = (result, headers) => ({
  status: 200,
  headers: { ...JSON_HEADERS, ...headers },
  body: JSON.stringify(result),
});

const MESSAGES = {
  400: 'Bad request',
  401: 'User not found.',
  402: 'Insufficient credits',
  403: 'Your chosen model requires moderation and your input was flagged',
  404: 'No endpoints found',
  408: 'Request timed out',
  413: 'Payload too large',
  429: 'Rate limit exceeded',
  500: 'Internal Server Error',
  502: 'Provider returned error',
  503: 'There is no available model provider that meets your routing requirements',
  504: 'Gateway Timeout',
  529: 'Provider returned error: overloaded',
};

/**
 * How an answer says when to come back. Each form is told by a real service: `seconds` and `date` by RFC 9110, `ms` by
 * OpenAI (`retry-after-ms`), `body` by gateways (`error.metadata.retry_after`), `reset` by OpenRouter (an instant in ms, in the
 * header and in `error.metadata.headers`), `reset-seconds` by others (an instant in s).
 *
 * @param {string} form
 * @param {number} seconds
 * @returns {{ headers: object, metadata?: object }}
 */
function hintOf(form, seconds) {
  const at = Date.now() + seconds * 1000;
  switch (form) {
    case 'none':
      return { headers: {} };
    case 'date':
      // Whole seconds only: rounded up, so that who obeys is never early.
      return { headers: { 'Retry-After': new Date(Math.ceil(at / 1000) * 1000).toUTCString() } };
    case 'ms':
      return { headers: { 'retry-after-ms': seconds * 1000 } };
    case 'body':
      return { headers: {}, metadata: { retry_after: seconds } };
    case 'reset': {
      const headers = { 'X-RateLimit-Limit': '20', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(at) };
      return { headers, metadata: { headers } };
    }
    case 'reset-seconds':
      return { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(Math.ceil(at / 1000)) } };
    default:
      return { headers: { 'Retry-After': seconds } };
  }
}

/** The answer OpenRouter would give with a bare status, used by faults that name no body of their own. */
function refusalFor(status, { retryAfter, hint } = {}) {
  // A 429 without a word of when is told by the hint `none`.
  const seconds = retryAfter ?? (status === 429 ? 1 : undefined);
  const told = seconds === undefined ? {} : hintOf(hint ?? 'seconds', seconds);
  return refusal(status, MESSAGES[status] ?? 'Injected by the sandbox', told);
}

module.exports = { ApiRefusal, refusal, refusalFor, success, hintOf };
