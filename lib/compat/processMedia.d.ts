/**
 * Drop-in for an app's own `processMedia` job and its queue: one queue per process, the names, options and log lines of the
 * module it replaces, on top of `ProcessMedia`.
 *
 * From the environment, where configure() leaves it open; an empty value means the default:
 * - `REDIS_HOST` (localhost), `REDIS_PORT` (6379), `PASSWORD_REDIS` (none)
 * - `MEDIA_INGEST_DIR` where media are stored, when neither `dir` nor `s3` is configured
 * - `MEDIA_INGEST_CONCURRENCY` media at once, 1 to 4096, default 5
 *
 * Log lines begin with `[MessagesListener]` and `[ProcessMedia]`.
 *
 * @packageDocumentation
 */
import type { CloseOptions, IngestNotice, IngestStored, IngestValue, IngestWorkerJob, Observe } from '../../index.js';
import type { BullJob, MediaAdded, ProcessMediaOptions, ProcessMediaStats } from '../adapters/bullmq.js';

/** The app's own services. */
export interface ProcessMediaServices {
  /**
   * Writes down what was stored, before its job is done: when it rejects it is called again, and nothing is downloaded again.
   * It may see a media twice, after a crash. Default: none.
   */
  saveMedia?: ((stored: IngestStored) => unknown) | undefined;
  /** Such as `Sentry.captureException`. Default: none. */
  captureException?:
    | ((err: Error, context: { tags: Record<string, string>; extra: Record<string, unknown> }) => unknown)
    | undefined;
  /** Such as `(notice) => io.to(notice.session).emit(notice.type, notice)`. Default: none. */
  notify?: ((notice: IngestNotice) => unknown) | undefined;
  /** Metrics `media_ingest_*`. Default: none. */
  observe?: Observe | undefined;
}

type Settings<T> = T extends unknown ? Omit<T, 'record' | 'notify' | 'observe' | 'logger' | 'captureException'> : never;

/** Everything of ProcessMedia that the services and the environment do not settle. */
export type ProcessMediaConfig = Settings<ProcessMediaOptions> & {
  /** The app's own services. Default: none. */
  services?: ProcessMediaServices | undefined;
  /** Gets one line of text each. Default `console`. */
  logger?: { info(text: string): unknown; warn(text: string): unknown; error(text: string): unknown } | undefined;
  /** The job of a message; null: it has no media. Default: messages of Baileys and of whatsapp-web.js, and jobs. */
  toJob?:
    | ((
        // biome-ignore lint/suspicious/noExplicitAny: the messages of the app.
        msg: any,
        about: { session: string | undefined; meta: Readonly<Record<string, unknown>> },
      ) => IngestWorkerJob | null | undefined)
    | undefined;
  /** The name of a session. Default: itself, or its `session`, `sessionId`, `name` or `id`. */
  // biome-ignore lint/suspicious/noExplicitAny: the sessions of the app.
  sessionName?: ((session: any) => string | undefined) | undefined;
  /** What of a contact goes along, as `meta.contact`: plain JSON. Default: `id`, `name`, `number`. */
  // biome-ignore lint/suspicious/noExplicitAny: the contacts of the app.
  contact?: ((contact: any) => unknown) | undefined;
};

/**
 * Takes effect when the queue is used next; each call replaces the settings of the one before.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_CLOSED` while the queue is in use
 */
export function configure(options?: ProcessMediaConfig): void;

/** Name of the queue and of its jobs. */
export const key: 'ProcessMedia';

/** BullMQ's options of the jobs. */
export const options: {
  attempts: 3;
  /** 2 s, then 4 s. */
  backoff: { type: 'exponential'; delay: 2000; jitter: number };
  removeOnComplete: 100;
  removeOnFail: 50;
};

/**
 * A BullMQ processor, for a queue of the app's own, whose jobs hold `{ msg, session, msgContact }` or a job of ProcessMedia. Null
 * for a message without media.
 */
export function handle(job: BullJob, token?: string, signal?: AbortSignal): Promise<IngestValue | null>;

export const Queue: {
  /**
   * Starts to work in this process.
   *
   * @throws `ERR_WARMPATH_INVALID_OPTION` naming the option or the variable, `ERR_WARMPATH_NATIVE_LOAD`,
   *   `ERR_WARMPATH_PEER_MISSING`
   */
  process(): void;
  /** Null for a message without media. Rejects as `ProcessMedia.add`, and with `ERR_WARMPATH_INVALID_ARGUMENT` for another name. */
  add(
    name: 'ProcessMedia',
    data: IngestWorkerJob | { msg: unknown; session?: unknown; msgContact?: unknown },
  ): Promise<MediaAdded | null>;
};

/**
 * For a listener: puts the media of a message into the queue. Answers within 250 ms whatever Redis does, and never rejects. Null:
 * the message has no media, or could not be accepted, and the log and `captureException` say why.
 */
export function processMediaAsync(msg: unknown, session?: unknown, msgContact?: unknown): Promise<MediaAdded | null>;

export function getQueueStats(): Promise<ProcessMediaStats>;

/** Ends the queue of this process, as `ProcessMedia.close`; afterwards it can be configured and used anew. */
export function stop(options?: CloseOptions): Promise<void>;
