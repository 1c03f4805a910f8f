'use strict';

const { NGINX_502 } = require('../pages');
const { refusalFor } = require('./errors');

const REPLACING = new Set(['status', 'answerThenClose', 'stallBeforeHead']);

/** At the answer stage: another answer, or the real one with the fault that will mangle it. */
const spoilLate = (answer, fault) => (fault && REPLACING.has(fault.kind) ? spoil(fault) : { answer, fault });

/** The answer a fault puts in the place of the real one. */
function spoil(fault) {
  const status = fault.status ?? 500;
  let answer = refusalFor(status, fault.retryAfter);
  if (fault.html) answer = { status, headers: { 'Content-Type': 'text/html' }, body: NGINX_502 };
  if (fault.body !== undefined) {
    answer.body = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body);
  }
  answer.headers = { ...answer.headers, ...fault.headers };
  if (fault.kind === 'status') fault.bite();
  if (fault.kind === 'emptyBody') answer.status = 200;
  return { answer, fault: fault.kind === 'status' ? null : fault };
}

module.exports = { spoil, spoilLate };
