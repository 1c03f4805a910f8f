'use strict';

const { familiesOf } = require('../metrics/families.js');
const { Histogram } = require('../metrics/histogram.js');
const { having, failWith, shape, withDefault, boolean } = require('../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const checkOptions = shape({ compatNames: withDefault(boolean, false) });

/** What prom-client wants for one sample of a histogram: a value a bucket, then sum and count. */
function histogramValues(name, { labels, value }) {
  const out = value.buckets().map(([bound, count]) => {
    const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : bound;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  out.push({ metricName: `${name}_sum`, labels, value: value.sum });
  out.push({ metricName: `${name}_count`, labels, value: value.count });
  return out;
}

function valuesOf({ name, samples }) {
  return samples.flatMap((sample) => (sample.value instanceof Histogram ? histogramValues(name, sample) : [sample]));
}

/**
 * Shows the metrics of workers in a registry of prom-client, beside the app's own. Nothing is counted twice: the numbers are read
 * when the registry is. Registering the same workers again, or others, replaces what was registered before.
 *
 * @param {object} registry a `Registry` of prom-client 14 or 15
 * @param {object | object[]} workers one, or several
 * @param {{ compatNames?: boolean }} [options] compatNames: also the metrics of hand-written workers under their own names; default false
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function registerMetrics(registry, workers, options = {}) {
  having('registerMetric', 'removeSingleMetric')(registry, 'registry', invalid);
  const { compatNames } = checkOptions(options, 'options', invalid);
  const list = Array.isArray(workers) ? workers : [workers];
  for (const worker of list) having('stats', 'depth')(worker, 'workers', invalid);
  const read = () => {
    const families = list.flatMap((worker) => familiesOf(worker));
    if (compatNames) families.push(...list.flatMap((worker) => worker.compatNames?.families() ?? []));
    return families;
  };
  // One reading for all the metrics of a scrape: prom-client asks for each of them, in the same turn of the event loop.
  let latest = null;
  const once = () => {
    if (latest === null) {
      latest = read();
      setImmediate(() => {
        latest = null;
      });
    }
    return latest;
  };
  const names = new Map(read().map(({ name, help, type }) => [name, { name, help, type }]));
  for (const { name, help, type } of names.values()) {
    registry.removeSingleMetric(name);
    registry.registerMetric({
      name,
      help,
      type,
      aggregator: 'sum',
      async get() {
        const values = once()
          .filter((family) => family.name === name)
          .flatMap(valuesOf);
        return { name, help, type, values, aggregator: 'sum' };
      },
      reset() {},
    });
  }
}

module.exports = { registerMetrics };
