'use strict';

const { NGINX_502 } = require('../pages');

/** The kinds of fault that every protocol has. */
const COMMON_KINDS = [
  'status',
  'stallBeforeHead',
  'stallAfterBytes',
  'cutAfterBytes',
  'reset',
  'trickle',
  'truncate',
  'delay',
  'emptyBody',
  'gzipBomb',
  'answerThenClose',
];

const REPLACING = new Set(['status', 'answerThenClose', 'stallBeforeHead', 'reset']);

/** Whether a fault at the answer stage takes the place of the real answer, and does not just mangle it. */
const replaces = (fault) => Boolean(fault) && REPLACING.has(fault.kind);

/**
 * A protocol's own refusal with what the fault says of it: another page, body or headers.
 *
 * @param {import('../deliver').Answer} refusal
 * @param {object} fault
 * @returns {import('../deliver').Answer}
 */
function dressed(refusal, fault) {
  const answer = { ...refusal, headers: { ...refusal.headers } };
  if (fault.html) {
    answer.body = NGINX_502;
    answer.headers['Content-Type'] = 'text/html';
  }
  if (fault.body !== undefined) {
    answer.body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body);
  }
  // The protocol's own hint belongs to the protocol's own body.
  if (answer.body !== refusal.body && fault.retryAfter === undefined) delete answer.headers['Retry-After'];
  Object.assign(answer.headers, fault.headers);
  return answer;
}

/** The answer with the fault that is still to be done to it; a mere status is done with it, and has bitten. */
function bitten(answer, fault) {
  if (fault.kind === 'emptyBody' || fault.kind === 'gzipBomb') answer.status = 200;
  if (fault.kind !== 'status') return { answer, fault };
  fault.bite();
  return { answer, fault: null };
}

module.exports = { COMMON_KINDS, bitten, dressed, replaces };
