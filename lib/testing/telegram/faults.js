'use strict';

const { COMMON_RECIPES, pick } = require('../faults/recipes');
const { COMMON_KINDS, bitten, dressed, replaces } = require('../faults/spoil');
const { refusalFor } = require('./errors');
const { NAMES } = require('./fault-names');

/** What FaultBook must know of the Bot API. */
const TELEGRAM_FAULTS = {
  matchers: ['method', 'apiMethod', 'botId', 'chatId'],
  lateMatchers: ['chatId'],
  kinds: [...COMMON_KINDS, 'malformedJson', 'flood', 'migrate', 'albumFlood', 'changeKind', 'uniqueId'],
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

/** Faults that need no connection, so that a direct call can meet them. */
const canMeetDirectly = (fault) => fault.kind === 'status' || fault.kind === 'delay' || fault.inside;

/** At the answer stage: another answer, or the real one with the fault that will mangle it. */
const spoilLate = (answer, fault) => (replaces(fault) ? spoil(fault) : { answer, fault });

/** The answer a fault puts in the place of the real one. */
const spoil = (fault) => bitten(dressed(refusalFor(fault.status ?? 500, fault.retryAfter), fault), fault);

module.exports = { TELEGRAM_FAULTS, canMeetDirectly, spoil, spoilLate };
