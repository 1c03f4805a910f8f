import type { TakesReports } from './live-traffic.js';

/** A `Telegraf`, by its shape. */
export interface TelegrafBot {
  telegram: { token: string; callApi(...args: never[]): Promise<unknown> };
  use(...middleware: never[]): unknown;
}

/**
 * Reports what the bot sends, and each 429, to an executor: live traffic and warm-up share one budget, and warm-up yields.
 * No call is delayed or changed. Call it before the bot's own handlers are added.
 *
 * @example
 * shareLimits(executor, bot);
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function shareLimits(executor: TakesReports, bot: TelegrafBot): void;
