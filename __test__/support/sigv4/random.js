'use strict';

const { randomInt } = require('node:crypto');

/** The seed of a run: `WARMPATH_TEST_SEED` replays one, else it is fresh. Print it. */
function testSeed() {
  const given = process.env.WARMPATH_TEST_SEED;
  if (!given) return randomInt(2 ** 32);
  const seed = Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new Error('WARMPATH_TEST_SEED: an integer below 2^32');
  return seed;
}

/** Repeatable randomness (mulberry32): quality does not matter here, replaying does. */
class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** 0 to n - 1. */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(percent) {
    return this.below(100) < percent;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** `low` to `high` items of `of`, an array or a string of characters, joined. */
  text(of, low, high) {
    const items = Array.isArray(of) ? of : [...of];
    return Array.from({ length: this.between(low, high) }, () => this.pick(items)).join('');
  }

  bytes(low, high) {
    return Uint8Array.from({ length: this.between(low, high) }, () => this.below(256));
  }
}

module.exports = { Random, testSeed };
