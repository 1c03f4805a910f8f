/**
 * pg-boss (10 to 12) in front of an executor.
 *
 * | class of the failure | what becomes of the job |
 * |---|---|
 * | transient, ambiguous, bug | failed: retried by its `retryLimit`, `retryDelay` and `retryBackoff` |
 * | permanent, config | failed for good, with its reason as output; goes to the dead letter queue where there is one |
 * | config: Telegram refuses the bot, with `resolveBot` | back to `retry` for 5 s up to 5 min, uncharged, a day at the most |
 * | throttled | back to `retry` until `retryAfterMs` have passed (at least 1 s), uncharged |
 * | cancelled, executor full or closed, bots not to be looked up | the same after 1 s (5 s) |
 *
 * @see https://github.com/timgit/pg-boss
 * @packageDocumentation
 */
import type { RunnableExecutor, RunnerOptions, ValueOf } from './queue/runner.js';

export type { RunnableExecutor, RunnerOptions } from './queue/runner.js';

/** What is used of a started `PgBoss`. */
export interface Boss {
  complete(name: string, id: string, data?: object | null): Promise<unknown>;
  fail(name: string, id: string, data?: object | null): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: version 10 does not declare it.
  getDb?(): any;
}

/** What is used of a job of pg-boss. */
export interface BossJob {
  id: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the application put into its queue.
  data: any;
  signal?: AbortSignal;
}

export interface BossTaskOptions extends RunnerOptions {
  /** The `schema` that pg-boss was made with. Default `pgboss`. */
  schema?: string | undefined;
}

/**
 * A handler for `boss.work(name, task(boss, executor, { resolveBot }))`. Every job of a batch is settled for itself: not with
 * the options `perJobResults` and `transactional`.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option
 */
export function task<E extends RunnableExecutor<never, unknown>>(
  boss: Boss,
  executor: E,
  options?: BossTaskOptions,
): (jobs: BossJob[]) => Promise<ValueOf<E> | undefined>;
