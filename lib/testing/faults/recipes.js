'use strict';

/** One of a list, by a number in [0, 1). */
const pick = (random, list) => list[Math.floor(random() * list.length)];

const REDIRECT = { kind: 'status', headers: { Location: '/redirected' }, body: '' };

/**
 * What a mix makes of its names in every protocol. Each gets the random numbers of its request and gives a fault.
 *
 * @type {Record<string, (random: () => number) => object>}
 */
const COMMON_RECIPES = {
  // Before the body, after it, or when all is done: the client cannot tell.
  resetBeforeHead: (random) => ({ kind: 'reset', at: pick(random, ['head', 'body', 'answer']) }),
  truncated: (random) => ({ kind: 'truncate', fraction: random() }),
  throttled: (random) => ({ kind: 'status', status: 429, retryAfter: pick(random, [1, 2]) }),
  serverError: (random) => ({
    kind: 'status',
    status: pick(random, [500, 502, 503, 504]),
    html: random() < 0.5,
    at: pick(random, ['body', 'answer']),
  }),
  stall: (random) =>
    random() < 0.5
      ? { kind: 'stallBeforeHead', at: pick(random, ['body', 'answer']) }
      : { kind: 'stallAfterBytes', fraction: random() },
  trickle: () => ({ kind: 'trickle', bytesPerSecond: 1000 }),
  empty: (random) => ({ kind: 'emptyBody', at: pick(random, ['body', 'answer']) }),
  redirect: (random) => ({ ...REDIRECT, status: pick(random, [301, 302, 307, 308]) }),
  gzipBomb: () => ({ kind: 'gzipBomb' }),
};

module.exports = { COMMON_RECIPES, REDIRECT, pick };
