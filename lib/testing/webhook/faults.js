'use strict';

const { COMMON_RECIPES, REDIRECT, pick } = require('../faults/recipes');
const { COMMON_KINDS, dressed } = require('../faults/spoil');
const { answerOf } = require('./answers');

const refused = (status, at = 'body') => ({ kind: 'status', status, at });

/** Every answer of a webhook's receiver that a sender has to live with, by name. */
const NAMES = {
  internal: refused(500),
  'internal-html': { kind: 'status', status: 502, html: true },
  unavailable: { kind: 'status', status: 503, retryAfter: 1 },
  'rate-limited': { kind: 'status', status: 429, retryAfter: 1 },
  'bad-request': refused(400),
  unauthorized: refused(401),
  forbidden: refused(403),
  'not-found': refused(404),
  'request-timeout': refused(408),
  gone: refused(410),
  'too-large': refused(413),
  unprocessable: refused(422),
  redirect: { ...REDIRECT, status: 307 },

  'error-after-accept': refused(500, 'answer'),
  'gateway-timeout-after-accept': { kind: 'status', status: 504, html: true, at: 'answer' },
  'timeout-after-accept': { kind: 'stallBeforeHead', at: 'answer' },
  'reset-after-accept': { kind: 'reset', at: 'answer' },
  conflict: refused(409, 'answer'),
  'conflict-without-accept': refused(409),

  timeout: { kind: 'stallBeforeHead' },
  'reset-before-body': { kind: 'reset', at: 'head' },
  'reset-after-body': { kind: 'reset', at: 'body' },
  slow: { kind: 'delay', ms: 1000 },
  trickle: { kind: 'trickle', bytesPerSecond: 10 },
  empty: { kind: 'emptyBody' },
  truncated: { kind: 'truncate', fraction: 0.5 },
  'gzip-bomb': { kind: 'gzipBomb' },
};

/** What FaultBook must know of a webhook. */
const WEBHOOK_FAULTS = {
  matchers: ['method', 'key'],
  lateMatchers: [],
  kinds: COMMON_KINDS,
  names: NAMES,
  recipes: {
    ...COMMON_RECIPES,
    midBodyReset: (random) => ({
      kind: 'cutAfterBytes',
      fraction: random(),
      reset: true,
      side: pick(random, ['request', 'response']),
    }),
    malformed: () => ({ kind: 'truncate', fraction: 0 }),
    denied: (random) => ({ name: pick(random, ['unauthorized', 'gone']) }),
    timeoutAfterAccept: () => ({ name: 'timeout-after-accept' }),
    errorAfterAccept: (random) => ({ name: pick(random, ['error-after-accept', 'gateway-timeout-after-accept']) }),
    resetAfterAccept: () => ({ name: 'reset-after-accept' }),
    conflict: () => ({ name: 'conflict' }),
  },
};

/** Faults of a mix that a sender can survive, in percent of requests: a sixth of them goes wrong. */
const WEBHOOK = Object.freeze({
  throttled: 3,
  serverError: 3,
  resetBeforeHead: 2,
  midBodyReset: 1,
  timeoutAfterAccept: 1,
  errorAfterAccept: 2,
  resetAfterAccept: 2,
  conflict: 1,
});

/**
 * The mix of faults of a receiver, for `faults.mix` of WebhookSandbox.
 *
 * @param {number} seed a whole number; the n-th request under the same seed always meets the same fault
 * @returns {{ seed: number, percent: Record<string, number> }} a copy: change percentages at will
 */
const mixWebhook = (seed) => ({ seed, percent: { ...WEBHOOK } });

/** The answer a fault puts in the place of the real one. */
function spoil(fault) {
  const status = fault.status ?? 500;
  const answer = answerOf(status, 'injected by the sandbox');
  if (fault.retryAfter !== undefined || status === 429) answer.headers['Retry-After'] = fault.retryAfter ?? 1;
  return dressed(answer, fault);
}

module.exports = { WEBHOOK_FAULTS, spoil, mixWebhook };
