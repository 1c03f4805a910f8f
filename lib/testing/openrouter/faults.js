'use strict';

const { COMMON_RECIPES, pick } = require('../faults/recipes');
const { COMMON_KINDS, dressed } = require('../faults/spoil');
const { refusalFor } = require('./errors');
const { NAMES } = require('./fault-names');

const HINTS = ['seconds', 'date', 'ms', 'body', 'reset', 'reset-seconds', 'none'];

/** What FaultBook must know of the chat completions API. */
const OPENROUTER_FAULTS = {
  matchers: ['method', 'operation', 'model', 'format'],
  lateMatchers: ['model', 'format'],
  kinds: [...COMMON_KINDS, 'malformedJson', 'completion', 'keepAlive'],
  names: NAMES,
  recipes: {
    ...COMMON_RECIPES,
    throttled: (random) => ({ kind: 'status', status: 429, retryAfter: 1, hint: pick(random, HINTS) }),
    midBodyReset: (random) => ({ kind: 'cutAfterBytes', fraction: random(), reset: true }),
    malformed: () => ({ kind: 'malformedJson' }),
    denied: (random) => ({ name: pick(random, ['moderation', 'unauthorized']) }),
    stallInBody: (random) =>
      random() < 0.5 ? { kind: 'stallAfterBytes', fraction: random() } : { name: 'keep-alive-for-ever', everyMs: 50 },
    errorInBody: (random) => ({ name: pick(random, ['error-in-body', 'error-in-choice']) }),
    emptyChoices: (random) => ({ name: pick(random, ['empty-choices', 'null-content', 'empty-content']) }),
    keepAlive: () => ({ kind: 'keepAlive', ms: 100, everyMs: 20 }),
    badSplit: (random) => ({
      name: pick(random, ['not-json', 'fenced-json', 'other-schema', 'lost-part', 'other-words', 'other-order']),
    }),
  },
};

/** Faults of a mix that a client can survive, in percent of requests: a fifth of them goes wrong. */
const LLM = Object.freeze({
  throttled: 5,
  serverError: 4,
  resetBeforeHead: 2,
  midBodyReset: 1,
  truncated: 1,
  stallInBody: 1,
  errorInBody: 2,
  emptyChoices: 2,
  malformed: 1,
  keepAlive: 1,
});

/**
 * The mix of faults of an LLM service, for `faults.mix` of OpenRouterSandbox.
 *
 * @param {number} seed a whole number; the n-th request under the same seed always meets the same fault
 * @returns {{ seed: number, percent: Record<string, number> }} a copy: change percentages at will
 */
const mixLlm = (seed) => ({ seed, percent: { ...LLM } });

/** The answer a fault puts in the place of the real one. */
const spoil = (fault) => dressed(refusalFor(fault.status ?? 500, fault), fault);

module.exports = { OPENROUTER_FAULTS, spoil, mixLlm };
