/**
 * graphile-worker (0.16 and later) in front of an executor.
 *
 * | class of the failure | what becomes of the job |
 * |---|---|
 * | transient, ambiguous, bug | thrown: retried with graphile-worker's backoff until `maxAttempts` |
 * | permanent, config | logged; with a `jobKey` it stays in the table with `last_error`, and is not retried |
 * | config: Telegram refuses the bot, with `resolveBot` | replaced, as throttled, for 5 s up to 5 min, uncharged, a day at the most |
 * | throttled | replaced by the same job with `runAt` after `retryAfterMs`, and the attempts that it had |
 * | cancelled (a shutdown), executor full or closed, bots not to be looked up | the same after 1 s (5 s) |
 *
 * @see https://worker.graphile.org
 * @packageDocumentation
 */
import type { RunnableExecutor, RunnerOptions } from './queue/runner.js';

export type { RunnableExecutor, RunnerOptions } from './queue/runner.js';

/** What is used of graphile-worker's `JobHelpers`. */
export interface GraphileHelpers {
  job: {
    id: string;
    key: string | null;
    task_identifier: string;
    payload: unknown;
    attempts: number;
    max_attempts: number;
    priority: number;
    job_queue_id: number | null;
    flags: Record<string, true> | null;
  };
  logger: { error(message: string, meta?: Record<string, unknown>): unknown };
  abortSignal?: AbortSignal | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: typed there by the application's own list of tasks.
  addJob(identifier: any, payload: any, spec?: any): PromiseLike<unknown>;
  getQueueName(): string | null | PromiseLike<string | null>;
  query(text: string, values?: unknown[]): PromiseLike<unknown>;
}

export interface GraphileTaskOptions extends RunnerOptions {
  /** The schema that graphile-worker was made with. Default `graphile_worker`. */
  schema?: string | undefined;
}

/**
 * A task for `taskList: { prewarm: task(executor, { resolveBot }) }`. Add its jobs with `jobKey: jobKey(job)`: equal jobs are
 * then one, and a failure for good is kept with its reason.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option
 */
export function task<E extends RunnableExecutor<never, unknown>>(
  executor: E,
  options?: GraphileTaskOptions,
): (payload: unknown, helpers: GraphileHelpers) => Promise<void>;
