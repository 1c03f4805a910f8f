import type { TakesReports } from './live-traffic.js';

/** A transformer, by its shape: it fits every version of grammY that has `bot.api.config.use`. */
export type LimitsTransformer = <R>(
  previous: (method: never, payload: never, signal?: never) => Promise<R>,
  method: unknown,
  payload: unknown,
  signal?: unknown,
) => Promise<R>;

/**
 * A transformer that reports what the bot sends, and each 429, to an executor: live traffic and warm-up share one budget,
 * and warm-up yields. No call is delayed or changed.
 *
 * @example
 * bot.api.config.use(shareLimits(executor, bot.token));
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 * @see https://grammy.dev/advanced/transformers
 */
export function shareLimits(executor: TakesReports, token: string): LimitsTransformer;
