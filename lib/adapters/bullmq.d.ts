/**
 * BullMQ (5 and 6) in front of an executor: `processor` for its `Worker`, `producer` for its `Queue`.
 *
 * | class of the failure | what BullMQ does |
 * |---|---|
 * | transient, ambiguous, bug | retries by the job's `attempts` and `backoff`; an attempt is charged |
 * | permanent, config | fails the job for good (`UnrecoverableError`) |
 * | config: Telegram refuses the bot, with `resolveBot` | delays it for 5 s up to 5 min, uncharged, a day at the most |
 * | throttled | delays it by `retryAfterMs`, uncharged |
 * | cancelled, executor full or closed, bots not to be looked up | delays it by 1 s (5 s), uncharged |
 *
 * @see https://docs.bullmq.io/guide/workers
 * @packageDocumentation
 */
import type { EventEmitter } from 'node:events';
import type {
  CloseOptions,
  EnqueueStatus,
  IngestCommonOptions,
  IngestDeadResult,
  IngestDoneResult,
  IngestHooks,
  IngestJobHooks,
  IngestRetryResult,
  IngestShownJob,
  IngestStore,
  IngestThen,
  IngestValue,
  IngestWorkerJob,
  LatencyStats,
  PgPool,
  PrewarmWorkerJob,
  ResolveBot,
  RetryOptions,
  Store,
  StoredIngestJob,
  WarmpathError,
} from '../../index.js';
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
        /** As of {@link RunnerOptions}. Default: none. */
        resolveBot?: ResolveBot | undefined;
        /** As of {@link RunnerOptions}. */
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
  /** The job's key. */
  key: string;
}

