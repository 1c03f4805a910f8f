'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Latency } = require('../lib/worker/latency.js');

test('quantiles are right within a twentieth', () => {
  const latency = new Latency();
  assert.deepEqual(latency.read(), { mean: 0, p50: 0, p95: 0, p99: 0 });
  for (let ms = 1; ms <= 10_000; ms++) latency.add(ms);
  const { mean, ...quantiles } = latency.read();
  assert.equal(mean, 5001);
  for (const [name, wanted] of [
    ['p50', 5000],
    ['p95', 9500],
    ['p99', 9900],
  ]) {
    assert.ok(Math.abs(quantiles[name] - wanted) <= wanted * 0.05, `${name} ${quantiles[name]}`);
  }
  latency.add(1e12);
});
