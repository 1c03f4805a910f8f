/**
 * BullMQ (5 and 6) in front of an executor: `processor` for its `Worker`, `producer` for its `Queue`.
 *
 * | class of the failure | what BullMQ does |
 * |---|---|
 * | transient, ambiguous, bug | retries by the job's `attempts` and `backoff`; an attempt is charged |
 * | permanent, config | fails the job for good (`UnrecoverableError`) |
 * | throttled | delays it by `retryAfterMs`, uncharged |
 * | cancelled, executor full or closed, bots not to be looked up | delays it by 1 s (5 s), uncharged |
 *
 * @see https://docs.bullmq.io/guide/workers
 * @packageDocumentation
 */
import type { EventEmitter } from 'node:events';
import type { CloseOptions, PrewarmWorkerJob, ResolveBot, Store, WarmpathError } from '../../index.js';
import type { RunnableExecutor, RunnerOptions, ValueOf } from './queue/runner.js';

export type { RunnableExecutor, RunnerOptions } from './queue/runner.js';

/** What is used of a BullMQ `Job`. */
export interface BullJob {
  id?: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's own default.
  data: any;
  timestamp: number;
  processedOn?: number | undefined;
  stalledCounter?: number;
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
  moveToWait(token?: string): Promise<unknown>;
  extendLock(token: string, duration: number): Promise<number>;
  updateProgress(progress: object): Promise<void>;
}

/** What is used of the package itself. */
export interface BullErrors {
  UnrecoverableError: new (message?: string) => Error;
  DelayedError: new (message?: string) => Error;
  WaitingError: new (message?: string) => Error;
}

export interface ProcessorOptions extends RunnerOptions {
  /**
   * What becomes of a running job that `worker.cancelJob()` ended: `release`, back in 1 s and uncharged; `retry`, by its
   * backoff and charged; `fail`, for good. Default `release`.
   */
  onCancel?: 'release' | 'retry' | 'fail' | undefined;
  /**
   * The `lockDuration` of the worker, ms; 10,000 to 86,400,000. The lock is renewed at a third of it, and the executor's
   * lease with it: a job whose lock is lost is ended, and one whose process stands still is ended natively 5 s before its
   * lock can fall to another worker. Default 30,000, as BullMQ's.
   */
  lockDurationMs?: number | undefined;
  /** How often changes of state become the job's progress (`{ state, sinceMs }`), ms; 0: never. Default 1000. */
  progressMs?: number | undefined;
  /** The package `bullmq`, where warmpath would find another copy than the application. Default: `require('bullmq')`. */
  bullmq?: BullErrors | undefined;
}

/**
 * A processor for `new Worker(name, processor(executor, { resolveBot }), { connection, concurrency })`. The executor's
 * `concurrency` and `capacity` should be at least those of the worker together.
 *
 * A job that stalled although it had succeeded here (its completion could not be recorded) completes with its value and is
 * not run again; one that still runs here is joined.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_PEER_MISSING` without bullmq
 */
export function processor<E extends RunnableExecutor<never, unknown>>(
  executor: E,
  options?: ProcessorOptions,
): (job: BullJob, token?: string, signal?: AbortSignal) => Promise<ValueOf<E>>;

/** What closeWorker() uses of a BullMQ `Worker`. */
export interface ClosableWorker {
  close(): Promise<void>;
  cancelAllJobs(reason?: string): void;
}

/**
 * Closes a worker in bounded time: it takes no further job, running ones may finish for `timeoutMs`, the rest is ended and
 * goes back to `wait` at once, uncharged. Resolves when every job is finished or handed back. Rejects with
 * `ERR_WARMPATH_INVALID_ARGUMENT`, or `ERR_WARMPATH_INVALID_OPTION` for a BullMQ that cannot cancel jobs.
 */
export function closeWorker(worker: ClosableWorker, options?: CloseOptions): Promise<void>;

/** What is used of a BullMQ `Queue`, on any of its backends. */
export interface BullQueue {
  // biome-ignore lint/suspicious/noExplicitAny: the queue of any application.
  addBulk(jobs: any[]): Promise<unknown>;
  getJobState(jobId: string): Promise<string>;
  remove(jobId: string): Promise<number>;
  waitUntilReady(): Promise<unknown>;
}

