import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import type { MeasuredWorker } from './prom-client.js';

/**
 * Spans and metrics of a worker by OpenTelemetry's conventions for messaging. A job is one consumer span, `process prewarm`, made
 * when it has ended, and linked to the span in which this process enqueued it. Needs `@opentelemetry/api`.
 *
 * @param providers default: the global ones
 * @returns ends it
 * @throws `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_ARGUMENT`
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/
 */
export function instrument(
  worker: MeasuredWorker,
  providers?: { tracerProvider?: TracerProvider | undefined; meterProvider?: MeterProvider | undefined },
): () => void;
