'use strict';

/** Every benchmark, in the order in which they run and stand on the page. */
const BENCHMARKS = [
  'prewarm',
  'ingest',
  'routes',
  'express',
  'memory',
  'depth',
  'throughput',
  'signer',
  'queue',
  'store',
  'claims',
  'campaign',
  'load',
];

/** Those that need no helper programs. */
const PLAIN = ['signer', 'queue', 'store', 'claims', 'campaign', 'load'];

module.exports = { BENCHMARKS, PLAIN };
