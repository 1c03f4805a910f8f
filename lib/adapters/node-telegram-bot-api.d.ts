import type { TakesReports } from './live-traffic.js';

/**
 * Reports what the bot sends, and each 429, to an executor: live traffic and warm-up share one budget, and warm-up yields.
 * No call is delayed or changed. For version 2; `api` is its `Api` (`bot.api` of a `Bot`).
 *
 * @example
 * shareLimits(executor, bot.api, token);
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function shareLimits(executor: TakesReports, api: object, token: string): void;
