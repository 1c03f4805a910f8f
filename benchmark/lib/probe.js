'use strict';

const fs = require('node:fs');
const { monitorEventLoopDelay, performance } = require('node:perf_hooks');

/** A memory field of the own process (`VmHWM` peak, `VmRSS` now), in bytes. */
function memory(field) {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync('/proc/self/status', 'utf8'));
  return Number(match[1]) * 1024;
}

/** Lets the peak (`VmHWM`) start anew from what is resident now. */
function resetPeak() {
  fs.writeFileSync('/proc/self/clear_refs', '5');
}

/**
 * Starts to count what this process uses. Costs nothing itself.
 * @returns {() => object} ends the count: wall time in ms, CPU of all threads in µs, share of the time the event loop was busy,
 *   peak memory in bytes,
 *   how often one of its threads went to sleep
 */
function startMeter() {
  const loop = performance.eventLoopUtilization();
  const slept = process.resourceUsage().voluntaryContextSwitches;
  const cpu = process.cpuUsage();
  const started = performance.now();
  return () => {
    const wallMs = performance.now() - started;
    const used = process.cpuUsage(cpu);
    const sleeps = process.resourceUsage().voluntaryContextSwitches - slept;
    const loopBusy = performance.eventLoopUtilization(loop).utilization;
    return { wallMs, cpuUs: used.user + used.system, sleeps, loopBusy, peakRss: memory('VmHWM') };
  };
}

/**
 * Starts to watch the event loop's delay. The watch's own timer takes some 4 % of a core, so it never runs beside the meter.
 * @returns {() => { p50: number, p99: number, max: number }} ends the watch; in ms, about 1 of which is the timer's own period
 */
function startDelayWatch() {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  return () => {
    histogram.disable();
    const ms = (nanoseconds) => nanoseconds / 1e6;
    return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
  };
}

module.exports = { memory, resetPeak, startDelayWatch, startMeter };
