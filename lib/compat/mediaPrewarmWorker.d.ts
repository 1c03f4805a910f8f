/**
 * Drop-in for an app's own `mediaPrewarmWorker` module: one queue and one worker per process, the same functions, field
 * names, environment variables, log tags and metric names, on top of `PrewarmWorker`.
 *
 * From the environment, where configure() and arguments leave it open; an empty value means the default, a wrong one stops
 * the start:
 * - `MEDIA_PREWARM_CONCURRENCY` jobs at once, 1 to 4096, default 5
 * - `MEDIA_PREWARM_MAX_QUEUE` jobs that wait, 1 to 1,000,000, default 500
 * - `MEDIA_PREWARM_INTERVAL_MS` the fallback poll, 10 to 2,147,483,647, default 2000
 * - `MEDIA_PREWARM_RETRY_WEAK_ID` 1 = send once more when the file_unique_id has 10 characters or fewer, default 0
 * - `MEDIA_PREWARM_STORE` `memory`, the default: jobs wait in this process, their `warming` rows are a copy that the next start
 *   reads; or `postgres`: they wait in `media_cache`, for any number of processes, with retries that outlast them. That needs the
 *   columns of `npx warmpath migrate`
 * - `MEDIA_PREWARM_LIMITS` `off` = not paced, for a Bot API server without limits, default `on`
 * - `R2_ENDPOINT` or `R2_ACCOUNT_ID`, `R2_ACCESS_KEY_ID`, `R2_SECRET_ACCESS_KEY`, `R2_BUCKET`
 * - `TELEGRAM_API_ROOT`
 *
 * @packageDocumentation
 */

import type {
  AdminRouter,
  AdminRouterOptions,
  ChatId,
  CloseOptions,
  Logger,
  MediaKind,
  Observe,
  PgPool,
  PrewarmCommonOptions,
  PrewarmWorkerSettings,
  S3Options,
} from '../../index.js';

type Awaitable<T> = T | PromiseLike<T>;

/** A media to be prewarmed. Unknown fields are ignored, null counts as absent. */
export interface PrewarmParams {
  /** The bot's slug. */
  bot_slug: string;
  /** 64 lower-case hexadecimal digits. */
  sha256: string;
  /** The kind of media. */
  kind: MediaKind;
  /** Key of the object in the bucket. */
  r2_key: string;
  /** Name the file gets in Telegram. Default: the sha256 and what the bytes are. */
  file_name?: string | null | undefined;
  /** Default: what the bytes are. */
  content_type?: string | null | undefined;
  /** Expected size, bytes. Default: any. */
  size?: number | null | undefined;
  /** 32-bit integer, higher first. Default 0. */
  priority?: number | null | undefined;
  /** Of the warm-up message. Default: none. */
  caption?: string | null | undefined;
  [other: string]: unknown;
}

/** What a prewarm produced, as updateCacheWithFileId gets it. */
export interface PrewarmIds {
  /** As Telegram gave it. */
  file_id: string;
  /** As Telegram gave it. */
  file_unique_id: string;
  /** As text: ids may pass what a number holds. */
  warmup_chat_id: string;
  /** The warm-up message. */
  warmup_message_id: number;
}

/**
 * The app's own services. Each one left out has a default on the tables `bots` and `media_cache`. What a service throws is
 * taken for a database failure: the step is repeated, and nothing is sent again for it. With updateCacheWithFileId or
 * markCacheError of its own the app owns its rows: no `warming` row is written at enqueue then.
 */
export interface PrewarmServices<Pool extends PgPool = PgPool> {
  /** Nothing: `ERR_WARMPATH_BOT_TOKEN_NOT_SET`. Kept for 5 min. Default: of `bots`. */
  getTokenBySlug?: ((pool: Pool, slug: string) => Awaitable<string | null | undefined>) | undefined;
  /** Nothing: `ERR_WARMPATH_WARMUP_CHAT_NOT_SET`. Kept for 5 min. Default: of `bots`. */
  getWarmupChatId?: ((pool: Pool, slug: string) => Awaitable<ChatId | null | undefined>) | undefined;
  /** Records a file_id. Default: the row of `media_cache`. */
  updateCacheWithFileId?:
    | ((pool: Pool, slug: string, sha256: string, kind: MediaKind, ids: PrewarmIds) => unknown)
    | undefined;
  /** `message`: `CODE: text`. Called when a job failed for good. Default: the row of `media_cache`. */
  markCacheError?:
    | ((pool: Pool, slug: string, sha256: string, kind: MediaKind, message: string) => unknown)
    | undefined;
  /** Metrics `media_prewarm_*`. Default: none. */
  observe?: Observe | undefined;
}

