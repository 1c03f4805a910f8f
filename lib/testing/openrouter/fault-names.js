'use strict';

const { REDIRECT } = require('../faults/recipes');

/** A refusal before anything was generated. */
const refused = (status, message, { metadata, headers } = {}) => ({
  kind: 'status',
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: { error: { message, code: status, ...(metadata && { metadata }) } },
});
const limited = (hint) => ({ kind: 'status', status: 429, retryAfter: 1, hint });
const provider = { provider_name: 'Sandbox' };

/**
 * Every answer of OpenRouter (and of gateways like it) that a client has to live with, by name. From its documentation of
 * errors, limits and structured outputs, and from public threads.
 *
 * Any field of a fault beside the name is the user's and wins, `retryAfter` and `ms` for example.
 *
 * @see https://openrouter.ai/docs/api-reference/errors
 */
const NAMES = {
  'rate-limited': limited('seconds'),
  'rate-limited-date': limited('date'),
  'rate-limited-ms': limited('ms'),
  'rate-limited-body': limited('body'),
  'rate-limited-reset': limited('reset'),
  'rate-limited-reset-seconds': limited('reset-seconds'),
  'rate-limited-without-time': limited('none'),
  'rate-limited-upstream': refused(429, 'Provider returned error', {
    metadata: { ...provider, raw: 'temporarily rate-limited upstream' },
  }),

  'bad-request': refused(400, 'Input validation error'),
  'context-length': refused(
    400,
    "This endpoint's maximum context length is 128000 tokens. However, you requested about 200000 tokens.",
  ),
  unauthorized: refused(401, 'No auth credentials found'),
  'insufficient-credits': refused(402, 'Insufficient credits. Add more using https://openrouter.ai/credits'),
  'in-flight-budget': {
    ...refused(402, 'Too many requests in flight for the credits left', {
      metadata: { limit_source: 'openrouter_in_flight_budget' },
      headers: { 'Retry-After': 1 },
    }),
  },
  moderation: refused(403, 'Your input was flagged', {
    metadata: { ...provider, reasons: ['harassment'], flagged_input: 'injected by the sandbox', model_slug: 'sandbox' },
  }),
  forbidden: refused(403, 'This API key may not do that'),
  'model-not-found': refused(404, 'No endpoints found for that model.'),
  'request-timeout': refused(408, 'Request timed out'),
  'too-large': refused(413, 'Payload too large'),

  internal: refused(500, 'Internal Server Error'),
  'bad-gateway': refused(502, 'Provider returned error', { metadata: provider }),
  'bad-gateway-html': { kind: 'status', status: 502, html: true },
  unavailable: { kind: 'status', status: 503 },
  'unavailable-with-time': { kind: 'status', status: 503, retryAfter: 1 },
  'gateway-timeout': { kind: 'status', status: 504, html: true, at: 'answer' },
  overloaded: { kind: 'status', status: 529 },

  'error-in-body': { kind: 'completion', form: 'error-in-body' },
  'error-in-choice': { kind: 'completion', form: 'error-in-choice' },
  'empty-choices': { kind: 'completion', form: 'empty-choices' },
  'null-content': { kind: 'completion', form: 'null-content' },
  'empty-content': { kind: 'completion', form: 'empty-content' },
  'short-content': { kind: 'completion', form: 'short-content' },
  'cut-off': { kind: 'completion', form: 'cut-off' },
  filtered: { kind: 'completion', form: 'filtered' },
  refusal: { kind: 'completion', form: 'refusal' },
  'no-usage': { kind: 'completion', form: 'no-usage' },
  'no-cost': { kind: 'completion', form: 'no-cost' },

  'not-json': { kind: 'completion', form: 'not-json' },
  'fenced-json': { kind: 'completion', form: 'fenced-json' },
  'other-schema': { kind: 'completion', form: 'other-schema' },
  'lost-part': { kind: 'completion', form: 'lost-part' },
  'other-words': { kind: 'completion', form: 'other-words' },
  'other-order': { kind: 'completion', form: 'other-order' },
  'one-long-part': { kind: 'completion', form: 'one-long-part' },

  'keep-alive': { kind: 'keepAlive', ms: 1000 },
  'keep-alive-for-ever': { kind: 'keepAlive', ms: Number.MAX_SAFE_INTEGER },
  stall: { kind: 'stallBeforeHead' },
  'stall-in-body': { kind: 'stallAfterBytes', fraction: 0.5 },
  slow: { kind: 'delay', ms: 1000 },
  trickle: { kind: 'trickle', bytesPerSecond: 100 },
  truncated: { kind: 'truncate', fraction: 0.5 },
  'reset-before-body': { kind: 'reset', at: 'head' },
  'reset-after-body': { kind: 'reset', at: 'body' },
  'reset-after-effect': { kind: 'reset', at: 'answer' },
  'malformed-json': { kind: 'malformedJson' },
  empty: { kind: 'emptyBody' },
  redirect: { ...REDIRECT, status: 302 },
  'gzip-bomb': { kind: 'gzipBomb' },
};

module.exports = { NAMES };