interface ProducerCommon<Job> {
  /** How long the queue may take to take a job, ms. Default 250. */
  deadlineMs?: number | undefined;
  /** How long the other way may take after that, ms. Default 750. */
  fallbackDeadlineMs?: number | undefined;
  /** Checks a job and fills in its key, or throws. Default: the check of `PrewarmWorker.enqueue`. */
  checkJob?: ((job: Job, path?: string) => Job & { key: string }) | undefined;
  /** Name of the BullMQ jobs. Default `warmpath`. */
  name?: string | undefined;
  /**
   * BullMQ's options for every job, but `jobId` and `priority`. They go before the `defaultJobOptions` of the queue, and
   * those before: 6 attempts (retries after 1, 2, 4, 8, 16 min, up to a tenth less), completed jobs kept for a day (10,000
   * at most), failed ones for a week.
   */
  jobOptions?: object | undefined;
  /**
   * When a job with that key has completed and is still kept: `cached` answers so and adds nothing, `rerun` runs it again.
   * A job that failed is always run again. Default `cached`.
   */
  onCompleted?: 'cached' | 'rerun' | undefined;
}

/** Default `reject`. */
export type ProducerOptions<Job = PrewarmWorkerJob> = ProducerCommon<Job> &
  (
    | { fallback?: 'reject' | undefined }
    | {
        fallback: 'store';
        /** Any store; a worker on it runs the jobs. */
        store: Pick<Store, 'enqueue'>;
      }
    | {
        fallback: 'inline';
        /** Runs the jobs in this process, not durably; outcomes come as its `settled` events. */
        executor: { submitMany(jobs: never[]): string[] };
        resolveBot?: ResolveBot | undefined;
        prepare?: RunnerOptions['prepare'];
      }
  );

/** Where a job went, and what was there. */
export interface Added {
  /**
   * `duplicate`: an equal job waits there; `processing`: it runs; `cached`: it is done; `full`: the way had no room. In BullMQ
   * it is what was there just before: of two equal jobs added at one moment, both may be called `queued`, and one exists.
   */
  status: 'queued' | 'duplicate' | 'processing' | 'cached' | 'full';
  via: 'bullmq' | 'store' | 'inline';
  key: string;
}

/** Jobs since the producer was made. */
export interface ProducerStats {
  bullmq: number;
  store: number;
  inline: number;
  /** Taken by nobody. */
  rejected: number;
  /** Taken by BullMQ after all, when the deadline had passed. */
  late: number;
  /** Of those: taken out again, because another way had them. */
  withdrawn: number;
}

export interface ProducerEvents {
  /** BullMQ did not take jobs in time; `reject`: there was no other way. */
  fallback: [event: { via: 'store' | 'inline' | 'reject'; jobs: number; error: WarmpathError }];
}

export interface AddOptions {
  /** How long the queue may take this time, ms. Default: the producer's. */
  deadlineMs?: number | undefined;
}

export interface Producer<Job = PrewarmWorkerJob> extends EventEmitter<ProducerEvents> {
  /**
   * Answers within `deadlineMs`, or with another way within `deadlineMs + fallbackDeadlineMs`. Rejects with
   * `ERR_WARMPATH_INVALID_JOB` naming the field; `ERR_WARMPATH_DATABASE` when no way took the job, `certainty: 'maybe-sent'`
   * if one of them may have (adding the same job again is safe); or what the other way throws.
   */
  add(job: Job, options?: AddOptions): Promise<Added>;
  /** One answer per job; all are checked before the first is added, and all go one way. Rejects as add(). */
  addMany(jobs: readonly Job[], options?: AddOptions): Promise<Added[]>;
  /** Resolves true as soon as the queue can take jobs, false after `ms`. */
  ready(ms: number): Promise<boolean>;
  stats(): ProducerStats;
}

/**
 * Adds jobs to a queue, and elsewhere when it is away. A priority is warmpath's: higher first, 0 in the middle.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option
 */
export function producer<Job = PrewarmWorkerJob>(queue: BullQueue, options?: ProducerOptions<Job>): Producer<Job>;

/** BullMQ's id of the job with this key. */
export function jobId(key: string): string;