/** Everything of a PrewarmWorker that the environment, the arguments and the module itself do not settle. */
export interface PrewarmConfig<Pool extends PgPool = PgPool>
  extends Omit<PrewarmCommonOptions, 's3'>,
    Pick<PrewarmWorkerSettings, 'retry' | 'leaseMs'> {
  /** The app's own services. Default: those of {@link PrewarmServices}. */
  services?: PrewarmServices<Pool> | undefined;
  /** Default `console`. */
  logger?: Logger | undefined;
  /** Default: from the environment. */
  s3?: S3Options | undefined;
  /**
   * Where jobs wait, see `MEDIA_PREWARM_STORE`. With `postgres` results are recorded by the store, so updateCacheWithFileId and
   * markCacheError cannot be given; enqueuePrewarm() answers true for what this process has accepted, also when the table
   * turns out to have it already; the queue's size counts the whole table, and its items are those of this process.
   */
  store?: 'memory' | 'postgres' | undefined;
}

/**
 * Sets the app's services, logger and connection settings. Takes effect at the next start; each call replaces the settings of
 * the one before.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option
 */
export function configure<Pool extends PgPool = PgPool>(options?: PrewarmConfig<Pool>): void;

/**
 * Queues a media for prewarming; works before the start too.
 *
 * @returns true = accepted; false = queued already, in progress, queue full, or not a valid job (the log says which)
 */
export function enqueuePrewarm(params: PrewarmParams): boolean;

/**
 * Starts the worker; while it runs, a further call only returns the controller.
 *
 * @param pool a pg.Pool, or anything with such a `query`
 * @param intervalMs the fallback poll, ms, at least 10. Default: `MEDIA_PREWARM_INTERVAL_MS`, else 2000
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the variable or option, `ERR_WARMPATH_INVALID_ARGUMENT`,
 *   `ERR_WARMPATH_NATIVE_LOAD`, `ERR_WARMPATH_CLOSED`
 */
export function startPrewarmWorker(pool: PgPool, intervalMs?: number): PrewarmController;

/** A job that waits. */
export interface PrewarmQueueItem {
  /** `bot_slug:sha256:kind`. */
  jobId: string;
  /** The bot's slug. */
  bot_slug: string;
  /** Of the bytes: 64 lower-case hexadecimal digits. */
  sha256: string;
  /** The kind of media. */
  kind: MediaKind;
  /** Key of the object in the bucket. */
  r2_key: string;
  /** ms since 1970. */
  enqueued_at: number;
}

/** The worker's controls; the same before, during and after a run. */
export interface PrewarmController {
  /**
   * Lets running jobs finish for `timeoutMs`, hands the rest back, records the results. Rejects with
   * `ERR_WARMPATH_INVALID_ARGUMENT`.
   */
  stop(options?: CloseOptions): Promise<void>;
  /** Jobs that wait. */
  getQueueSize(): number;
  /** Jobs that are begun and not recorded yet. */
  getProcessingCount(): number;
  /** Jobs that hold a slot. */
  getActiveWorkers(): number;
  /** Slots. */
  getMaxConcurrency(): number;
  /** The jobs that wait, oldest first. */
  getQueueItems(): PrewarmQueueItem[];
  /** Between a start and a stop. */
  isRunning(): boolean;
}

export function getWorkerController(): PrewarmController;

export interface PrewarmQueueMetrics {
  /** Jobs that wait. */
  queue_size: number;
  /** Jobs that are begun and not recorded yet. */
  processing_count: number;
  /** Jobs that hold a slot. */
  active_workers: number;
  /** Slots. */
  max_concurrency: number;
  /** Most jobs that may wait. */
  max_queue_size: number;
  /** active_workers / max_concurrency, two decimals. */
  utilization: number;
  /** The same in per cent, whole. */
  utilization_pct: number;
}

/**
 * The admin router of this module's worker: the hand-written `GET /metrics` and `POST /control`, and the dashboard. Start the worker once
 * before its `start` action can be used.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION`
 */
export function router(options: AdminRouterOptions): AdminRouter;

/** Never throws: wrong environment variables count as their defaults here. */
export function getQueueMetrics(): PrewarmQueueMetrics;
