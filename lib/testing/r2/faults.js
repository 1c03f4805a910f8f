'use strict';

const { COMMON_RECIPES, pick } = require('../faults/recipes');
const { COMMON_KINDS, bitten, dressed, replaces } = require('../faults/spoil');
const { errorXmlFor } = require('./errors');

/** What FaultBook must know of R2. */
const R2_FAULTS = {
  matchers: ['method', 'operation', 'bucket', 'keyPattern'],
  kinds: [...COMMON_KINDS, 'changeEtag'],
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

/** At the answer stage: another answer, or the real one with the fault that will mangle it. */
const spoilLate = (answer, fault) => (replaces(fault) ? spoil(fault) : { answer, fault });

const xml = (status, body) => ({ status, headers: { 'Content-Type': 'application/xml' }, body });

/** The answer a fault puts in the place of the real one. */
function spoil(fault) {
  const answer = xml(fault.status ?? 500, errorXmlFor(fault.status ?? 500));
  if (fault.retryAfter !== undefined) answer.headers['Retry-After'] = fault.retryAfter;
  return bitten(dressed(answer, fault), fault);
}

module.exports = { R2_FAULTS, spoil, spoilLate, xml };
