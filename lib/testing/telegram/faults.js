'use strict';

const { COMMON_RECIPES, pick } = require('../faults/recipes');
const { NGINX_502 } = require('../pages');
const { refusalFor } = require('./errors');
const { NAMES } = require('./fault-names');

/** What FaultBook must know of the Bot API. */
const TELEGRAM_FAULTS = {
  matchers: ['method', 'apiMethod', 'botId', 'chatId'],
  lateMatchers: ['chatId'],
  kinds: [
    'status',
    'stallBeforeHead',
    'stallAfterBytes',
    'cutAfterBytes',
    'reset',
    'trickle',
    'truncate',
    'delay',
    'malformedJson',
    'emptyBody',
    'gzipBomb',
    'answerThenClose',
    'flood',
    'migrate',
    'albumFlood',
    'changeKind',
    'uniqueId',
  ],
  names: NAMES,
  recipes: {
    ...COMMON_RECIPES,
    midBodyReset: (random) => ({
      kind: 'cutAfterBytes',
      fraction: random(),
      reset: true,
      side: pick(random, ['request', 'response']),
    }),
    // One that lasts: who does not wait meets it again, and is counted.
    throttled: (random) => ({ name: 'flood-of-chat', retryAfter: pick(random, [1, 2]) }),
    malformed: () => ({ kind: 'malformedJson' }),
    denied: (random) => ({ name: pick(random, ['unauthorized', 'blocked', 'migrate']) }),
  },
};

const REPLACING = new Set(['status', 'answerThenClose', 'stallBeforeHead', 'reset']);

/** Faults that need no connection, so that a direct call can meet them. */
const canMeetDirectly = (fault) => fault.kind === 'status' || fault.kind === 'delay' || fault.inside;

/** At the answer stage: another answer, or the real one with the fault that will mangle it. */
const spoilLate = (answer, fault) => (fault && REPLACING.has(fault.kind) ? spoil(fault) : { answer, fault });

/** The answer a fault puts in the place of the real one. */
function spoil(fault) {
  const status = fault.status ?? 500;
  let answer = refusalFor(status, fault.retryAfter);
  if (fault.html) answer = { status, headers: { 'Content-Type': 'text/html' }, body: NGINX_502 };
  if (fault.body !== undefined) {
    answer.body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body);
    if (fault.retryAfter === undefined) delete answer.headers['Retry-After'];
  }
  answer.headers = { ...answer.headers, ...fault.headers };
  if (fault.kind === 'status') fault.bite();
  if (fault.kind === 'emptyBody' || fault.kind === 'gzipBomb') answer.status = 200;
  return { answer, fault: fault.kind === 'status' ? null : fault };
}

module.exports = { TELEGRAM_FAULTS, canMeetDirectly, spoil, spoilLate };
