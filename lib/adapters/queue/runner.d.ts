import type { ResolveBot } from '../../../index.js';

type Awaitable<T> = T | PromiseLike<T>;

/** What runs the jobs: any executor of this package, or anything of this shape. */
export interface RunnableExecutor<Job = never, Value = unknown> {
  /** Rejects with a WarmpathError, whose class says what becomes of the job. */
  run(job: Job, options?: { signal?: AbortSignal | undefined }): Promise<Value>;
}

/** The value of an executor's jobs. */
export type ValueOf<E> = E extends { run(...args: never[]): Promise<infer Value> } ? Value : never;

/** How the data of a queue's job becomes the executor's. */
export interface RunnerOptions {
  /**
   * For jobs of a PrewarmExecutor: the bot of a slug, so that the queue holds no token. Its job data is then what
   * `PrewarmWorker.enqueue` takes, and anything else (a token, an unknown field) fails for good with
   * `ERR_WARMPATH_INVALID_JOB`. Kept for 5 min (an absence 10 s), one lookup at a time per bot, asked again when Telegram
   * refuses the bot. When it throws, the job comes back in 5 s, uncharged.
   */
  resolveBot?: ResolveBot | undefined;
  /**
   * For other jobs, in the place of `resolveBot`: the executor's job of a queue's data. It must keep the key. Default: the
   * data as they are; the executor checks them.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what the application put into its queue.
  prepare?: ((data: any) => Awaitable<object>) | undefined;
  /**
   * The value of a job that is done already (by the other way of a fallback, by another process), or null. Asked before
   * every run; a value completes the job, and nothing is sent. Default: every job is run.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  lookup?: ((data: any) => Awaitable<unknown>) | undefined;
}
