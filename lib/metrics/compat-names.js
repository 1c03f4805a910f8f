'use strict';

const { Histogram } = require('./histogram.js');

// The names and units are those of existing dashboards, so these bounds are in ms.
const MILLISECONDS = Object.freeze([5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000]);

// One series per bot and kind; a fleet of thousands of bots must not become as many series.
const MOST_SERIES = 2000;

/**
 * Keeps what a report observes under the names that existing dashboards have (`media_prewarm_…`): `_total` is a counter,
 * `_ms` a histogram, the rest are gauges.
 */
class CompatNames {
  #families = new Map();
  #forward;

  /** @param {((name: string, value: number, labels?: object) => void)} [forward] the app's own `observe` */
  constructor(forward) {
    this.#forward = forward;
  }

  /** Is passed on as a function: the app's own observe may throw, but what is counted here is counted first. */
  observe = (name, value, labels = {}) => {
    const key = Object.values(labels).join('\0');
    const series = this.#family(name);
    let entry = series.get(key);
    if (entry === undefined) {
      if (series.size >= MOST_SERIES) return this.#forward?.(name, value, labels);
      entry = { labels: { ...labels }, value: name.endsWith('_ms') ? new Histogram(MILLISECONDS) : 0 };
      series.set(key, entry);
    }
    if (entry.value instanceof Histogram) entry.value.observe(value);
    else if (name.endsWith('_total')) entry.value += value;
    else entry.value = value;
    return this.#forward?.(name, value, labels);
  };

  #family(name) {
    if (!this.#families.has(name)) this.#families.set(name, new Map());
    return this.#families.get(name);
  }

  /** As families of exposition.js. */
  families() {
    return Array.from(this.#families, ([name, series]) => {
      const type = name.endsWith('_total') ? 'counter' : name.endsWith('_ms') ? 'histogram' : 'gauge';
      return { name, type, help: `Earlier name; see docs/metrics.md.`, samples: [...series.values()] };
    });
  }
}

module.exports = { CompatNames };
