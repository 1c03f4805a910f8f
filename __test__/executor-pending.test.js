'use strict';

const assert = require('node:assert/strict');
const { randomInt } = require('node:crypto');
const { test } = require('node:test');
const { Pending } = require('../lib/executor/pending.js');
const { generator } = require('./support/random.js');

const seed = Number(process.env.WARMPATH_TEST_SEED ?? randomInt(2 ** 31));

test(`keys of jobs are counted as a list of them would be (WARMPATH_TEST_SEED=${seed})`, () => {
  const random = generator(seed);
  const keys = ['a', 'b', 'c', 'd'];
  for (let history = 0; history < 200; history++) {
    const [pending, model] = [new Pending(), []];
    for (let step = 0; step < 40; step++) {
      const key = keys[Math.floor(random() * keys.length)];
      if (random() < 0.5) {
        pending.add(key);
        model.push(key);
      } else {
        // Of a key that is not there, too.
        pending.remove(key);
        if (model.includes(key)) model.splice(model.indexOf(key), 1);
      }
      assert.equal(pending.size, new Set(model).size);
      for (const each of keys) assert.equal(pending.count(each), model.filter((one) => one === each).length);
    }
  }
});
