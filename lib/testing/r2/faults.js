'use strict';

const { COMMON_RECIPES, pick } = require('../faults/recipes');
const { NGINX_502 } = require('../pages');
const { errorXmlFor } = require('./errors');

/** What FaultBook must know of R2. */
const R2_FAULTS = {
  matchers: ['method', 'operation', 'bucket', 'keyPattern'],
  kinds: [
    'status',
    'stallBeforeHead',
    'stallAfterBytes',
    'cutAfterBytes',
    'reset',
    'trickle',
    'truncate',
    'changeEtag',
    'delay',
    'emptyBody',
    'gzipBomb',
    'answerThenClose',
  ],
  recipes: {
    ...COMMON_RECIPES,
    midBodyReset: (random) => ({ kind: 'cutAfterBytes', fraction: random(), reset: true }),
    malformed: () => ({
      kind: 'status',
      status: 200,
      at: 'answer',
      body: '<?xml version="1.0" encoding="UTF-8"?><Err',
    }),
    denied: (random) => ({ kind: 'status', status: pick(random, [401, 403]) }),
  },
};

const REPLACING = new Set(['status', 'answerThenClose', 'stallBeforeHead', 'reset']);

/** At the answer stage: another answer, or the real one with the fault that will mangle it. */
const spoilLate = (answer, fault) => (fault && REPLACING.has(fault.kind) ? spoil(fault) : { answer, fault });

const xml = (status, body) => ({ status, headers: { 'Content-Type': 'application/xml' }, body });

/** The answer a fault puts in the place of the real one. */
function spoil(fault) {
  const status = fault.status ?? 500;
  const answer = fault.html
    ? { status, headers: { 'Content-Type': 'text/html' }, body: NGINX_502 }
    : xml(status, fault.body ?? errorXmlFor(status));
  if (fault.retryAfter !== undefined) answer.headers['Retry-After'] = fault.retryAfter;
  Object.assign(answer.headers, fault.headers);
  if (fault.kind === 'status') fault.bite();
  if (fault.kind === 'emptyBody' || fault.kind === 'gzipBomb') answer.status = 200;
  return { answer, fault: fault.kind === 'status' ? null : fault };
}

module.exports = { R2_FAULTS, spoil, spoilLate, xml };
