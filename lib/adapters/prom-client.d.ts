import type { PrewarmWorker } from '../../index.js';

/** A `Registry` of prom-client 14 or 15, by its shape. */
export interface PromRegistry {
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

/** Any worker of this package. */
export type MeasuredWorker = Pick<PrewarmWorker, 'name'> & { stats(): object };

/**
 * Shows the metrics of workers in a registry of prom-client, beside the app's own; read when the registry is.
 *
 * @example
 * registerMetrics(promClient.register, [prewarm, ingest]);
 * @param options `compatNames`: also the metrics of hand-written workers under their own names. Default false. Metrics that those names get
 *   their first value for later are shown after the next call
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function registerMetrics(
  registry: PromRegistry,
  workers: MeasuredWorker | readonly MeasuredWorker[],
  options?: { compatNames?: boolean | undefined },
): void;