/** Jobs since the producer was made. */
export interface ProducerStats {
  /** Taken by BullMQ. */
  bullmq: number;
  /** Taken by the store. */
  store: number;
  /** Taken by this process. */
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
  /** Counters, as of now. */
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

// ---------------------------------------------------------------------------------------------------------------------
// ProcessMedia

/** The environment's connection: `REDIS_HOST` (localhost), `REDIS_PORT` (6379), `PASSWORD_REDIS` (none); empty is absent. */
export function redisEnv(env?: Readonly<Record<string, string | undefined>>): {
  /** Default `localhost`. */
  host: string;
  /** Default 6379. */
  port: number;
  /** Absent where the variable is. */
  password?: string;
};

/** What is used of the package itself, for a queue and its worker. */
export interface BullModule extends BullErrors {
  // biome-ignore lint/suspicious/noExplicitAny: the classes of either major.
  Queue: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  Worker: any;
}

/** Where jobs go that Redis does not take in time. */
export type ProcessMediaFallback =
  | {
      /** Default without pool and store: they are run in this process, out of its memory. */
      fallback?: 'inline' | undefined;
      pool?: undefined;
      store?: undefined;
    }
  | {
      /** add() rejects with `ERR_WARMPATH_DATABASE`. */
      fallback: 'reject';
      pool?: undefined;
      store?: undefined;
    }
  | {
      /** Default with a pool or a store: they wait there, durably. */
      fallback?: 'store' | undefined;
      /** Rows of `ingest_jobs`: a `PostgresIngestStore`. */
      pool: PgPool;
      store?: undefined;
    }
  | {
      fallback?: 'store' | undefined;
      pool?: undefined;
      /** Any store. One with `take` is asked before each job, whichever way it came, so that it runs once. */
      store: IngestStore;
    };

/** `dir` or `s3` is needed where jobs run: for process(), and with the fallback `inline`. */
export type ProcessMediaOptions = IngestCommonOptions &
  IngestHooks &
  IngestJobHooks &
  IngestThen &
  ProcessMediaFallback & {
    /** Tries inside the executor. Default: see {@link RetryOptions}. */
    retry?: RetryOptions | undefined;
    /** BullMQ's settings of a connection, or a client. Default: {@link redisEnv}. */
    connection?: object | undefined;
    /** BullMQ's prefix of all keys. Default `bull`. */
    prefix?: string | undefined;
    /** The package `bullmq`, where warmpath would find another copy than the application. Default: `require('bullmq')`. */
    bullmq?: BullModule | undefined;
    /**
     * Over those of every job: 3 attempts, 2 s and 4 s apart and up to half of that less (`exponential`, 2000, jitter 0.5), the
     * last 100 that were done and the last 50 that failed are kept. Default: those.
     */
    jobOptions?: object | undefined;
    /** BullMQ's options of the worker, but concurrency, connection and lockDuration. Default: `maxStalledCount: 3`. */
    workerOptions?: object | undefined;
    /** Whether process() also works off what went to the store. Default true; false where an IngestWorker does. */
    runsFallback?: boolean | undefined;
    /** add() has an answer within this time, ms. Default 250. */
    deadlineMs?: number | undefined;
    /** How much of that is Redis's, ms. Default 150. */
    redisDeadlineMs?: number | undefined;
    /** Jobs in memory that neither Redis nor the fallback has taken; add() refuses more. Default 10,000. */
    backlog?: number | undefined;
    /** `bytes`, `base64` and `dataUrl` that are larger, bytes, go to the fallback at once: Redis is not for media. Default 65,536. */
    maxInlineBytes?: number | undefined;
    /** As {@link ProcessorOptions.lockDurationMs}. Default 30,000. */
    lockDurationMs?: number | undefined;
    /**
     * An error tracker, such as `Sentry.captureException`: jobs that failed for good, each; outages, at most once in 10 s with how
     * many were not told. What it throws is ignored. Default: none.
     */
    captureException?:
      | ((err: Error, context: { tags: Record<string, string>; extra: Record<string, unknown> }) => unknown)
      | undefined;
  };

/** Where a media went. `memory`: nobody else has it yet, and it is carried on as soon as somebody takes it. */
export interface MediaAdded {
  /** What was there; `queued`: nothing. */
  status: EnqueueStatus;
  via: 'bullmq' | 'store' | 'inline' | 'memory';
  /** The job's key. */
  key: string;
}

/** Numbers of this process. */
export interface ProcessMediaStats {
  /** Media that are stored. */
  completed: number;
  /** Jobs that failed for good. */
  failed: number;
  /** Tries that are repeated. */
  retries: number;
  /** Jobs in work now. */
  running: number;
  /** Bytes that were stored. */
  bytes: number;
  /** From add() to the end. */
  latency: LatencyStats;
  /** Jobs that wait: in Redis (null: it does not answer), in the fallback, and in memory. */
  depth: { redis: number | null; fallback: number; memory: number };
  /** Where add() put them. */
  added: ProducerStats;
}

export interface ProcessMediaEvents {
  /** A medium is stored and recorded. */
  completed: [result: Pick<IngestDoneResult, 'key' | 'job' | 'attempt' | 'waitedMs' | 'status' | 'state' | 'value'>];
  /** Failed for good. */
  failed: [
    result: Pick<IngestDeadResult, 'key' | 'attempt' | 'waitedMs' | 'status' | 'state' | 'error'> & {
      /** As it was added, its source too, where neither way would take it before the end: nobody else has it then. */
      job: IngestShownJob | StoredIngestJob;
    },
  ];
  /** A try failed, and is repeated later. */
  retry: [
    result: Pick<IngestRetryResult, 'key' | 'job' | 'attempt' | 'waitedMs' | 'status' | 'state' | 'error' | 'runAtMs'>,
  ];
  /** Redis did not take jobs in time. */
  fallback: [event: { via: 'store' | 'inline' | 'reject'; jobs: number; error: WarmpathError }];
  /** Without a listener it is dropped, never thrown. */
  error: [error: WarmpathError];
}

/**
 * The queue `ProcessMedia`: incoming media on BullMQ. add() answers within 250 ms whatever Redis does, and what it accepted is
 * stored once: what Redis does not take goes to the fallback, and before a job runs its key is looked up there. Any number of
 * processes may call process(). See docs/ingest-queue.md.
 *
 * @example
 * const media = new ProcessMedia({ pool, dir: '/var/media', captureException: Sentry.captureException });
 * media.process();
 * await media.add({ key: `wa:${id}`, session, source: { whatsapp }, meta: { contactId } });
 */
export class ProcessMedia extends EventEmitter<ProcessMediaEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option or the variable, `ERR_WARMPATH_PEER_MISSING` without bullmq */
  constructor(options: ProcessMediaOptions);
  /** BullMQ's queue. */
  // biome-ignore lint/suspicious/noExplicitAny: of either major.
  get queue(): any;
  /**
   * Answers within `deadlineMs`. Rejects with `ERR_WARMPATH_INVALID_JOB` naming the field, `ERR_WARMPATH_QUEUE_FULL` when the
   * backlog is full, `ERR_WARMPATH_CLOSED`; and by `fallback: 'reject'` with `ERR_WARMPATH_DATABASE`.
   */
  add(job: IngestWorkerJob): Promise<MediaAdded>;
  /**
   * Works in this process from now on.
   *
   * @throws `ERR_WARMPATH_INVALID_OPTION` without `dir` and `s3`, `ERR_WARMPATH_NATIVE_LOAD`, `ERR_WARMPATH_CLOSED`
   */
  process(): void;
  /** The processor that process() uses, for a BullMQ worker of the app's own. */
  handle(job: BullJob, token?: string, signal?: AbortSignal): Promise<IngestValue>;
  /** Counters and state, as of now. */
  stats(): Promise<ProcessMediaStats>;
  /**
   * Accepts nothing more, carries on what is in memory, lets running jobs finish for `timeoutMs` and hands back the rest,
   * uncharged. Ends in bounded time, also when Redis is away.
   */
  close(options?: CloseOptions): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
