'use strict';

const { monitorEventLoopDelay } = require('node:perf_hooks');

const SAMPLE_MS = 50;
const MAX_VALUES = 10_000;

const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/** Event-loop delay, memory and the worker's timings (ms) since the last reset. Sampling costs one unreferenced timer. */
function createDiagnostics() {
  // 1 ms: the histogram's resolution is its timer's interval, which the figures below have taken off.
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const timings = new Map();
  let startRss = 0;
  let peakRss = 0;
  loop.enable();

  const sample = () => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  };
  const timer = setInterval(sample, SAMPLE_MS).unref();

  const reset = () => {
    // Only there under `node --expose-gc`: lets a measurement start without what earlier requests left in the heap.
    globalThis.gc?.();
    loop.reset();
    timings.clear();
    startRss = process.memoryUsage.rss();
    peakRss = startRss;
  };
  reset();

  return {
    reset,

    /** The `observe(name, value, labels)` of warmpath: metrics that end in `_ms` are kept for their percentiles. */
    observe(name, value) {
      if (!name.endsWith('_ms')) return;
      const values = timings.get(name) ?? [];
      if (values.length < MAX_VALUES) values.push(value);
      timings.set(name, values);
    },

    read() {
      sample();
      const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - 1);
      const phases = {};
      for (const [name, values] of timings) {
        const sorted = values.toSorted((a, b) => a - b);
        phases[name] = { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) };
      }
      return {
        event_loop_delay_ms: { p50: ms(loop.percentile(50)), p99: ms(loop.percentile(99)), max: ms(loop.max) },
        rss_bytes: { start: startRss, now: process.memoryUsage.rss(), peak: peakRss },
        phases,
      };
    },

    close() {
      clearInterval(timer);
      loop.disable();
    },
  };
}

module.exports = { createDiagnostics };
