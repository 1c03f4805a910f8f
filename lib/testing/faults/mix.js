'use strict';

const { invalidOption } = require('../options');

/**
 * The mix of faults F: percent of all requests. Its requests choose at most one fault each, so 72 % pass unharmed.
 */
const F = Object.freeze({
  resetBeforeHead: 5,
  midBodyReset: 3,
  truncated: 3,
  throttled: 5,
  serverError: 5,
  stall: 2,
  trickle: 1,
  malformed: 1,
  empty: 1,
  denied: 0.5,
  redirect: 1,
  gzipBomb: 0.5,
});

/**
 * Mix F for `faults.mix` of either sandbox.
 *
 * @param {number} seed a whole number; the n-th request under the same seed always meets the same fault
 * @returns {{ seed: number, percent: Record<string, number> }} a copy: change percentages at will
 */
function mixF(seed) {
  return { seed, percent: { ...F } };
}

/** A generator of numbers in [0, 1) that depends on a seed and a number only (splitmix32). */
function randomOf(seed, n) {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35)) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A seeded mix at work: which request meets which fault, and how often each did harm. */
class Mix {
  #recipes;
  #make;
  #drawn = new WeakMap();

  /**
   * @param {{ seed: number, percent: Record<string, number> }} given
   * @param {{ match: object, recipes: Record<string, (random: () => number) => object>, make: (spec: object, onBite: () => void) => object }} tools
   */
  constructor(given, { match, recipes, make }) {
    const { seed, percent } = given ?? {};
    if (!Number.isSafeInteger(seed)) throw invalidOption('faults.mix: seed must be a whole number');
    if (percent === null || typeof percent !== 'object') throw invalidOption('faults.mix: percent must be an object');
    let sum = 0;
    for (const [name, share] of Object.entries(percent)) {
      if (!Object.hasOwn(recipes, name)) {
        throw invalidOption(`faults.mix: percent may hold ${Object.keys(recipes).join(', ')}`);
      }
      if (!Number.isFinite(share) || share < 0) throw invalidOption(`faults.mix: ${name} must be 0 or more`);
      sum += share;
    }
    if (sum > 100) throw invalidOption('faults.mix: the percentages are more than 100 together');
    this.#recipes = recipes;
    this.#make = make;
    this.seed = seed;
    this.percent = { ...percent };
    this.match = match;
    /** Requests that could have met a fault. */
    this.seen = 0;
    this.counts = Object.fromEntries(Object.keys(percent).map((name) => [name, { drawn: 0, bites: 0 }]));
  }

  /** Chooses the fault of one more request. */
  draw(request, can) {
    const random = randomOf(this.seed, this.seen);
    this.seen += 1;
    let left = random() * 100;
    for (const [name, share] of Object.entries(this.percent)) {
      left -= share;
      if (left >= 0) continue;
      const count = this.counts[name];
      const fault = this.#make(this.#recipes[name](random), () => {
        count.bites += 1;
      });
      if (!can(fault)) return;
      count.drawn += 1;
      this.#drawn.set(request, fault);
      return;
    }
  }

  /** What `draw` chose for this request. */
  drawn(request) {
    return this.#drawn.get(request);
  }
}

module.exports = { Mix, mixF, randomOf };
