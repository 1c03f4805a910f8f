/// <reference types="node" />

/**
 * Rust hot paths for messaging-media backends: R2 to Telegram prewarm, SigV4 signing and a bounded queue, off the event
 * loop.
 *
 * All sizes are bytes, all times milliseconds unless a name says otherwise. Options and jobs are plain objects, read as
 * own properties only: a wrong type, NaN, a value out of range or an unknown key throws a {@link WarmpathError} that names
 * it; `undefined` counts as absent. Every constructor that needs the native addon loads it at first use and throws
 * `ERR_WARMPATH_NATIVE_LOAD` when that fails; `require('warmpath')` itself never throws.
 *
 * @packageDocumentation
 */

import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

type Awaitable<T> = T | PromiseLike<T>;

// ---------------------------------------------------------------------------------------------------------------------
// Errors

/** Stable, machine-readable name of a failure. The table in docs/errors.md says what each means. */
export type WarmpathErrorCode =
  // transient
  | 'ERR_WARMPATH_DOWNLOAD_FAILED'
  | 'ERR_WARMPATH_DOWNLOAD_TIMEOUT'
  | 'ERR_WARMPATH_SOURCE_CHANGED'
  | 'ERR_WARMPATH_SEND_FAILED'
  | 'ERR_WARMPATH_TELEGRAM_SERVER'
  | 'ERR_WARMPATH_LLM_UNAVAILABLE'
  | 'ERR_WARMPATH_LLM_TIMEOUT'
  | 'ERR_WARMPATH_LLM_PROTOCOL'
  | 'ERR_WARMPATH_LLM_TEXT'
  | 'ERR_WARMPATH_WEBHOOK_UNAVAILABLE'
  | 'ERR_WARMPATH_S3_UNAVAILABLE'
  | 'ERR_WARMPATH_DATABASE'
  | 'ERR_WARMPATH_DISK_FULL'
  | 'ERR_WARMPATH_DISK_FAILED'
  // throttled
  | 'ERR_WARMPATH_TELEGRAM_THROTTLED'
  | 'ERR_WARMPATH_LLM_THROTTLED'
  | 'ERR_WARMPATH_LLM_CIRCUIT_OPEN'
  | 'ERR_WARMPATH_WEBHOOK_THROTTLED'
  | 'ERR_WARMPATH_S3_THROTTLED'
  | 'ERR_WARMPATH_SOURCE_THROTTLED'
  // permanent
  | 'ERR_WARMPATH_SOURCE_NOT_FOUND'
  | 'ERR_WARMPATH_URL_REFUSED'
  | 'ERR_WARMPATH_SOURCE_REJECTED'
  | 'ERR_WARMPATH_SOURCE_UNRESOLVED'
  | 'ERR_WARMPATH_MEDIA_GONE'
  | 'ERR_WARMPATH_DECRYPT_FAILED'
  | 'ERR_WARMPATH_INVALID_BASE64'
  | 'ERR_WARMPATH_TYPE_REFUSED'
  | 'ERR_WARMPATH_SHA256_MISMATCH'
  | 'ERR_WARMPATH_TOO_LARGE'
  | 'ERR_WARMPATH_TELEGRAM_REJECTED'
  | 'ERR_WARMPATH_TELEGRAM_KIND'
  | 'ERR_WARMPATH_TELEGRAM_PROTOCOL'
  | 'ERR_WARMPATH_LLM_REJECTED'
  | 'ERR_WARMPATH_LLM_MODERATION'
  | 'ERR_WARMPATH_LLM_TRUNCATED'
  | 'ERR_WARMPATH_WEBHOOK_REJECTED'
  | 'ERR_WARMPATH_S3_PROTOCOL'
  | 'ERR_WARMPATH_S3_REJECTED'
  | 'ERR_WARMPATH_INVALID_OPTION'
  | 'ERR_WARMPATH_INVALID_ARGUMENT'
  | 'ERR_WARMPATH_INVALID_JOB'
  | 'ERR_WARMPATH_QUEUE_FULL'
  | 'ERR_WARMPATH_CLOSED'
  | 'ERR_WARMPATH_PEER_MISSING'
  | 'ERR_WARMPATH_NATIVE_LOAD'
  // config
  | 'ERR_WARMPATH_S3_SIGNATURE'
  | 'ERR_WARMPATH_S3_ACCESS'
  | 'ERR_WARMPATH_TELEGRAM_UNAUTHORIZED'
  | 'ERR_WARMPATH_TELEGRAM_CHAT'
  | 'ERR_WARMPATH_LLM_UNAUTHORIZED'
  | 'ERR_WARMPATH_LLM_CREDITS'
  | 'ERR_WARMPATH_LLM_MODEL'
  | 'ERR_WARMPATH_WEBHOOK_UNAUTHORIZED'
  | 'ERR_WARMPATH_TLS'
  | 'ERR_WARMPATH_CREDENTIALS_NOT_READY'
  | 'ERR_WARMPATH_BOT_NOT_FOUND'
  | 'ERR_WARMPATH_BOT_TOKEN_NOT_SET'
  | 'ERR_WARMPATH_WARMUP_CHAT_NOT_SET'
  // ambiguous
  | 'ERR_WARMPATH_SEND_AMBIGUOUS'
  | 'ERR_WARMPATH_WEBHOOK_AMBIGUOUS'
  // cancelled
  | 'ERR_WARMPATH_CANCELLED'
  | 'ERR_WARMPATH_ABORTED'
  | 'ERR_WARMPATH_LEASE_LOST'
  // bug
  | 'ERR_WARMPATH_INTERNAL';

/**
 * What has to happen after a failure; a code never changes its class.
 * - `transient`: will probably go away, retry with backoff
 * - `throttled`: the other side named a time, retry then
 * - `permanent`: will never succeed with this input
 * - `config`: a setting is wrong (key, token, chat); a worker's jobs wait where it is one of their bot
 * - `ambiguous`: the request may have taken effect although no answer arrived
 * - `cancelled`: somebody asked for the end, or a lease ran out
 * - `bug`: a defect of warmpath
 */
export type WarmpathErrorClass = 'transient' | 'throttled' | 'permanent' | 'config' | 'ambiguous' | 'cancelled' | 'bug';

/** Where in a job a failure happened. */
export type WarmpathErrorPhase =
  | 'queue'
  | 'download'
  | 'upload'
  | 'answer'
  | 'settle'
  | 'generate'
  | 'split'
  | 'deliver';

/** Whether the remote side can have acted on a request that failed. */
export type WarmpathCertainty = 'not-sent' | 'maybe-sent';

/** What a {@link WarmpathError} may carry beside code and message. */
export interface WarmpathErrorFields {
  /** Default: the class that belongs to the code, where the code is one that the JS layer throws; else `permanent`. */
  class?: WarmpathErrorClass | undefined;
  /** Where in a job it happened. Default: none. */
  phase?: WarmpathErrorPhase | null | undefined;
  /** The wait that the other side asked for, ms. Default: it asked for none. */
  retryAfterMs?: number | null | undefined;
  /** Whether the remote side can have acted. Default: not said. */
  certainty?: WarmpathCertainty | null | undefined;
  /** Path of the option, argument or job field that is wrong, such as `s3.bucket`. Default: none. */
  option?: string | null | undefined;
  /** The error's `cause`. Default: none. */
  cause?: unknown;
  /** Of an ingest: see {@link IngestFailure}. Default: none. */
  needs?: IngestNeeds | undefined;
  /** Of an ingest: see {@link IngestFailure}. Default: none. */
  hookFailed?: true | undefined;
}

/** What `JSON.stringify` makes of a {@link WarmpathError}: `cause` and the stack are left out. */
export interface WarmpathErrorJSON {
  /** `WarmpathError` or `AbortError`. */
  name: string;
  /** As of the error. */
  code: WarmpathErrorCode;
  /** As of the error. */
  class: WarmpathErrorClass;
  /** As of the error. */
  message: string;
  /** Absent: none. */
  phase?: WarmpathErrorPhase | undefined;
  /** The wait that the other side asked for, ms; absent: it asked for none. */
  retryAfterMs?: number | undefined;
  /** Absent: not said. Default: none. */
  certainty?: WarmpathCertainty | undefined;
  /** Absent: none is wrong. */
  option?: string | undefined;
}

/**
 * The one error class of the package. Messages hold no secrets and no URLs. `instanceof` holds across several copies of
 * the package. `name` is `WarmpathError`, or `AbortError` with the code `ERR_WARMPATH_ABORTED`, whose `cause` is the
 * signal's reason.
 */
export class WarmpathError extends Error {
  /**
   * @param code what happened
   * @param message safe text
   * @param fields `cause` becomes the error's `cause`, the others fields of the same name
   */
  constructor(code: WarmpathErrorCode, message: string, fields?: WarmpathErrorFields);
  /** What happened: a stable name, listed in docs/errors.md. */
  readonly code: WarmpathErrorCode;
  /** What has to happen now. */
  readonly class: WarmpathErrorClass;
  /** Where in a job it happened; absent where there is no job. */
  readonly phase?: WarmpathErrorPhase;
  /** The wait that the other side asked for, ms. */
  readonly retryAfterMs?: number;
  /** Whether the remote side can have acted; absent where the question does not arise. */
  readonly certainty?: WarmpathCertainty;
  /** Path of the option, argument or job field that is wrong, such as `s3.bucket`. */
  readonly option?: string;
  /** Of an ingest: see {@link IngestFailure}. */
  readonly needs?: IngestNeeds;
  /** Of an ingest: see {@link IngestFailure}. */
  readonly hookFailed?: true;
  /** Of a prewarm: see {@link PrewarmFailure}. */
  readonly chatId?: string;
  /** For loggers: without `cause` and stack. */
  toJSON(): WarmpathErrorJSON;
}

// ---------------------------------------------------------------------------------------------------------------------
// Queue

export interface QueueOptions {
  /** Most items held at once, 1 to 16,777,216. Default 500. */
  capacity?: number | undefined;
  /**
   * Every thread of the process that opens this name shares one queue; its options must be equal. Items are copied. 1 to 255
   * characters. Default: the queue belongs to this thread, and items keep their identity.
   */
  name?: string | undefined;
  /**
   * What happens when there is no room. `reject`: enqueue answers `full`. `drop-oldest`: the item that was queued longest leaves,
   * whatever its priority. `drop-lowest`: the newest item of the lowest priority leaves; an item that is not above it is
   * itself refused as `full`. Default `reject`.
   */
  full?: 'reject' | 'drop-oldest' | 'drop-lowest' | undefined;
  /**
   * An item counts as one priority higher for each of these milliseconds that it has waited, so that none waits for ever: one of
   * priority p' overtakes one of priority p only if it comes less than (p' - p) × agingMs later. Default 0: priorities are absolute.
   */
  agingMs?: number | undefined;
}

export interface EnqueueOptions {
  /** Items with a key that is still queued are duplicates. At most 4096 characters. Default: no key, never a duplicate. */
  key?: string | undefined;
  /** 32-bit integer, higher first; first in, first out among equals. Default 0. */
  priority?: number | undefined;
}

export interface QueueEntry<T> extends EnqueueOptions {
  /** Anything but null and undefined. */
  item: T;
}

export interface DequeueWaitOptions {
  /** Longest wait in ms; 0 looks once. Default: for ever. */
  timeoutMs?: number | undefined;
  /** Ends the wait: rejects with `ERR_WARMPATH_ABORTED`, named AbortError. Default: none. */
  signal?: AbortSignal | undefined;
}

/** `full`: nothing was queued and nothing dropped. */
export type QueueStatus = 'queued' | 'duplicate' | 'full';

/** Counters since the queue was made (of all its threads), and its state now. */
export interface QueueStats {
  /** Items in the queue now. */
  queued: number;
  /** The fields that every class of this package has; a queue does not run what it holds. */
  waiting: 0;
  running: 0;
  /** The same as `dequeued`: an item that is taken is done with, for the queue. */
  succeeded: number;
  failed: 0;
  /** Always empty: nothing fails in a queue. */
  byClass: Record<string, never>;
  /** Bytes of the items that were put in and that came out, of a queue with a name; else 0. */
  bytesIn: number;
  /** As `bytesIn`, of the items that came out. */
  bytesOut: number;
  /** Always empty: a queue runs nothing. */
  phases: Record<string, never>;
  /** As it was given; null: none. */
  name: string | null;
  /** As it was given, items. */
  capacity: number;
  /** Whether close() was called, in any thread. */
  closed: boolean;
  /** Calls of this thread's handle that wait for an item. */
  waiters: number;
  /** Items that were put in. */
  enqueued: number;
  /** Items that were taken. */
  dequeued: number;
  /** Taken out by remove() and clear(). */
  removed: number;
  /** Refused as duplicates. */
  duplicates: number;
  /** Refused for lack of room. */
  full: number;
  /** Items that left for others: `full: 'drop-…'`. */
  dropped: number;
}

/**
 * A bounded queue with duplicate check and priorities. Order, keys and bound are native. Without a name it belongs to one thread
 * and the items stay in JS, as they are; with a name every thread of the process that opens it shares it, and items are copied.
 *
 * @example
 * const queue = new Queue<{ id: number }>({ capacity: 1000 });
 * queue.enqueue({ id: 1 }, { key: 'job-1', priority: 5 });
 * for await (const job of queue) await work(job); // ends when the queue is closed and drained
 */
export class Queue<T extends NonNullable<unknown> = NonNullable<unknown>> extends EventEmitter {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` (also for a name that is open with other options), `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options?: QueueOptions);
  /**
   * With a name, strings, numbers, plain data, Uint8Array and Buffer are copied fast, and what else structured clone can copy by it.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT` naming the argument, its `cause` what was thrown where the item cannot be read or cloned;
   *   `ERR_WARMPATH_CLOSED` after close()
   */
  enqueue(item: T, options?: EnqueueOptions): QueueStatus;
  /** `enqueue(item, { priority })`. @throws as enqueue() */
  enqueuePriority(item: T, priority?: number): QueueStatus;
  /** One status per entry, in order; all are checked before the first is queued. @throws as enqueue() */
  enqueueMany(entries: readonly QueueEntry<T>[]): QueueStatus[];
  /**
   * The first item, or null when the queue is empty.
   *
   * @throws `ERR_WARMPATH_INTERNAL`, with a `cause`, for an item of a queue with a name that cannot be made again in this thread, as
   *   its nesting is deeper than the stack; that item is lost, and no other
   */
  dequeue(): T | null;
  /**
   * Up to `max` items in order; up to one that cannot be made again, for which the next call throws.
   *
   * @param max 1 to 2,147,483,647
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`; `ERR_WARMPATH_INTERNAL` as dequeue()
   */
  dequeueMany(max: number): T[];
  /**
   * The first item as soon as there is one; null when the time is over, or the queue is closed and drained. Sleeps until then, and
   * keeps its thread alive if the queue has a name. First come, first served. Rejects with `ERR_WARMPATH_ABORTED`,
   * `ERR_WARMPATH_INVALID_ARGUMENT`, or `ERR_WARMPATH_INTERNAL` as dequeue() throws it.
   */
  dequeueWait(options?: DequeueWaitOptions): Promise<T | null>;
  /**
   * Up to `max` items in order, as soon as there is one; none when the time is over, or the queue is closed and drained. Else as
   * dequeueWait(). Many small items cost a consumer a fraction this way.
   *
   * @param max 1 to 2,147,483,647
   */
  dequeueManyWait(max: number, options?: DequeueWaitOptions): Promise<T[]>;
  /** The item that dequeue() would give, left in place; null when the queue is empty. @throws as dequeue(); nothing is lost */
  peek(): T | null;
  /** The items in order, as a snapshot. @throws as peek() */
  toArray(): T[];
  /** Whether nothing is queued now. */
  isEmpty(): boolean;
  /** Items in the queue now. */
  get length(): number;
  /** Whether an item with this key is queued. @throws `ERR_WARMPATH_INVALID_ARGUMENT` if the key is no string */
  has(key: string): boolean;
  /**
   * Takes the item with this key out and returns it; null when there is none.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT` if the key is no string; `ERR_WARMPATH_INTERNAL` as dequeue()
   */
  remove(key: string): T | null;
  /** Drops everything that is queued; returns how many items that were. */
  clear(): number;
  /** Refuses producers from now on, in every thread; consumers drain what is left, then their loops and waits end. */
  close(): void;
  /** Counters and state, as of now. */
  stats(): QueueStats;
  /**
   * Waits for items without polling; ends when the queue is closed and drained. Several loops share the items. A loop that is left
   * takes nothing any more. It throws as dequeue() does, and can be taken up again.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
  /** `dropped`: an item of this queue left for one that this thread enqueued (`full: 'drop-…'`). */
  on(event: 'dropped', listener: (item: T) => void): this;
  once(event: 'dropped', listener: (item: T) => void): this;
  off(event: 'dropped', listener: (item: T) => void): this;
}

// ---------------------------------------------------------------------------------------------------------------------
// SigV4Signer

/** Who signs. */
export interface SigV4Credentials {
  /** Printable ASCII without spaces, `/`, `,` and `=`, at most 128 characters. */
  accessKeyId: string;
  /** Printable ASCII without spaces, at most 8192 characters. */
  secretAccessKey: string;
  /** Token of temporary credentials. Default: none. */
  sessionToken?: string | undefined;
}

/** Credentials that may end: a Date, ms since 1970 or ISO text. Without one they never do. */
export interface SigV4ExpiringCredentials extends SigV4Credentials {
  /** When they end. Default: never. */
  expiration?: Date | number | string | null | undefined;
}

/**
 * Asked at first use, and again by use in the last five minutes before the expiration (the last quarter of a shorter
 * life), in the background and once at a time. After a failure it is left in peace for 1 s, doubled up to 60 s. Fields
 * beside the four are ignored, so that the providers of the AWS SDK fit.
 */
export type SigV4CredentialProvider = () => Awaitable<SigV4ExpiringCredentials>;

interface SigV4Dialect {
  /** Default `auto`, the region of R2. @see https://developers.cloudflare.com/r2/api/s3/api/ */
  region?: string | undefined;
  /** Default `s3`. */
  service?: string | undefined;
  /** Escape the path once more, as every service but S3 wants. Default: `service !== 's3'`. */
  uriEscapePath?: boolean | undefined;
  /** Resolve `.`, `..` and `//` in the path, as every service but S3 wants. Default: `service !== 's3'`. */
  normalizePath?: boolean | undefined;
  /** Send and sign `x-amz-content-sha256`, as S3 wants. Default: `service === 's3'`. */
  applyChecksum?: boolean | undefined;
  /** ms added to the clock where a request has no `date`; see {@link SigV4Signer.clockOffsetMs}. Default 0. */
  clockOffsetMs?: number | undefined;
}

/** Where keys are, so that a request may say `{ key }` in the place of a URL. */
interface SigV4Location {
  /** R2's endpoint of this account. Default: none; then `endpoint`, or requests with a URL. */
  accountId?: string | undefined;
  /** Of the account's bucket. Default: none. */
  jurisdiction?: 'eu' | 'fedramp' | undefined;
  /** Any other endpoint: an http(s) URL without query, in the place of `accountId`. */
  endpoint?: string | undefined;
  /** For requests that name none. */
  bucket?: string | undefined;
  /** `https://BUCKET.host/key` in the place of `https://host/BUCKET/key`. Default false. */
  virtualHost?: boolean | undefined;
}

/** Either the credentials one by one, or `credentials`: all of them, or what provides them. */
export type SigV4SignerOptions = SigV4Dialect &
  SigV4Location &
  (
    | (SigV4Credentials & { credentials?: undefined })
    | {
        /** All of them in one object, or a function that is asked for them. */
        credentials: SigV4ExpiringCredentials | SigV4CredentialProvider;
        accessKeyId?: undefined;
        secretAccessKey?: undefined;
        sessionToken?: undefined;
      }
  );

/** An address that is taken verbatim, as it goes over the wire; a URL parser would resolve dots and escape. */
export interface SigV4UrlParts {
  scheme: 'http' | 'https';
  /** With the port where it is not the default one. */
  host: string;
  /** From the first slash, escaped as it is sent. */
  path: string;
  /** Without the question mark. Default: none. */
  query?: string | undefined;
}

/** Values by name, in any case. A repeated header is an array; `undefined` is left out. */
export type SigV4Headers = Readonly<Record<string, string | number | readonly (string | number)[] | undefined>>;

/** What is signed: an address, taken verbatim, or a key of the signer's endpoint. */
export type SigV4Address =
  | { url: string | SigV4UrlParts; key?: undefined; bucket?: undefined; query?: undefined }
  | {
      url?: undefined;
      /** The object's key as it is, unescaped; at most 1024 bytes of UTF-8. Default: the bucket itself is meant. */
      key?: string | undefined;
      /** Default: the signer's. */
      bucket?: string | undefined;
      /** Parameters, unescaped. Default: none. */
      query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
    };

interface SigV4RequestFields {
  /**
   * Values are printable ASCII. All are signed, but those that proxies and clients rewrite (`authorization`, `user-agent`,
   * `accept-encoding`, `connection`, `x-forwarded-*`, `cf-*` … : the list is in docs/sigv4.md). A `host` here wins over
   * the URL's, an `x-amz-content-sha256` is the payload hash, an `x-amz-date` is replaced. Default: none.
   */
  headers?: SigV4Headers | undefined;
  /** What is sent; text is sent as UTF-8. For a stream give `payloadHash`. Default: an empty body. */
  body?: string | Uint8Array | null | undefined;
  /**
   * sha256 of the body in lower-case hex, or a marker such as `UNSIGNED-PAYLOAD`; wins over `body` and over a header
   * `x-amz-content-sha256`. Default: that header, else the hash of `body`.
   */
  payloadHash?: string | undefined;
  /**
   * When it is signed: a Date, ms since 1970, or ISO text with a zone (also as `20261122T023000Z`). Default: now, plus
   * `clockOffsetMs`.
   */
  date?: Date | number | string | undefined;
}

export type SigV4Request = SigV4Address &
  SigV4RequestFields & {
    /** An HTTP method, in any case. */
    method: string;
  };

interface SigV4PresignFields extends SigV4RequestFields {
  /** Default `GET`. */
  method?: string | undefined;
  /** How long the URL is valid, in seconds: 1 to 604,800. Default 900. */
  expiresIn?: number | undefined;
  /**
   * Move `x-amz-*` headers into the query, so that whoever uses the URL need not send them (but for
   * `x-amz-server-side-encryption*`, which must be headers). Default false: they are signed as headers.
   */
  hoist?: boolean | undefined;
}

/** Every header given is signed and must be sent exactly so with the URL. */
export type SigV4PresignRequest = SigV4Address & SigV4PresignFields;

/** sign() explained, or with `presign: true` presign(). */
export type SigV4ExplainRequest =
  | (SigV4Request & { presign?: false | undefined })
  | (SigV4PresignRequest & { presign: true });

export interface SigV4Signed {
  /** All headers to send: lower-case names, `host` and `authorization` included. */
  headers: Record<string, string>;
  /** Value of the header `authorization`. */
  authorization: string;
  /** Value of the header `x-amz-date`: `yyyymmddThhmmssZ`. */
  amzDate: string;
  /** The payload hash that was signed. */
  payloadHash: string;
  /** The URL to send it to, where the request named a key or a bucket and no URL. */
  url?: string;
}

/** Bytes, the path (or file: URL) of a file, or a stream, which is read to its end. */
export type SigV4PayloadSource =
  | Uint8Array
  | string
  | URL
  | AsyncIterable<Uint8Array | string>
  | ReadableStream<Uint8Array>;

/** The stages of a signature, to be compared line by line with what a server says it computed. */
export interface SigV4Explanation {
  /** What is hashed, line by line. */
  canonicalRequest: string;
  /** What the signature is made of. */
  stringToSign: string;
  /** Lower-case hex. */
  signature: string;
}

/**
 * Signs requests with AWS Signature Version 4, synchronously. The credential lives in native memory only: nothing of it
 * can be read from this object, from `util.inspect` or from JSON.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @see https://developers.cloudflare.com/r2/api/s3/api/
 */
export class SigV4Signer {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: SigV4SignerOptions);
  /**
   * ms added to the clock where a request has no `date`: what the server's clock is ahead of this machine's. On
   * `RequestTimeTooSkewed` set it to `Date.parse(response.headers.get('date')) - Date.now()` and sign again.
   */
  clockOffsetMs: number;
  /**
   * Signs by headers.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT` naming the field; `ERR_WARMPATH_CREDENTIALS_NOT_READY`
   */
  sign(request: SigV4Request): SigV4Signed;
  /**
   * A URL that carries its own signature. For S3 the payload is `UNSIGNED-PAYLOAD` unless `body` or `payloadHash` is given.
   *
   * @throws as sign()
   * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
   * @see https://developers.cloudflare.com/r2/api/s3/presigned-urls/
   */
  presign(request: SigV4PresignRequest): string;
  /**
   * One URL per request, in one native call; `shared` (its `bucket` too) holds for all requests that do not say otherwise. All are checked
   * before the first is signed.
   *
   * @example
   * signer.presignMany(keys.map((key) => ({ key })), { expiresIn: 3600 });
   * signer.presignMany(['https://…/a', 'https://…/b']);
   * @throws as sign(), naming `requests[i].field`
   */
  presignMany(
    requests: readonly (SigV4PresignRequest | string)[],
    shared?: SigV4PresignFields & { bucket?: string | undefined },
  ): string[];
  /** The stages of sign(), or with `presign: true` of presign(). @throws as sign() */
  explain(request: SigV4ExplainRequest): SigV4Explanation;
  /**
   * Resolves when there are valid credentials. Calls that wait share one call of the provider.
   *
   * @throws `ERR_WARMPATH_CREDENTIALS_NOT_READY`, its `cause` what the provider threw
   */
  ready(): Promise<void>;
  /**
   * Takes another credential in place of the present one: the next signature is made with it, and the key cache is empty.
   *
   * @throws `ERR_WARMPATH_INVALID_OPTION`; the present credential stays then
   */
  setCredentials(credentials: SigV4ExpiringCredentials): void;
  /**
   * sha256 of a payload in lower-case hex, to be given as `payloadHash`. Computed on native threads.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`; `ERR_WARMPATH_SOURCE_NOT_FOUND` and `ERR_WARMPATH_DOWNLOAD_FAILED` for files; what
   *   the stream throws
   */
  hashPayload(source: SigV4PayloadSource): Promise<string>;
  /** hashPayload() without a signer. */
  static hashPayload(source: SigV4PayloadSource): Promise<string>;
}

// ---------------------------------------------------------------------------------------------------------------------
// Options that executor and worker share

interface S3Common {
  /** Letters, digits, `.`, `_` and `-`. */
  bucket: string;
  /** @see https://developers.cloudflare.com/r2/api/tokens/ */
  accessKeyId: string;
  /** The secret of that key; never in a message, a log or what `inspect` shows. */
  secretAccessKey: string;
  /** Token of temporary credentials. Default: none. */
  sessionToken?: string | undefined;
  /** Default `auto`, the region of R2. */
  region?: string | undefined;
  /** `https://BUCKET.host/key` instead of `https://host/BUCKET/key`. Default false. */
  virtualHost?: boolean | undefined;
}

/** One bucket: at R2 by `accountId`, at any S3-compatible store by `endpoint`. */
export type S3Options = S3Common &
  (
    | {
        /** Absolute http(s) URL without the bucket, such as `https://ACCOUNT.r2.cloudflarestorage.com`. */
        endpoint: string;
        accountId?: undefined;
        jurisdiction?: undefined;
      }
    | {
        endpoint?: undefined;
        /** Cloudflare account id; the endpoint is made from it. */
        accountId: string;
        /** For buckets in a jurisdiction. @see https://developers.cloudflare.com/r2/reference/data-location/ */
        jurisdiction?: 'eu' | 'fedramp' | undefined;
      }
  );

export interface TelegramOptions {
  /**
   * Root of the Bot API server. Default `https://api.telegram.org`.
   *
   * @see https://core.telegram.org/bots/api#using-a-local-bot-api-server
   */
  apiRoot?: string | undefined;
  /**
   * Largest upload the server takes: 1 to 4,294,967,296 bytes. Default: the cloud's limit, 50 MiB; 2000 MB with `local`. A photo is one
   * up to 10 MiB wherever it is sent.
   *
   * @see https://core.telegram.org/bots/api#sending-files
   */
  maxUploadBytes?: number | undefined;
  /**
   * `apiRoot` is a Bot API server of your own, run with `--local`, that sees the same files as this process: a `path` source
   * is handed to it by its path, and streamed where it cannot read that. Default false.
   *
   * @see https://core.telegram.org/bots/api#using-a-local-bot-api-server
   */
  local?: boolean | undefined;
}

/** The byte cache: one download for all bots that want the same bytes, at once or within `ttlMs`. */
export interface CacheOptions {
  /**
   * All files together, those being read included, bytes. Up to 1 MiB a file is kept in memory (64 MiB in all), the rest in
   * at most 512 files without a name. A download that does not fit is not kept.
   */
  maxBytes: number;
  /** How long a file is kept after its last byte came, ms. Default 300,000. */
  ttlMs?: number | undefined;
  /** Directory of the files. Default: the system's temporary directory. */
  dir?: string | undefined;
}

/** What the engine itself tries again, besides what a store retries. */
export interface RetryOptions {
  /** Retries after the first try, 0 to 10. Default 1. */
  quick?: number | undefined;
  /** The first wait is anywhere between 0 and this, and doubles with each retry. Not above `maxMs`. Default 500. */
  baseMs?: number | undefined;
  /** No wait is longer. Default 5000. */
  maxMs?: number | undefined;
}

/** Deadlines by phase, 1 ms to 2,147,483,647 ms each. */
export interface TimeoutOptions {
  /** TCP and TLS together, for one connection. Default 5000. */
  connectMs?: number | undefined;
  /** From the request for the source to its first byte. Default 15,000. */
  firstByteMs?: number | undefined;
  /** Without a single byte moving, in either direction. Default 20,000. */
  idleMs?: number | undefined;
  /** From the last byte of the upload to the whole answer. Default 120,000. */
  answerMs?: number | undefined;
  /** The slowest transfer that is worth its slot: a job is bounded at 30 s + bytes / this. 0 = no bound. Default 65,536. */
  minBytesPerSecond?: number | undefined;
}

export interface HttpOptions {
  /** PEM text of certificates trusted beside the system's. Default: only those of the system. */
  ca?: string | undefined;
  /**
   * URL of an HTTP proxy that every connection tunnels through; may hold `user:password@`. Default: none; variables of the
   * environment are not read.
   */
  proxy?: string | undefined;
}

/** At most `limit` sends in any `periodMs`, and `burst` of them at once after a pause. */
export interface RateLimit {
  /** 1 to 100,000. */
  limit: number;
  /** ms, 1 to 86,400,000. */
  periodMs: number;
  /** 1 to `limit`. */
  burst: number;
}

/** The spacing of uploads of exactly the same size by one token. */
export interface SameSizeLimit {
  /** Only uploads larger than this, bytes. Default 100,000. */
  aboveBytes: number;
  /** Spacing by size, ms for each 1,000,000 bytes … Default 100. */
  msPerMegabyte: number;
  /** … but no less than this, ms … Default 200. */
  minMs: number;
  /** … and no more than this, ms. Default 900. */
  maxMs: number;
  /** How much of the spacing may be used in advance, ms. Default 1000. */
  bucketMs: number;
}

/**
 * How fast bots send; a field that is false does not limit. A 429 halves the rate of its chat (and of the token, where that
 * is meant), which grows back by as much in `recoverMs`.
 *
 * @see https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 */
export interface Limits {
  /** Everything one token sends. Default 25 a second, burst 5. */
  token: RateLimit | false;
  /** Everything one token sends to one chat. Default 1 a second. */
  chat: RateLimit | false;
  /** To a group or supergroup, on top of `chat`. Default 20 a minute, burst 3. */
  group: RateLimit | false;
  /** To a channel, on top of `chat`. Telegram publishes no number. Default as `group`. */
  channel: RateLimit | false;
  /** Of uploads of equal size, which the Bot API server spaces out; false: not kept. */
  sameSize: SameSizeLimit | false;
  /** Uploads of one token at a time, 1 to 100,000. Default 20. */
  uploadsPerToken: number | false;
  /** Bytes of all running jobs together, as far as jobs say their `size`; a larger one runs alone. At most 4 GiB. Default 2 GiB. */
  bytesInFlight: number | false;
  /** ms, 1 to 86,400,000. Default 600,000. */
  recoverMs: number;
}

/** What is to change of a table; the rest stays. */
export type LimitsChange = {
  [Name in keyof Limits]?: Limits[Name] extends infer Value
    ? Value extends object
      ? Partial<Value> | undefined
      : Value | undefined
    : never;
};

/** What a job can wait for. */
export type WaitReason =
  | 'paused'
  | 'retry-after'
  | 'backoff'
  | 'chat-rate'
  | 'token-rate'
  | 'same-size'
  | 'in-flight'
  | 'bytes'
  | 'slot'
  | 'lease';

/** What a job waits for. */
export interface Explanation {
  state: 'queued' | 'waiting' | 'running';
  /** Everything it waits for, the longest first; empty while it runs, or is about to. */
  waits: {
    /** Which rule it is. */
    reason: WaitReason;
    /** ms from now, late rather than early; null = until something else happens. */
    waitMs: number | null;
    /** The chat, for `chat-rate`, and for `retry-after` where it is not the whole token. */
    chatId?: string;
  }[];
  /** Jobs to the same chats that go before it. */
  ahead: number;
}

/** A bot, or one of its chats, that a 429 has slowed down or still holds. */
export interface ThrottledKey {
  /** The id in front of the bot's token. */
  botId: string;
  /** The app's name for it, where jobs have told. */
  botSlug?: string;
  /** Absent: the token itself. */
  chatId?: string;
  /** The learned part of its rate, 0 to 1. */
  pace: number;
  /** How long nothing is sent, ms; absent when that is over. */
  blockedMs?: number;
}

/** Something a bot did beside the jobs. One of `token` and `botSlug` names the bot. */
export type LiveReport = (
  | { token: string; botSlug?: undefined }
  | {
      /** Of a job that was submitted here before. */
      botSlug: string;
      token?: undefined;
    }
) & {
  /** Default: none, for a 429 that belongs to no chat. */
  chatId?: ChatId | undefined;
  /** The `type` of the chat, where it is known. */
  chatType?: 'private' | 'group' | 'supergroup' | 'channel' | undefined;
  /** It was refused with a 429 that names this wait, ms. Default: it was sent. */
  retryAfterMs?: number | undefined;
};

/** A batch to plan, of one bot. */
export interface PlanBatch {
  /** How many jobs. */
  count: number;
  /** Warm-up chats. Default 1. */
  chats?: number | undefined;
  /** What they are. Default `private`. */
  kind?: 'private' | 'group' | 'channel' | undefined;
  /** Size of each media, where all have the same, bytes. Default: not known; then uploads are not reckoned. */
  size?: number | undefined;
}

export interface PlanOptions {
  /** How long one upload takes, ms. Default 0: only the limits count. */
  uploadMs?: number | undefined;
  /** A wanted rate, jobs a minute. Default: none. */
  perMinute?: number | undefined;
}

export interface Plan {
  /** From the start to the end of the last job, ms, by an executor that has nothing else to do. */
  doneInMs: number;
  /** Jobs a minute in the long run; null = nothing bounds it. */
  perMinute: number | null;
  /** What decides; null = nothing does. */
  bottleneck: 'chat-rate' | 'token-rate' | 'same-size' | 'in-flight' | 'slot' | null;
  /** Chats that each bot needs for the wanted rate; null = not asked, or no number of chats is enough. */
  chatsNeeded: number | null;
}

/** Bounds of a number of slots that is measured, from how long tries take and how they fail: docs/pacing.md. */
export interface ConcurrencyBounds {
  /** 1 to `max`; it begins here. Default 1. */
  min?: number | undefined;
  /** At most 4096. */
  max: number;
}

/** How a measured number of slots was found. */
export interface MeasuredConcurrency {
  /** The fewest slots, as given. */
  min: number;
  /** The most slots, as given. */
  max: number;
  /** How many times the best time tries have taken of late; 1 = the best. */
  slowdown: number;
  /** Decisions that made it larger. */
  raised: number;
  /** Decisions that made it smaller. */
  lowered: number;
}

/** What {@link PrewarmExecutor} and {@link PrewarmWorker} have in common. */
export interface PrewarmCommonOptions {
  /** The bucket that the media are in. */
  s3: S3Options;
  /** The Bot API server, and how it is used. Default: `https://api.telegram.org`. */
  telegram?: TelegramOptions | undefined;
  /** Jobs that run at once, 1 to 4096, or the bounds of a number that is measured. Default 5. */
  concurrency?: number | ConcurrencyBounds | undefined;
  /** Jobs that wait; running jobs and those between two tries are outside it. 1 to 1,000,000. Default 500. */
  capacity?: number | undefined;
  /**
   * How bytes reach Telegram. `auto`: the cheapest way that is right (see `docs/routes.md`); with `verifySha256` an object is
   * handed over by URL only after one stream of it was verified. `stream`: all bytes go through this process. `url`: none do,
   * what Telegram cannot fetch by itself fails; needs `verifySha256: false`. Default `auto`.
   */
  route?: 'auto' | 'stream' | 'url' | undefined;
  /**
   * How fast each bot sends: false = as fast as it can (a 429 is obeyed all the same), or what is to differ from the
   * default table. See {@link Limits} and docs/pacing.md. Default: the table.
   */
  limits?: false | LimitsChange | undefined;
  /** Keeps downloaded bytes for other bots. Default false. */
  cache?: false | CacheOptions | undefined;
  /**
   * A file too large for its kind (a photo above 10 MiB): `document` sends it as one, and its file_id is one for ever.
   * Default `fail`.
   */
  onTooLarge?: 'fail' | 'document' | undefined;
  /** A file that Telegram refuses as its kind (dimensions, format): as `onTooLarge`. Default `fail`. */
  onRejected?: 'fail' | 'document' | undefined;
  /** A file that Telegram made another kind of: `accept` succeeds with a value that names it. Default `fail`. */
  onOtherKind?: 'fail' | 'accept' | undefined;
  /**
   * A photo above the limits of photos (10 MiB, width and height 10,000 together, ratio 20), which is not sent: `document`
   * sends it as one; `shrink` sends a smaller JPEG of it (one at a time, up to 50 MiB and 50 megapixels), and where there can
   * be none, `onTooLarge` (bytes) and `onRejected` (pixels) decide; only in an addon built with the cargo feature `shrink`, else
   * `ERR_WARMPATH_INVALID_OPTION`. Default: as those two say. Needs `probe`.
   *
   * @see https://core.telegram.org/bots/api#sendphoto
   */
  onLargePhoto?: 'fail' | 'document' | 'shrink' | undefined;
  /**
   * Look into a file before it is sent, in the bytes that are read ahead anyway: width, height, duration, title and performer are
   * told to Telegram, name and content type say what it is. A film or sound with its index at the end costs a second, small read.
   * See docs/media.md. Default true.
   */
  probe?: boolean | undefined;
  /**
   * Send a film whose index (`moov`) stands at its end with the index in front, so that it plays while it loads. Pictures and
   * sound are the same, the file is another. Needs `probe`. Default true.
   */
  faststart?: boolean | undefined;
  /** Deadlines. Default: those that are named there, field by field. */
  timeouts?: TimeoutOptions | undefined;
  /** Certificates and a proxy. Default: those of the system, and none. */
  http?: HttpOptions | undefined;
  /**
   * Compare the sha256 of what was read with the job's before the upload is completed, so that wrong bytes never get a
   * file_id. Default true.
   */
  verifySha256?: boolean | undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// Prewarm: jobs and outcomes

/**
 * Each kind is sent by its own Bot API method, because the kind of a file_id can never change.
 *
 * @see https://core.telegram.org/bots/api#sending-files
 */
export type MediaKind = 'photo' | 'video' | 'audio' | 'voice' | 'animation' | 'document' | 'sticker' | 'video_note';

/**
 * A chat as it is given to the Bot API: an id (a safe integer, or text of digits), or `@name`.
 *
 * @see https://core.telegram.org/bots/api#sendmessage
 */
export type ChatId = number | string;

/** Where the bytes come from: one of the two. */
export type PrewarmSource =
  | {
      /** Key of the object in the bucket, at most 1024 bytes of UTF-8. */
      r2Key: string;
      path?: undefined;
    }
  | {
      r2Key?: undefined;
      /** Path of a local file, at most 4096 characters. */
      path: string;
    };

/** What a job says about its media. */
export interface PrewarmMedia {
  /**
   * Jobs with equal keys are one job. At most 1024 characters (1000 for a worker). Default `kind:sha256:botSlug`, see
   * {@link jobKey}.
   */
  key?: string | undefined;
  /** The bot, by the app's own name for it; at most 255 characters. */
  botSlug: string;
  /** sha256 of the bytes: 64 lower-case hexadecimal digits. */
  sha256: string;
  /** What it is sent as: the kind of a file_id can never change. */
  kind: MediaKind;
  /** Name the file gets in Telegram, at most 1024 characters. Default `<sha256>.<extension>`. */
  fileName?: string | undefined;
  /** A media type such as `image/jpeg`. Default: what the bytes are, else the stored object's, else the usual one of the kind. */
  contentType?: string | undefined;
  /** Expected size, bytes; a source of another size is refused with `ERR_WARMPATH_SHA256_MISMATCH`. Default: any. */
  /**
   * Expected size, bytes; a source of another size is refused with `ERR_WARMPATH_SHA256_MISMATCH`. Smaller files go first, and a
   * job without a size counts as one of 1 MiB.
   */
  size?: number | undefined;
  /**
   * 32-bit integer, higher first; among equals of one bot and its chats smaller files first, large ones within a minute
   * (docs/pacing.md). Bots take turns. Default 0.
   */
  priority?: number | undefined;
  /** Text below the media, at most 4096 characters; kinds that take none (sticker, video_note) are sent without. */
  caption?: string | undefined;
  /** Width as shown, 1 to 65,535 pixels; of a video, an animation or a video note. Default: found in the file. */
  width?: number | undefined;
  /** Height as shown, 1 to 65,535 pixels. Default: found in the file. */
  height?: number | undefined;
  /** How long it plays, whole seconds. Default: found in the file. */
  duration?: number | undefined;
  /** Title of an audio, at most 256 characters. Default: found in the file. */
  title?: string | undefined;
  /** Performer of an audio, at most 256 characters. Default: found in the file. */
  performer?: string | undefined;
}

/** A job of a {@link PrewarmExecutor}. */
export type PrewarmJob = PrewarmMedia &
  PrewarmSource & {
    /** Token of the bot: `123456:ABC`. */
    token: string;
    /** Warm-up chats, 1 to 100; the one that may be sent to first is used. */
    chatIds: readonly ChatId[];
    /**
     * How long nobody else runs this job, ms. It is not started, or is aborted with `ERR_WARMPATH_LEASE_LOST`, 5 s before
     * that; extend() renews it. Default: no lease.
     */
    leaseMs?: number | undefined;
  };

/** A job of a {@link PrewarmWorker}, which adds token, chats and lease. */
export type PrewarmWorkerJob = PrewarmMedia & PrewarmSource;

/** What {@link jobKey} reads of a job. */
export type JobIdentity =
  /** The job's key. */
  | { key: string; kind?: unknown; sha256?: unknown; botSlug?: unknown }
  /** The kind of media. */
  | { key?: undefined; kind: string; sha256: string; botSlug: string };

/**
 * The key under which equal jobs count as one: `job.key` where given, else `kind:sha256:botSlug`.
 *
 * @throws `ERR_WARMPATH_INVALID_JOB` when a field that it needs is no string
 */
export function jobKey(job: JobIdentity): string;

/**
 * `cache`: `bytes-here`. `url`: `direct`. `file`: `local-server`. `stream`: `requested` (`route: 'stream'`), `unverified`
 * (these bytes were not verified yet), `size` and `kind` (Telegram fetches no such file), `local-file`, `unreachable` (the URL
 * or path could not be read), `suspended` (several URLs in a row could not; 10 min), `evicted` (no longer in the cache),
 * `faststart` and `shrunk` (other bytes than the stored ones are sent), `large-photo` (above the limits of photos: what becomes of it is
 * `onLargePhoto`'s to say, here).
 */
export type PrewarmRouteReason =
  | 'bytes-here'
  | 'direct'
  | 'local-server'
  | 'requested'
  | 'unverified'
  | 'size'
  | 'kind'
  | 'local-file'
  | 'unreachable'
  | 'evicted'
  | 'large-photo'
  | 'suspended'
  | 'faststart'
  | 'shrunk';

/**
 * Whether a failed send says that its file_id is not, or no longer, one of this bot: then {@link PrewarmWorker.heal}.
 *
 * @param error what the Bot API client threw (its `description`, else its `message`, is read), or that text
 */
export function isStaleFileId(error: unknown): boolean;

/** What a prewarm produces. */
export interface PrewarmValue {
  /** What the bot sends from now on; valid for that bot and kind only. */
  fileId: string;
  /** The same for every bot; cannot be sent. */
  fileUniqueId: string;
  /** The message in the warm-up chat. */
  messageId: number;
  /** The warm-up chat, as text: ids may pass what a number holds. */
  chatId: string;
  /** The kind of the file_id: the job's, unless `kindReason` says why not. */
  kind: MediaKind;
  /** `too-large`, `rejected`: sent as a document by policy; `telegram`: Telegram made another kind of it. */
  kindReason?: 'too-large' | 'rejected' | 'telegram';
  /** Size of the source. */
  bytes: number;
  /** What was changed of the bytes: a film's index put in front, a photo made smaller. Absent: nothing. */
  rewritten?: 'faststart' | 'shrunk';
  /** `cache`: another job's download; `url`: Telegram fetched it; `file`: a local Bot API server read it. */
  route: 'stream' | 'cache' | 'url' | 'file';
  /** Why it went that way. */
  routeReason: PrewarmRouteReason;
  /** The warm-up chat became a supergroup: the id the job named, and the one it has now. Use that from now on. */
  migratedChat?: { from: string; to: string };
  /** Pixels: as Telegram says, else as the job or the file does. */
  width?: number;
  /** Pixels: as Telegram says, else as the job or the file does. */
  height?: number;
  /** Seconds: as Telegram says, else as the job or the file does. */
  duration?: number;
}

/** Why a job failed, as a plain value; run() rejects with the same as a {@link WarmpathError}. */
export interface PrewarmFailure {
  /** What happened: a stable name. */
  code: WarmpathErrorCode;
  /** What has to happen now. */
  class: WarmpathErrorClass;
  /** Where in the job it happened; absent before its first step. */
  phase?: WarmpathErrorPhase;
  /** For people; holds no secret and no URL. */
  message: string;
  /** The wait that the other side asked for, ms. Absent: it asked for none. */
  retryAfterMs?: number | undefined;
  /** Whether the remote side can have acted. */
  certainty: WarmpathCertainty;
  /** Of `ERR_WARMPATH_TELEGRAM_CHAT`: the chat that refused, as the job names it. Absent with other codes. */
  chatId?: string | undefined;
}

/** Milliseconds by phase. Download and upload overlap: a transfer does both at once. */
export interface PrewarmTimings {
  /** From submit to the start of the last try. */
  queue: number;
  /** From the start of the last try to the last byte of the source. */
  download: number;
  /** From the opened source to the last byte handed to the connection. */
  upload: number;
  /** From there to the answer. */
  answer: number;
  /** From submit to the end. */
  total: number;
}

interface Accounting {
  /** Tries that were started and count. */
  attempts: number;
  /** Whether a store should count this against the retries of the job. */
  charged: boolean;
  /** Failed tries that may have left a message behind. */
  possibleDuplicates: number;
  /** Bytes of the source that were read in the last try. */
  bytes: number;
  /** How long the last try took, phase by phase, ms. */
  timings: PrewarmTimings;
}

export interface PrewarmSucceeded extends Accounting {
  /** The job's key. */
  key: string;
  status: 'succeeded';
  /** The file_id, and what else is known of the message. */
  value: PrewarmValue;
  error?: undefined;
}

export interface PrewarmFailed extends Accounting {
  /** The job's key. */
  key: string;
  status: 'failed';
  value?: undefined;
  /** Why there is no file_id. */
  error: PrewarmFailure;
}

/** How a job of an executor ended. */
export type PrewarmOutcome = PrewarmSucceeded | PrewarmFailed;

// ---------------------------------------------------------------------------------------------------------------------
// PrewarmExecutor

export interface PrewarmExecutorOptions extends PrewarmCommonOptions {
  /** Tries inside the executor. Default: see {@link RetryOptions}. */
  retry?: RetryOptions | undefined;
}

/**
 * `duplicate`: an equal key waits already; `processing`: it is running; in both cases the first job wins. `full`: the queue
 * is at its capacity.
 */
export type SubmitStatus = 'queued' | 'duplicate' | 'processing' | 'full';

export interface RunOptions {
  /** Aborting rejects this caller only; the job is cancelled when its last caller has left. Default: none. */
  signal?: AbortSignal | undefined;
}

export interface CloseOptions {
  /** How long accepted jobs may go on, ms; 0 = not at all. Default 10,000. */
  timeoutMs?: number | undefined;
}

/** Milliseconds. */
export interface Quantiles {
  /** The median. */
  p50: number;
  /** 95 of 100 are at most this. */
  p95: number;
  /** 99 of 100 are at most this. */
  p99: number;
}

/** Counters since the executor was made, and its state now. */
export interface PrewarmExecutorStats {
  /** Jobs in the queue. */
  queued: number;
  /** Jobs between two tries; they hold no slot. */
  waiting: number;
  /** Jobs that hold a slot. */
  running: number;
  /** Ended with a result. */
  succeeded: number;
  /** Ended without one, for good. */
  failed: number;
  /** Failed jobs by class; a class without any is absent. */
  byClass: Partial<Record<WarmpathErrorClass, number>>;
  /** Bytes read from sources, all tries. */
  bytesIn: number;
  /** Bytes handed to Telegram, all tries. */
  bytesOut: number;
  /** Slots now. */
  concurrency: number;
  /** How their number was measured; null = it was given. */
  adaptive: MeasuredConcurrency | null;
  /** Most jobs in the queue, as given. */
  capacity: number;
  /** Whether pause() is in force. */
  paused: boolean;
  /** Failed tries that may have left a message behind. */
  possibleDuplicates: number;
  /** Tries after the first. */
  retries: number;
  /** Downloads that broke and were resumed. */
  resumes: number;
  /** Over every settled job that ran; empty before the first. */
  phases: Partial<Record<keyof PrewarmTimings, Quantiles>>;
  /** The limits in force; null = nothing is paced. */
  limits: Limits | null;
  /** The byte cache; null without one. */
  cache: CacheStats | null;
}

/** What a byte cache holds now, and has done since it was made. */
export interface CacheStats {
  /** Files that are here or on their way. */
  entries: number;
  /** Bytes reserved for them. */
  bytes: number;
  /** Reads that joined another job's download. */
  hits: number;
  /** Downloads that were opened to be shared. */
  misses: number;
  /** Downloads that were not kept: there was no room. */
  bypassed: number;
  /** Downloads that were not kept, or no longer: the disk failed. They were streamed. */
  failures: number;
}

/** A job that is in the executor now. */
export interface PrewarmListItem {
  /** The job's key. */
  key: string;
  /** The bot's slug. */
  botSlug: string;
  /** The kind of media. */
  kind: MediaKind;
  /** Of the bytes: 64 lower-case hexadecimal digits. */
  sha256: string;
  state: 'queued' | 'waiting' | 'running';
  /** Time since it was submitted, ms. */
  sinceMs: number;
}

export interface PrewarmExecutorEvents {
  /** Jobs ended; up to 256 outcomes at once, each job once. */
  settled: [outcomes: PrewarmOutcome[]];
}

/** An EventEmitter with known events. */
declare class Emitter<Events extends { [E in keyof Events]: unknown[] }> extends EventEmitter {
  /** Calls `listener` at each `event`; the other methods are those of `EventEmitter`. */
  on<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  once<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  off<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  addListener<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  removeListener<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  prependListener<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
  prependOnceListener<E extends keyof Events & string>(event: E, listener: (...args: Events[E]) => void): this;
}

/**
 * Prewarms media: streams an object from S3/R2 (or a file) to a bot's warm-up chat and hands back its file_id. Nothing runs
 * in JS between submit and settle. An idle executor keeps no process alive; a pending run(), drain() or close() does.
 *
 * Events: `settled`, see {@link PrewarmExecutorEvents}.
 *
 * @example
 * const executor = new PrewarmExecutor({ s3: { accountId, bucket, accessKeyId, secretAccessKey } });
 * const { fileId } = await executor.run({ botSlug, sha256, kind: 'photo', r2Key, token, chatIds: [chatId] });
 * await executor.close();
 */
export class PrewarmExecutor extends Emitter<PrewarmExecutorEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: PrewarmExecutorOptions);
  /** @throws `ERR_WARMPATH_INVALID_JOB` naming the field; `ERR_WARMPATH_CLOSED` after close() */
  submit(job: PrewarmJob): SubmitStatus;
  /** One status per job; all jobs are checked before the first is queued. @throws as submit() */
  submitMany(jobs: readonly PrewarmJob[]): SubmitStatus[];
  /**
   * Submits the job, or joins an equal one that is here, and resolves with its value.
   *
   * Rejects with the error of the outcome (any code of a failed job), `ERR_WARMPATH_INVALID_JOB`,
   * `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_QUEUE_FULL`, `ERR_WARMPATH_CLOSED`, or `ERR_WARMPATH_ABORTED` (named
   * `AbortError`).
   */
  run(job: PrewarmJob, options?: RunOptions): Promise<PrewarmValue>;
  /**
   * Renews leases: each job may now run for `leaseMs` from here. One answer per key, false where that job is not here.
   *
   * @param keys at most 1,000,000
   * @param leaseMs 1 to 2,147,483,647
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
   */
  extend(keys: readonly string[], leaseMs: number): boolean[];
  /**
   * Cancels a queued, waiting or running job; its outcome follows, with `ERR_WARMPATH_CANCELLED`. False when there is no
   * such job.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
   */
  cancel(key: string): boolean;
  /** Starts no further job; running ones go on. */
  pause(): void;
  /** Ends pause(). */
  resume(): void;
  /** How many jobs run at once from now on, 1 to 4096, or the bounds of a measured number. @throws `ERR_WARMPATH_INVALID_ARGUMENT` */
  setConcurrency(n: number | ConcurrencyBounds): void;
  /** Counters and state, as of now. */
  stats(): PrewarmExecutorStats;
  /** The limits in force; false = nothing is paced. */
  limits(): Limits | false;
  /**
   * Other limits from now on: false, or what is to change. What was sent before still counts.
   *
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT` naming the field
   */
  setLimits(limits: false | LimitsChange): void;
  /** What 429s have slowed down, or still hold; at most 1000 of them. */
  throttled(): ThrottledKey[];
  /** What a job waits for, and until when; null when there is no such job. @throws `ERR_WARMPATH_INVALID_ARGUMENT` */
  explain(key: string): Explanation | null;
  /**
   * When jobs would be done under the limits. Of jobs only `botSlug`, `chatIds` and `size` count.
   *
   * @example
   * executor.plan({ count: 5000, kind: 'group' }, { perMinute: 150 }) // doneInMs: …, chatsNeeded: 8
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
   */
  plan(
    jobs: PlanBatch | readonly { botSlug?: string; chatIds: readonly ChatId[]; size?: number | undefined }[],
    options?: PlanOptions,
  ): Plan;
  /**
   * Tells of a message that the bot sent beside these jobs, or of a 429 it got: it is booked at once, and warm-up yields.
   * The adapters `warmpath/grammy`, `warmpath/telegraf` and `warmpath/node-telegram-bot-api` do this for every call.
   *
   * @returns false when no job of that `botSlug` was ever submitted here
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
   */
  report(live: LiveReport): boolean;
  /** The jobs that are here now, as a snapshot. */
  list(): PrewarmListItem[];
  /** Resolves when every accepted job is settled and its outcome delivered. */
  drain(): Promise<void>;
  /**
   * Takes no further jobs, lets the accepted ones finish for `timeoutMs`, then cancels the rest, uncharged. Resolves when
   * all outcomes are delivered. A second call can only shorten the wait. Rejects with `ERR_WARMPATH_INVALID_ARGUMENT`.
   */
  close(options?: CloseOptions): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------------------
// Ingest: jobs and outcomes

/**
 * What a sender says an encrypted WhatsApp file is; the keys of the file are derived with it. The names are those of
 * Baileys: `ptt` is a voice message, `ptv` a round video, `gif` a film without sound.
 */
export type WhatsAppMediaType =
  | 'image'
  | 'video'
  | 'gif'
  | 'ptv'
  | 'audio'
  | 'ptt'
  | 'document'
  | 'sticker'
  | 'thumbnail-document'
  | 'thumbnail-image'
  | 'thumbnail-video'
  | 'thumbnail-link';

/** A file on WhatsApp's servers, as a message describes it. Bytes, or base64 text of them as JSON has it. */
export interface WhatsAppMedia {
  /** Address of the file. Default: `directPath`, which is used too where this one is gone; one of the two is needed. */
  url?: string | undefined;
  /** Path of the file at {@link IngestWhatsAppOptions.origin}; begins with `/`. Default: none. */
  directPath?: string | undefined;
  /** 32 bytes: a secret. */
  mediaKey: string | Uint8Array;
  /** Which of WhatsApp's keys it is encrypted under. */
  mediaType: WhatsAppMediaType;
  /** sha256 of the file; compared. Default: not compared. */
  fileSha256?: string | Uint8Array | undefined;
  /** sha256 of what lies on the server; compared. Default: not compared. */
  fileEncSha256?: string | Uint8Array | undefined;
}

/** What may have changed of a {@link WhatsAppMedia}; what is absent or empty has not. Other fields are not looked at. */
export type WhatsAppReupload = {
  [Field in Exclude<keyof WhatsAppMedia, 'mediaType'>]?: WhatsAppMedia[Field] | null;
};

/** Where the bytes come from: exactly one of these. */
export type IngestSource =
  | {
      /** Fetched with GET. https only, and no private address, unless {@link IngestHttpOptions} allows it. */
      url: string;
      /** Headers to send, at most 32. They do not follow a redirect to another origin. Default: none. */
      headers?: Readonly<Record<string, string>> | undefined;
    }
  | {
      /** Base64 text, standard or URL alphabet, padded or not, with or without line breaks. Decoded off the event loop. */
      base64: string;
    }
  | {
      /** `data:[type];base64,…`; its type stands for `mimeType` where the job has none. */
      dataUrl: string;
    }
  | {
      /** Copied once, at submit. */
      bytes: Uint8Array;
    }
  | {
      /** Path of a local file, at most 4096 characters. It is read, never moved. */
      path: string;
    }
  | {
      /** Key of an object in the bucket of the `s3` option. */
      r2Key: string;
    }
  | {
      /**
       * What {@link IngestExecutorOptions.resolve} finds an address by, such as the media id of the WhatsApp Cloud API. Such an
       * address lives for minutes: it is looked up when the job's turn comes, and again when it is refused.
       */
      mediaId: string;
    }
  /** An encrypted file of WhatsApp. */
  | { whatsapp: WhatsAppMedia };

/** Where the bytes go. */
export type IngestSink = 'disk' | 's3';

/** One medium to be stored. */
export interface IngestJob {
  /** Jobs with equal keys are one job; at most 1024 characters. Default: `id`, else a random one. */
  key?: string | undefined;
  /**
   * The second half of the generated name `<timestamp>_<id>.<extension>`: of other characters than letters, digits, `_` and `-`
   * nothing is kept, and of those 64; where nothing is left it is a hash of the id. Default: random.
   */
  id?: string | undefined;
  /** The first half of that name: Unix time in seconds. With `id` and this a repeated job makes no second file. Default: now. */
  timestamp?: number | undefined;
  /** Where the bytes are. */
  source: IngestSource;
  /** Whose medium it is; sessions take turns. At most 255 characters. Default: all without one are one session. */
  session?: string | undefined;
  /** The type that the sender declares. Default: what the source says. */
  mimeType?: string | undefined;
  /** Handed back cleaned in {@link IngestValue.fileName}; never part of a path. At most 1024 characters. Default: none. */
  fileName?: string | undefined;
  /** Default: by the type of the bytes, or the WhatsApp media type. */
  kind?: MediaKind | undefined;
  /** sha256 that the bytes must have: 64 lower-case hexadecimal digits. Default: any. */
  sha256?: string | undefined;
  /** Default: every sink that the executor has. */
  to?: readonly IngestSink[] | undefined;
  /** Key of the object that is written. Default: `s3Prefix` and the generated name; above 5 MiB its extension is that of the first bytes. */
  r2Key?: string | undefined;
  /** Default: the executor's. */
  maxBytes?: number | undefined;
  /** 32-bit integer, higher first. Default 0. */
  priority?: number | undefined;
  /** As {@link PrewarmJob}`.leaseMs`. Default: none. */
  leaseMs?: number | undefined;
}

/** What an ingest produces. */
export interface IngestValue {
  /** Of the stored bytes, 64 hexadecimal digits. */
  sha256: string;
  /** Size of what was stored. */
  bytes: number;
  /** What the bytes are; the declared type where they say nothing, or by `onMismatch: 'keep'`. */
  mime: string;
  /** The usual extension of that type, without a dot; `bin` where there is none. */
  extension: string;
  /** The kind to prewarm it as. */
  kind: MediaKind;
  /** The declared type, where the bytes contradict it. */
  declared?: string;
  /** The job's name, without directories, control and bidi characters; at most 255 bytes of UTF-8. */
  fileName?: string;
  /** Pixels as shown. */
  width?: number;
  /** Pixels as shown. */
  height?: number;
  /** How long it plays, whole seconds. */
  duration?: number;
  /** What the original was, where option `compress` has made an image smaller; everything else is about what is stored. */
  compressed?: { sha256: string; bytes: number; mime: string; width?: number; height?: number };
  /** Where they were stored: a field for each sink. */
  location: {
    /** Absolute path of the file. */
    path?: string;
    /** Key of the object. */
    r2Key?: string;
  };
}

/**
 * What JS has to do before the job can go on: `reupload` = ask the sender's phone to put the file back, `resolve` = look the
 * address up (again). The outcome is not charged; submit again under the same key.
 */
export type IngestNeeds = 'reupload' | 'resolve';

/** Why an ingest failed. */
export interface IngestFailure extends PrewarmFailure {
  /** Set with `ERR_WARMPATH_MEDIA_GONE` (`reupload`) and `ERR_WARMPATH_SOURCE_UNRESOLVED` (`resolve`). */
  needs?: IngestNeeds;
  /**
   * Set beside `needs` where the hook was asked and gave no answer: it threw, took longer than `hookTimeoutMs`, or answered what it
   * may not. So nothing is known of the media yet.
   */
  hookFailed?: true;
}

export interface IngestSucceeded extends Accounting {
  /** The job's key. */
  key: string;
  status: 'succeeded';
  /** What was stored, and where. */
  value: IngestValue;
  error?: undefined;
}

export interface IngestFailed extends Accounting {
  /** The job's key. */
  key: string;
  status: 'failed';
  value?: undefined;
  /** Why nothing was. */
  error: IngestFailure;
}

export type IngestOutcome = IngestSucceeded | IngestFailed;

// ---------------------------------------------------------------------------------------------------------------------
// IngestExecutor

export interface IngestHttpOptions extends HttpOptions {
  /**
   * Servers of yours that a URL may name although a stranger's may not: a host (`media.internal`, whatever it resolves to), an
   * address (`10.1.2.3`, `::1`), a network (`10.1.0.0/16`), or one host and port (`localhost:9000`); at most 100. Without it every
   * private, loopback, link-local and otherwise special address is refused, and so is every redirect to one. See docs/ingest.md.
   */
  allow?: readonly string[] | undefined;
  /** Addresses and networks that are refused although they are public; goes before `allow`. At most 100. Default: none. */
  deny?: readonly string[] | undefined;
  /** Ports beside 80 and 443, at most 100. Default: none. */
  ports?: readonly number[] | undefined;
  /** Whether `http://` will do. Default false. */
  plain?: boolean | undefined;
  /** Redirects that are followed, each one checked like the first URL, 0 to 10. Default 3. */
  redirects?: number | undefined;
}

export interface IngestWhatsAppOptions {
  /** Where `directPath` points to. Default `https://mmg.whatsapp.net`. */
  origin?: string | undefined;
}

/** How images are made smaller. None is ever made larger, in pixels or in bytes: where the result would be, the original is stored. */
export interface IngestCompress {
  /** Pixels; wider images are scaled down to fit, turned as they are shown. Default 2560, at most 16383. */
  maxWidth?: number | undefined;
  /** As `maxWidth`. Default 2560. */
  maxHeight?: number | undefined;
  /** Of JPEG and WebP, 1 to 100; PNG stays without loss. Default 80. */
  quality?: number | undefined;
  /** Default: the one it has. An image with transparency never becomes a JPEG. */
  format?: 'jpeg' | 'png' | 'webp' | undefined;
  /** Images of more pixels, by their header, are not decoded but stored as they are. Default 50,000,000. */
  maxPixels?: number | undefined;
}

/** What {@link IngestExecutor} and a worker on top of it have in common. At least one of `dir` and `s3`. */
export interface IngestCommonOptions {
  /** Directory of the disk sink, which must exist. Every process of the machine may use the same one. Default: no disk sink. */
  dir?: string | undefined;
  /** Bucket of `r2Key` sources and of the `s3` sink. Default: no bucket. */
  s3?: S3Options | undefined;
  /** In front of the generated name, where a job names no `r2Key`; such as `media/`. Default none. */
  s3Prefix?: string | undefined;
  /** Sinks of a job that names none. Default: `disk` with `dir`, `s3` with `s3`. */
  sinks?: readonly IngestSink[] | undefined;
  /** Jobs that run at once, 1 to 4096. Default 5. */
  concurrency?: number | undefined;
  /** Jobs that wait; 1 to 1,000,000. Default 500. */
  capacity?: number | undefined;
  /**
   * `bytes`, `base64` and `dataUrl` of unsettled jobs together, bytes; above it submit() says `full`. Default 268,435,456
   * (256 MiB).
   */
  capacityBytes?: number | undefined;
  /**
   * Largest medium that is stored, bytes. Default 104,857,600 (100 MiB): the largest document of the WhatsApp Cloud API, and
   * twice what a Telegram bot can send on.
   *
   * @see https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types
   */
  maxBytes?: number | undefined;
  /**
   * The bytes contradict the declared type: `refine` reports what they are, `keep` what was declared, `fail` fails with
   * `ERR_WARMPATH_TYPE_REFUSED`. Default `refine`.
   */
  onMismatch?: 'refine' | 'keep' | 'fail' | undefined;
  /**
   * Types that are stored, by what the bytes are: `image/*`, `application/pdf`, at most 100. Others fail with
   * `ERR_WARMPATH_TYPE_REFUSED`. What `compress` makes of one is not judged again. Default: all.
   */
  accept?: readonly string[] | undefined;
  /** Find out width, height and duration. Default true. */
  probe?: boolean | undefined;
  /** Files and their directory are on the disk before a job succeeds. false: a power cut may take them back. Default true. */
  fsync?: boolean | undefined;
  /**
   * With `fsync`, files of 64 KiB and more go past the system's page cache (Linux `O_DIRECT`, open(2); elsewhere, and on file systems
   * without it, this changes nothing): cheaper to write, and what other programs keep in the cache stays there. Whoever reads such a
   * file for the first time waits for the disk: false where that is soon and often. Default true.
   */
  directIo?: boolean | undefined;
  /**
   * Makes JPEG, PNG and WebP images smaller before they are stored; `{}` takes the defaults. Needs `dir`, and the optional peer
   * sharp (`ERR_WARMPATH_PEER_MISSING`). See docs/ingest.md. Default: stored as they came.
   */
  compress?: IngestCompress | undefined;
  /** Deadlines. Default: those that are named there, field by field. */
  timeouts?: TimeoutOptions | undefined;
  /** The guard, certificates and a proxy. Default: see {@link IngestHttpOptions}. */
  http?: IngestHttpOptions | undefined;
  /** WhatsApp's servers. Default: see {@link IngestWhatsAppOptions}. */
  whatsapp?: IngestWhatsAppOptions | undefined;
}

/** Hooks in the middle of a job; each is called at most once per job, and `resolve` once more for a `mediaId`. */
export interface IngestHooks {
  /**
   * WhatsApp has deleted the file (404, 410): ask the sender's phone to upload it again (`updateMediaMessage` of Baileys) and
   * answer the description as it is now, as whatever object the library has; null = it cannot be had. A hook that fails gives the
   * same outcome, with `hookFailed`. Default: such media are gone.
   */
  reupload?: ((job: IngestJob) => Awaitable<WhatsAppReupload | null | undefined>) | undefined;
  /** Looks an address up: of a `mediaId`, or of a `url` that was refused (401, 403, 404, 410); null = there is none. */
  resolve?:
    | ((
        job: IngestJob,
      ) => Awaitable<{ url: string; headers?: Readonly<Record<string, string>> | undefined } | null | undefined>)
    | undefined;
  /** How long a hook may take, ms. Default 60,000. */
  hookTimeoutMs?: number | undefined;
}

export interface IngestExecutorOptions extends IngestCommonOptions, IngestHooks {
  /** Tries inside the executor. Default: see {@link RetryOptions}. */
  retry?: RetryOptions | undefined;
}

export interface IngestExecutorStats extends Omit<PrewarmExecutorStats, 'possibleDuplicates' | 'limits' | 'cache'> {
  /** Jobs whose hook runs; counted in `waiting` too. */
  asking: number;
  /** Bytes of `bytes`, `base64` and `dataUrl` sources that are held now. */
  heldBytes: number;
}

/** A job that is in the executor now. */
export interface IngestListItem {
  /** The job's key. */
  key: string;
  /** As of the job; absent: it has none. */
  session?: string;
  state: 'queued' | 'waiting' | 'running';
  /** Time since it was submitted, ms. */
  sinceMs: number;
}

export interface IngestExecutorEvents {
  /** Jobs ended; up to 256 outcomes at once, each job once. */
  settled: [outcomes: IngestOutcome[]];
}

/**
 * Stores incoming media: from a URL, WhatsApp, base64, bytes, a file or an object to a directory, a bucket or both, in one
 * native stream that decrypts, counts, hashes and looks into what it carries. Memory does not grow with the file. What is at
 * its final name is complete and verified. See docs/ingest.md.
 *
 * Events: `settled`, see {@link IngestExecutorEvents}.
 *
 * @example
 * const executor = new IngestExecutor({ dir: '/var/media' });
 * const { location, sha256 } = await executor.run({ source: { url } });
 * await executor.close();
 */
export class IngestExecutor extends Emitter<IngestExecutorEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: IngestExecutorOptions);
  /** @throws `ERR_WARMPATH_INVALID_JOB` naming the field; `ERR_WARMPATH_CLOSED` after close() */
  submit(job: IngestJob): SubmitStatus;
  /** One status per job; all jobs are checked before the first is queued. @throws as submit() */
  submitMany(jobs: readonly IngestJob[]): SubmitStatus[];
  /** Submits the job, or joins an equal one that is here, and resolves with its value. Rejects as {@link PrewarmExecutor.run}. */
  run(job: IngestJob, options?: RunOptions): Promise<IngestValue>;
  /** As {@link PrewarmExecutor.extend}. */
  extend(keys: readonly string[], leaseMs: number): boolean[];
  /** As {@link PrewarmExecutor.cancel}. */
  cancel(key: string): boolean;
  /** Starts no further job; running ones go on. */
  pause(): void;
  /** Ends pause(). */
  resume(): void;
  /** How many jobs run at once from now on, 1 to 4096. @throws `ERR_WARMPATH_INVALID_ARGUMENT` */
  setConcurrency(n: number): void;
  /** Counters and state, as of now. */
  stats(): IngestExecutorStats;
  /** As {@link PrewarmExecutor.explain}. */
  explain(key: string): Explanation | null;
  /** The jobs that are here now, as a snapshot. */
  list(): IngestListItem[];
  /** Resolves when every accepted job is settled and its outcome delivered. */
  drain(): Promise<void>;
  /** As {@link PrewarmExecutor.close}. */
  close(options?: CloseOptions): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------------------
// Files to the bucket

/** A file to be uploaded; a bare path is `{ path }`. */
export interface UploadFile {
  /** Path of the file. */
  path: string;
  /** Key of the object, at most 1024 bytes of UTF-8. Default: what the option `key` makes of it. */
  key?: string | undefined;
  /** Content type it is stored with. Default: what its first bytes say, else `application/octet-stream`. */
  contentType?: string | undefined;
  /**
   * Metadata: names (without `x-amz-meta-`) of letters, digits and hyphens, values of printable ASCII. `sha256` and
   * `warmpath-upload` are set by us.
   */
  metadata?: Record<string, string> | undefined;
}

/** How far an upload of files is. */
export interface UploadProgress {
  /** Files given. */
  total: number;
  /** Files with an outcome: `uploaded + skipped + failed`. */
  settled: number;
  /** Files that were sent. */
  uploaded: number;
  /** Files that were there already. */
  skipped: number;
  /** Files that could not be sent. */
  failed: number;
  /** Bytes that the store has: of settled files, and of the parts sent so far. */
  bytes: number;
  /** The outcome that this call is for; absent when it is for bytes alone. */
  outcome?: UploadOutcome | undefined;
}

interface UploadedBase {
  /** As it was given. */
  path: string;
  /** The name in the bucket. */
  key: string;
  /** Size, bytes. */
  bytes: number;
  /** Hash of the whole, lower-case hex. */
  sha256: string;
  /** The version in the store. Absent where the store names none. */
  etag?: string | undefined;
  /** From its turn to its end, ms. */
  ms: number;
}

/** The file was sent. */
export interface UploadedFile extends UploadedBase {
  status: 'uploaded';
  /** Parts it was sent in; 1 for a single request. */
  parts: number;
  /** As it was stored. */
  contentType: string;
}

/** The same bytes were there already; nothing was sent, or nothing was changed by it. */
export interface SkippedFile extends UploadedBase {
  status: 'skipped';
}

/** The file was not stored. */
export interface FailedFile {
  status: 'failed';
  /** As it was given. */
  path: string;
  /** The name that it would have in the bucket. */
  key: string;
  /** Why it is not there. */
  error: WarmpathError;
  /** From its first step to its last, ms. */
  ms: number;
}

export type UploadOutcome = UploadedFile | SkippedFile | FailedFile;

export interface UploadManyOptions {
  /** Where to. */
  s3: S3Options;
  /** Files at the same time, 1 to 64; each costs up to 6 MiB of memory. Default 4. */
  concurrency?: number | undefined;
  /** Put before the file's name to make its key: `media/2026/`. Default: nothing. */
  prefix?: string | undefined;
  /** Makes the key of a file that brings none. Default: `prefix` and the last component of the path. */
  key?: ((file: UploadFile, index: number) => string) | undefined;
  /**
   * Called after each file, and at most ten times a second while bytes move. What it throws is an uncaught exception; the upload
   * goes on. Default: none.
   */
  onProgress?: ((progress: UploadProgress) => unknown) | undefined;
  /**
   * Ends the upload: parts that were sent are removed, then the promise rejects with an `AbortError` that has `outcomes`.
   * Default: none.
   */
  signal?: AbortSignal | undefined;
  /**
   * Skip a file whose object has the same size and the same sha256 (kept with every object as metadata by this function), and abort
   * multipart uploads of its key that a process which was killed has left. Default true.
   */
  resume?: boolean | undefined;
  /** Replace objects that hold something else. With false such a file fails with `ERR_WARMPATH_S3_REJECTED`. Default true. */
  overwrite?: boolean | undefined;
  /** Deadlines. Default: those that are named there, field by field. */
  timeouts?: TimeoutOptions | undefined;
  /** Certificates and a proxy. Default: those of the system, and none. */
  http?: HttpOptions | undefined;
}

/**
 * Uploads files to an S3 or R2 bucket, several at a time, outside the event loop. A file of up to 5 MiB is one request, a larger one
 * a multipart upload whose parts are sent again when the network fails; memory stays at one part a file. Files are hashed first: every
 * object says its sha256, so that a second call sends only what is missing. What cannot be stored fails alone, as an outcome.
 *
 * @returns one outcome per file, in the order given
 * @throws (as a rejection) before anything is sent: `ERR_WARMPATH_INVALID_ARGUMENT` for a bad file or two files with one key,
 *   `ERR_WARMPATH_INVALID_OPTION`, `ERR_WARMPATH_NATIVE_LOAD`; `ERR_WARMPATH_ABORTED` when `signal` fires, with the property `outcomes`
 * @see docs/upload.md
 * @example
 * const outcomes = await uploadMany(paths, { s3, prefix: 'media/', onProgress: ({ settled, total }) => bar(settled / total) });
 * const failed = outcomes.filter((outcome) => outcome.status === 'failed');
 */
export function uploadMany(
  files: readonly (string | UploadFile)[],
  options: UploadManyOptions,
): Promise<UploadOutcome[]>;

// ---------------------------------------------------------------------------------------------------------------------
// Campaigns

/** One message of a conversation, as chat completions take it. */
export interface LlmMessage {
  role: 'system' | 'user' | 'assistant';
  /** 1 to 1,000,000 characters. */
  content: string;
}

/** At most `limit` in any `periodMs`: a sliding window, not a bucket that refills. */
export interface LlmLimit {
  /** How much of it in a period; the unit is that of the limit. */
  limit: number;
  /** 1 to 86,400,000 ms. */
  periodMs: number;
}

/**
 * What may be spent in a period. A request waits outside of its slot until there is room; under a store a wait above 5 s
 * is given back, uncharged (`ERR_WARMPATH_LLM_THROTTLED`).
 */
export interface LlmLimits {
  /** Requests, generation and split alike; each try counts. `limit`: 1 to 1,000,000. Default: no limit. */
  requests?: LlmLimit | undefined;
  /**
   * Prompt and completion tokens. Reserved by an estimate before the answer, by what the answer says after it. Default: no
   * limit.
   */
  tokens?: LlmLimit | undefined;
  /**
   * Money, in the unit of the service's `usage.cost` (US dollars at OpenRouter). Reserved by the mean of the model's last
   * answers: before the first answer nothing is known, and what is in flight then may exceed the limit. Default: no limit.
   */
  cost?: LlmLimit | undefined;
}

/** An LLM service with the chat completions of OpenRouter (which most others share). */
export interface LlmOptions {
  /** Sent as `Authorization: Bearer`; appears in no error, log or statistic. */
  apiKey: string;
  /** Root of the API, to which `/chat/completions` is added. Default `https://openrouter.ai/api/v1`. */
  baseUrl?: string | undefined;
  /** The model, and those that take over when it fails: 1 to 16. */
  models: readonly string[];
  /**
   * Who goes to the next model. `server` (default): the request names them all (`models`, an extension of OpenRouter),
   * beginning with the first whose circuit is closed. `client`: one model a request, and a failed try moves on to the next;
   * for services that know `model` alone.
   *
   * @see https://openrouter.ai/docs/features/model-routing
   */
  fallbacks?: 'server' | 'client' | undefined;
  /** `max_tokens`, 1 to 1,000,000. Default: the model's. */
  maxTokens?: number | undefined;
  /** 0 to 2. Default: the model's. */
  temperature?: number | undefined;
  /** Further headers of every request, such as `HTTP-Referer` and `X-Title`. Their values count as secrets. Default: none. */
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Further fields of a generation's body, as they are: `provider`, `plugins`, `top_p` … At most 64 KiB of JSON. Default:
   * none.
   */
  body?: Readonly<Record<string, unknown>> | undefined;
  /** Of this executor's requests, all models together, and of single models on top. Default: no limits. */
  limits?: (LlmLimits & { models?: Readonly<Record<string, LlmLimits>> | undefined }) | undefined;
  /**
   * After so many failures in a row (no answer, 5xx, no completion) a model is left alone for `cooldownMs`, then tried with
   * one request; each time that fails, the pause doubles, up to ten of them. false = never. Default 5 and 30,000.
   */
  circuit?: { failures?: number | undefined; cooldownMs?: number | undefined } | false | undefined;
}

/**
 * Where parts are delivered: one POST of JSON each. docs/campaigns.md has the whole contract.
 *
 * Answers: 2xx = delivered; 409 = was delivered before; 408, 429 and 5xx = again later; 401 and 403 = a setting is wrong;
 * everything else = refused.
 */
export interface CampaignWebhookOptions {
  /** http or https; may have a query. Appears in no error or log. */
  url: string;
  /**
   * Signs every request by the Standard Webhooks scheme (HMAC-SHA256 over id, timestamp and body; headers `webhook-id`,
   * `webhook-timestamp`, `webhook-signature`). `whsec_` and base64, or any other text, whose UTF-8 bytes are the key then.
   * Default: nothing is signed.
   *
   * @see https://www.standardwebhooks.com
   */
  secret?: string | undefined;
  /** Further headers of every request, such as `Authorization`. Their values count as secrets. Default: none. */
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * After so many failures in a row (no answer, 5xx) the webhook is left alone for `cooldownMs`, as a model is: so its
   * outage does not use up the tries of every message. Meanwhile jobs are `ERR_WARMPATH_WEBHOOK_THROTTLED`, uncharged.
   * false = never. Default 5 and 30,000.
   */
  circuit?: { failures?: number | undefined; cooldownMs?: number | undefined } | false | undefined;
}

export interface CampaignSplitOptions {
  /**
   * `local` (default): at paragraphs, lines, sentences, clauses, words, in that order of preference. `llm`: by a second
   * completion with a strict JSON schema, and locally where its answer is not exact; a message never fails for its split.
   */
  by?: 'local' | 'llm' | undefined;
  /** Largest part in UTF-16 code units (`.length`), 20 to 100,000. Default 1000. */
  maxChars?: number | undefined;
  /** With `llm`: a text no longer than this stays whole, without a completion. Default 200. */
  aboveChars?: number | undefined;
  /** With `llm`: other models than `llm.models`. Default: those. */
  models?: readonly string[] | undefined;
  /**
   * With `llm`: what makes a good part, in words, instead of the built-in instructions, the default. The schema is added
   * to them.
   */
  instructions?: string | undefined;
}

/** Whole requests, answer included, but for `connectMs`. */
export interface CampaignTimeoutOptions {
  /** TCP and TLS together, for one connection. Default 5000. */
  connectMs?: number | undefined;
  /** From the start of a generation to the last byte of its answer. Default 30,000. */
  generateMs?: number | undefined;
  /** The same of a split by the LLM. Default 20,000. */
  splitMs?: number | undefined;
  /** The same of the delivery of one part. Default 10,000. */
  deliverMs?: number | undefined;
}

/** What {@link CampaignExecutor} and a worker on top of it have in common. */
export interface CampaignCommonOptions {
  /** For the step `generate`. Default: none. */
  llm?: LlmOptions | undefined;
  /** For the step `deliver`. One of `llm` and `webhook` is required. Default: none. */
  webhook?: CampaignWebhookOptions | undefined;
  /** How a text is cut into parts. Default: see {@link CampaignSplitOptions}. */
  split?: CampaignSplitOptions | undefined;
  /** Shortest text that is accepted, in graphemes (what a reader calls characters), trimmed. 1 to 10,000. Default 10. */
  minGraphemes?: number | undefined;
  /**
   * Send the next part only when {@link CampaignExecutor.confirm} was called for the one before: so at most one part of a
   * message can be delivered without being recorded. The last part has no next one, and waits for nothing. Default false.
   */
  confirmParts?: boolean | undefined;
  /** Deadlines. Default: those that are named there, field by field. */
  timeouts?: CampaignTimeoutOptions | undefined;
  /** Certificates and a proxy. Default: those of the system, and none. */
  http?: HttpOptions | undefined;
  /** Messages that are worked on at once, 1 to 4096: a sliding window, not chunks. Default 5. */
  concurrency?: number | undefined;
  /** Jobs that may wait, 1 to 1,000,000. Default 500. */
  capacity?: number | undefined;
}

export interface CampaignExecutorOptions extends CampaignCommonOptions {
  /** Waits are anywhere between 0 and 1, 2, 4 s by default: `quick` 3, `baseMs` 1000, `maxMs` 4000. */
  retry?: RetryOptions | undefined;
}

interface CampaignJobCommon {
  /** Default: made of step, message and campaign. */
  key?: string | undefined;
  /** 1 to 250 characters. */
  campaignId: string;
  /** 1 to 250 characters. */
  messageId: string;
  /** An integer, higher first. Default 0. */
  priority?: number | undefined;
  /** How long nobody else runs this job, ms: it is aborted 5 s before. Default: no lease. */
  leaseMs?: number | undefined;
}

/** Generates a text and splits it. Delivers nothing, so a repetition costs money and does no harm. */
export interface CampaignGenerateJob extends CampaignJobCommon {
  step: 'generate';
  /** 1 to 1000 messages. */
  messages: readonly LlmMessage[];
  /** Instead of `llm.models`. Default: those. */
  models?: readonly string[] | undefined;
  /** Instead of `llm.maxTokens`. Default: that. */
  maxTokens?: number | undefined;
  /** Instead of `llm.temperature`. Default: that. */
  temperature?: number | undefined;
}

/** Delivers the parts of a message, one after the other, each under its {@link campaignPartKey}. */
export interface CampaignDeliverJob extends CampaignJobCommon {
  step: 'deliver';
  /** All parts of the message as they were stored, 1 to 100. */
  parts: readonly string[];
  /** The first part to deliver, counted from 0: those before are delivered already. Default 0. */
  from?: number | undefined;
  /** Passed on to the webhook as it is: whom to, and what else it has to know. At most 64 KiB of JSON. Default: none. */
  recipient?: Readonly<Record<string, unknown>> | undefined;
}

/** A job of a {@link CampaignExecutor}. */
export type CampaignJob = CampaignGenerateJob | CampaignDeliverJob;

/** What the answers of an LLM service said of their price, added up. */
export interface LlmUsage {
  /** Requests that were answered with a completion. */
  requests: number;
  /** Tokens that were read. */
  promptTokens: number;
  /** Tokens that were written. */
  completionTokens: number;
  /** Prompt and completion tokens. */
  totalTokens: number;
  /** Of the prompt tokens, those that came from a cache. */
  cachedTokens: number;
  /** Of the completion tokens, those spent on reasoning. */
  reasoningTokens: number;
  /** In the service's unit (US dollars at OpenRouter); null where an answer did not say. */
  cost: number | null;
}

/** Why parts were cut locally although the LLM was to do it; a code of a failed request, or what is wrong with its answer. */
export type SplitFallback = WarmpathErrorCode | 'json' | 'structure' | 'empty' | 'count' | 'size' | 'text' | 'grapheme';

/** What the step `generate` produces: to be stored before the first part is delivered. */
export interface CampaignGenerated {
  step: 'generate';
  /** The text, trimmed. */
  text: string;
  /** Its parts: slices of the text, trimmed, nothing else left out. */
  parts: string[];
  /** `none`: the text is its only part and nobody had to be asked. */
  splitBy: 'none' | 'local' | 'llm';
  /** Why the parts are not the model's; absent where they are, or were never asked for. */
  splitFallback?: SplitFallback;
  /** The model that answered. */
  model: string;
  /** The provider that answered, where the service says so. */
  provider?: string;
  /** Of the accepted answer; for the service's own records. */
  generationId?: string;
  /** Everything the job has cost here: answers that were not accepted and the split included. */
  usage: LlmUsage;
  /** Of the accepted generation: from its request to the end of the answer, ms. */
  generationMs: number;
  /** Of the split, tries and fallback included but for waits, ms. */
  splitMs: number;
}

/** What the step `deliver` produces. */
export interface CampaignDelivered {
  step: 'deliver';
  /** Parts of the message. */
  parts: number;
  /** Parts that this job delivered. */
  delivered: number;
  /** Of these, how many the webhook had already (409). */
  repeated: number;
}

export type CampaignValue = CampaignGenerated | CampaignDelivered;

/** A part was delivered. Comes before the outcome of its job, once for each part of a job. */
export interface CampaignPartEvent {
  /** Of the job: where it names a claim, it fences what is recorded for it. */
  key: string;
  /** Of the job. */
  campaignId: string;
  /** Of the job. */
  messageId: string;
  /** Counted from 0. */
  part: number;
  /** See {@link campaignPartKey}. */
  idempotencyKey: string;
  /** The webhook had it already (409). */
  repeated: boolean;
  /** Requests for this part in this job, failed ones included. */
  attempts: number;
  /** The webhook's status. */
  status: number;
  /** When its answer came, ms since 1970 by this machine's clock. */
  deliveredAt: number;
  /** From the last request to the answer, ms. */
  ms: number;
}

export interface CampaignSucceeded extends Accounting {
  /** The job's key. */
  key: string;
  status: 'succeeded';
  /** What the step gave. */
  value: CampaignValue;
  error?: undefined;
}

export interface CampaignFailed extends Accounting {
  /** The job's key. */
  key: string;
  status: 'failed';
  value?: undefined;
  /** Why it gave nothing. */
  error: PrewarmFailure;
}

/**
 * How a job of a {@link CampaignExecutor} ended. `possibleDuplicates` counts tries that may have delivered a part although
 * they failed (it was, or will be, sent again under the same idempotency key). Of the timings, `upload` is the writing of
 * the last request, `answer` the wait for its answer, and `download` means nothing here.
 */
export type CampaignOutcome = CampaignSucceeded | CampaignFailed;

/** What is known of a model. */
export interface LlmModelStats {
  /** Completions asked of it. */
  requests: number;
  /** Those that failed. */
  failures: number;
  /** `half-open`: left alone before, and one request is finding out. */
  circuit: 'closed' | 'open' | 'half-open';
  /** Until when it is left alone, ms from now; 0 when it is not. */
  openForMs: number;
}

/** Counters since the executor was made, and its state now. */
export interface CampaignExecutorStats extends Omit<PrewarmExecutorStats, 'limits' | 'cache' | 'resumes'> {
  /** Parts delivered. */
  parts: number;
  /** Of these, how many the webhook had already. */
  repeatedParts: number;
  /** All answers together. */
  usage: LlmUsage;
  /** By the name of the model. */
  models: Record<string, LlmModelStats>;
}

/** A job that is in the executor now. */
export interface CampaignListItem {
  /** The job's key. */
  key: string;
  /** Of the job. */
  campaignId: string;
  /** Of the job. */
  messageId: string;
  step: 'generate' | 'deliver';
  state: 'queued' | 'waiting' | 'running';
  /** Time since it was submitted, ms. */
  sinceMs: number;
}

export interface CampaignExecutorEvents {
  /** Jobs ended, each job once. */
  settled: [outcomes: CampaignOutcome[]];
  /** Parts were delivered, each once, in the order of their message, before the outcome of their job. */
  part: [events: CampaignPartEvent[]];
}

/**
 * Campaign messages: text by LLM, split, delivered part by part. A message is two jobs, because what was generated has to
 * be stored before anything is sent: `generate` hands back a text and its parts, `deliver` sends stored parts and tells of
 * each. So a retry goes on with the next part and never sends another text. Nothing runs in JS between submit and settle.
 *
 * Events: `settled` and `part`, see {@link CampaignExecutorEvents}.
 *
 * @example
 * const executor = new CampaignExecutor({ llm: { apiKey, models: ['openai/gpt-5-mini'] }, webhook: { url, secret } });
 * executor.on('part', (events) => store.delivered(events));
 * const { parts } = await executor.run({ step: 'generate', campaignId, messageId, messages });
 * await store.parts(campaignId, messageId, parts);
 * await executor.run({ step: 'deliver', campaignId, messageId, parts, recipient: { leadId } });
 */
export class CampaignExecutor extends Emitter<CampaignExecutorEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: CampaignExecutorOptions);
  /** @throws `ERR_WARMPATH_INVALID_JOB` naming the field; `ERR_WARMPATH_CLOSED` after close() */
  submit(job: CampaignJob): SubmitStatus;
  /** One status per job; all jobs are checked before the first is queued. @throws as submit() */
  submitMany(jobs: readonly CampaignJob[]): SubmitStatus[];
  /** As {@link PrewarmExecutor.run}. */
  run(job: CampaignGenerateJob, options?: RunOptions): Promise<CampaignGenerated>;
  run(job: CampaignDeliverJob, options?: RunOptions): Promise<CampaignDelivered>;
  run(job: CampaignJob, options?: RunOptions): Promise<CampaignValue>;
  /**
   * With `confirmParts`: this part is recorded, the next one may be sent. False when no job of that key waits for it.
   *
   * @param key the event's
   * @param part the event's
   * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
   */
  confirm(key: string, part: number): boolean;
  /** As {@link PrewarmExecutor.extend}. */
  extend(keys: readonly string[], leaseMs: number): boolean[];
  /** As {@link PrewarmExecutor.cancel}. */
  cancel(key: string): boolean;
  /** Starts no further job; running ones go on. */
  pause(): void;
  /** Ends pause(). */
  resume(): void;
  /** How many jobs run at once from now on, 1 to 4096. @throws `ERR_WARMPATH_INVALID_ARGUMENT` */
  setConcurrency(n: number): void;
  /** Counters and state, as of now. */
  stats(): CampaignExecutorStats;
  /** The jobs that are here now, as a snapshot. */
  list(): CampaignListItem[];
  /** Resolves when every accepted job is settled and its outcome delivered. */
  drain(): Promise<void>;
  /** As {@link PrewarmExecutor.close}. */
  close(options?: CloseOptions): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The idempotency key of one part of one message: the same at every try, in every process.
 *
 * @param part counted from 0
 * @returns 64 hex digits: sha256 of the JSON text `[campaignId,messageId,part]`
 */
export function campaignPartKey(campaignId: string, messageId: string, part: number): string;

export interface SplitOptions {
  /** Largest part in UTF-16 code units (`.length`), 20 to 100,000. Default 1000. */
  maxChars?: number | undefined;
}

/**
 * Cuts a text into parts no longer than `maxChars`, at the best places near their ends: between paragraphs, lines,
 * sentences, clauses, words, in that order of preference; inside of a word (a link) only where it is longer than a part,
 * and inside of a grapheme (an emoji with its modifiers) only where that is. The parts are slices of the text, trimmed:
 * joined, they are the text but for white space. A text without anything but white space has no part.
 *
 * @param text well-formed, at most 1,000,000 characters
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function splitMessage(text: string, options?: SplitOptions): string[];

/** What {@link parseSplitResponse} makes of an answer. */
export interface ParsedSplit {
  /** Slices of the original, trimmed: nothing but white space is left out, whatever the LLM wrote. */
  parts: string[];
  /** null: cut where the LLM said; else why {@link splitMessage} was used instead. */
  fallback: Exclude<SplitFallback, WarmpathErrorCode> | null;
}

/**
 * Reads the answer of an LLM that was asked to split a text: `{"parts": ["…", …]}`, also with the field `messages`, as a
 * bare array, or in a Markdown code fence. The answer decides where the original is cut, never what it says: where its
 * parts are not the original but for white space (`text`), cut a grapheme (`grapheme`), are longer than `maxChars`
 * (`size`), empty (`empty`), more than 100 or none (`count`), or it is no such JSON (`json`, `structure`), the original is
 * split locally.
 *
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function parseSplitResponse(response: string, original: string, options?: SplitOptions): ParsedSplit;

// ---------------------------------------------------------------------------------------------------------------------
// Stores

/** A job as a store holds it: checked, with its key. */
/** The job's key. */
export type StoredPrewarmJob = PrewarmWorkerJob & { key: string };

/** `cached`: a result exists already, nothing was queued. */
export type EnqueueStatus = 'queued' | 'duplicate' | 'processing' | 'cached' | 'full';

/** Names one claim of a job; a stale fence changes nothing. */
export interface StoreLease {
  /** Of the job. */
  key: string;
  /** Grows with every claim of the job. */
  fence: number;
}

export interface StoreClaim<Job = StoredPrewarmJob> extends StoreLease {
  /** What is to be done. */
  job: Job;
  /** Charged attempts including this one, from 1; counted at the claim. */
  attempt: number;
  /** How long the job was ready before it was claimed, ms. Default: not known. */
  waitedMs?: number | undefined;
  /** How long ago the job was enqueued, ms. An `IngestWorker` charges waits that a source asks for after a day. Default: not known. */
  ageMs?: number | undefined;
  /** Why the job must not be run: the worker fails it. Absent: it may be run. Default: it may. */
  error?: WarmpathError | undefined;
}

export interface StoreSettlement<Value = PrewarmValue> extends StoreLease {
  status: 'succeeded' | 'failed';
  /** Of a success; else absent. None without one. */
  value?: Value | undefined;
  /** Of a failure; else absent. None without one. */
  error?: PrewarmFailure | undefined;
  /** False: the attempt does not count. */
  charged: boolean;
  /**
   * The earliest a retry makes sense, ms from now. Default: as the store has it. With it a failure of the class `config` that is
   * not charged is not final: the bot is refused, and may be put right.
   */
  retryAfterMs?: number | undefined;
}

/** What the store made of a settlement. `dead`: failed for good. `runAtMs`: ms since 1970. */
export type StoreSettled =
  | { applied: false; state?: undefined; runAtMs?: undefined }
  | { applied: true; state: 'done' | 'dead'; runAtMs?: undefined }
  /** When it is tried again, ms since 1970. */
  | { applied: true; state: 'retry'; runAtMs: number };

/**
 * `taken`: the other queue may run the job, which is `processing` here meanwhile. `done`: nobody need run it. `elsewhere`: it
 * waits or runs here; it is worth asking again after `leftMs`.
 */
export type StoreTaken<Value = PrewarmValue> =
  | { state: 'taken'; fence: number }
  | { state: 'done'; value: Value }
  | { state: 'elsewhere'; leftMs: number };

/** As far as this process knows. */
export interface StoreStats {
  /** Ready to be claimed. */
  queued: number;
  /** Waiting for a retry. */
  delayed: number;
  /** Claimed. */
  running: number;
  /** Most jobs that may be ready at once. */
  capacity: number;
}

/**
 * What a worker needs from the place where jobs wait. {@link MemoryStore} is the reference. Answers may be promises, but
 * for stats() and onWork().
 */
export interface Store<Job = StoredPrewarmJob, Value = PrewarmValue> {
  /** One status per job. */
  enqueue(jobs: readonly Job[]): Awaitable<EnqueueStatus[]>;
  /** Up to `limit` jobs, best first (priority, then age), reserved for `owner` for `leaseMs`. */
  claim(request: { limit: number; leaseMs: number; owner: string }): Awaitable<StoreClaim<Job>[]>;
  /** One answer per lease; false = it is lost, the job is stopped here. */
  extend(leases: readonly StoreLease[], leaseMs: number): Awaitable<boolean[]>;
  /** One answer per settlement. The store decides between retry and dead. */
  settle(settlements: readonly StoreSettlement<Value>[]): Awaitable<StoreSettled[]>;
  /** Gives jobs back at once, uncharged. */
  release(leases: readonly StoreLease[]): Awaitable<void>;
  /** Synchronous: what is known without asking. */
  stats(): StoreStats;
  /** Time until something can be claimed, ms (0 = now), or null when nothing waits. */
  nextDueMs(): Awaitable<number | null>;
  /**
   * Calls `fn` when something may have become claimable, or due earlier.
   *
   * @returns ends it
   */
  onWork(fn: () => void): () => unknown;
  /** The jobs whose result this file_id was; they can be enqueued again from then on. Used by {@link PrewarmWorker.heal}. */
  invalidate?(fileId: string): Awaitable<Job[]>;
  /**
   * A queue of another kind is about to run this job, whose keys it shares with this store: see {@link StoreTaken}. It extends
   * the lease meanwhile, and then settles it (what fails so has failed for good) or releases it (the key is free again).
   */
  take?(job: Job, request: { leaseMs: number }): Awaitable<StoreTaken<Value>>;
  /**
   * The worker stops: what the store keeps for it besides its claims is for others now. Called at the beginning of a stop,
   * and again when every claim is settled or given back.
   */
  leave?(): Awaitable<void>;
  /**
   * For a store where a bot belongs to one process at a time: what a bot's limits still hold against it goes with it. `leave` gives
   * what the next owner has to know, as JSON by bot; `inherit` gets that, how long ago it was left, and whether the former owner
   * ended without a word.
   */
  shareLimits?(sharing: {
    leave(botSlugs: readonly string[]): Record<string, unknown>;
    inherit(botSlug: string, from: { left: unknown; agoMs: number; lost: boolean }): void;
  }): void;
  /** Frees what the store itself holds, never a pool it was given. */
  close(): Awaitable<void>;
}

export interface MemoryStoreOptions {
  /** Jobs that are ready; claimed ones and those that wait for a retry are outside it. 1 to 1,000,000. Default 500. */
  capacity?: number | undefined;
  /**
   * The delay before each retry, ms; as many retries as entries, at most 32. 0-10 % of jitter is added, never taken off.
   * Default `[60000, 120000, 240000, 480000, 960000]`.
   */
  delaysMs?: readonly number[] | undefined;
  /** Of how many of the last jobs that succeeded the value is kept; such a job is `cached`. 0 to 1,000,000. Default 0. */
  keepDone?: number | undefined;
}

/** A job in a {@link MemoryStore}. */
export interface MemoryStoreItem<Job = StoredPrewarmJob> {
  /** The job's key. */
  key: string;
  /** The job as it was enqueued. */
  job: Job;
  state: 'queued' | 'delayed' | 'running';
  /** Charged attempts so far. */
  attempt: number;
  /** ms since 1970. */
  enqueuedAt: number;
}

/** The store contract in the memory of this process. All waiting is on the monotonic clock. */
export class MemoryStore<Job extends object = PrewarmWorkerJob, Value = PrewarmValue>
/** The job's key. */
  implements Store<Job & { key: string }, Value>
{
  /**
   * @param options see {@link MemoryStoreOptions}
   * @param sources for tests: `now` a monotonic clock in ms, default `performance.now`; `random` from 0 to 1, default
   *   `Math.random`
   * @throws `ERR_WARMPATH_INVALID_OPTION`
   */
  constructor(
    options?: MemoryStoreOptions,
    sources?: { now?: (() => number) | undefined; random?: (() => number) | undefined },
  );
  /** Sets all options anew (absent: the default); what is held already stays. @throws `ERR_WARMPATH_INVALID_OPTION` */
  adjust(options: MemoryStoreOptions): void;
  /**
   * Jobs are not checked here; one without a `key` gets that of {@link jobKey}.
   *
   * @throws `ERR_WARMPATH_CLOSED` after close(), `ERR_WARMPATH_INVALID_JOB`
   */
  enqueue(jobs: readonly Job[]): EnqueueStatus[];
  claim(request: {
    limit: number;
    leaseMs: number;
    owner?: string | undefined;
  }): (StoreClaim<Job & { key: string }> & { waitedMs: number; ageMs: number })[];
  /** See {@link Store}. */
  extend(leases: readonly StoreLease[], leaseMs: number): boolean[];
  /** See {@link Store}. */
  settle(settlements: readonly StoreSettlement<Value>[]): StoreSettled[];
  /** See {@link Store}. */
  release(leases: readonly StoreLease[]): void;
  /** See {@link Store}. */
  take(job: Job, request: { leaseMs: number }): StoreTaken<Value>;
  /** Counters and state, as of now. */
  stats(): StoreStats;
  /** See {@link Store}. */
  nextDueMs(): number | null;
  /** See {@link Store}. */
  onWork(fn: () => void): () => boolean;
  /** Everything that is here now, oldest first. */
  list(): MemoryStoreItem<Job & { key: string }>[];
  /** Refuses further jobs; what is held stays claimable. */
  close(): void;
}

export interface PostgresStoreOptions extends PostgresNames {
  /** A `pg.Pool`, or anything with its `query(text, params)`. Never ended by the store. */
  pool: PgPool;
  /**
   * Most jobs that are not finished (they wait, wait for a retry, or are claimed, wherever); above it enqueue() says `full`, for
   * the last jobs of a call first. 1 to 1,000,000,000. Counted in the statement that enqueues, not with every call while there is
   * much room: each process may go above it by a twentieth. Rows written by other means count, and are never refused. Default
   * Infinity: the table is not bounded.
   */
  capacity?: number | undefined;
  /** The delay before each retry, ms; as many retries as entries, at most 32. Default `[60000, 120000, 240000, 480000, 960000]`. */
  delaysMs?: readonly number[] | undefined;
  /** Claims that may end without a result (a crash, a kill) before the job is put aside as `error`, with the evidence. Default 5. */
  maxLostLeases?: number | undefined;
  /** enqueue() answers within this time, ms: repeats are included. Default 5000. */
  enqueueTimeoutMs?: number | undefined;
  /** Any other statement is given up after this time, ms. Default 30,000. */
  timeoutMs?: number | undefined;
  /**
   * Hear of work of other processes at once, over LISTEN on a connection of its own: true = with the settings of the pool
   * (needs a `pg.Pool`; stays away by itself where a pooler is between), or a connection string or `pg` configuration that
   * leads past the pooler. False: found by polling. Default true.
   */
  listen?: boolean | string | object | undefined;
  /** Tell other processes of work over NOTIFY, at most ten times a second. Default true. */
  notify?: boolean | undefined;
  /**
   * Prepare statements under names, which halves what they cost. Only done with a `pg.Pool`, and only after it was seen that no
   * pooler is between. Default true.
   */
  prepare?: boolean | undefined;
  /**
   * Gets the failures of what runs in the background; a {@link PrewarmWorker} that makes its own store emits them. Default:
   * none.
   */
  onError?: ((err: WarmpathError) => unknown) | undefined;
}

/** A process that works, or did lately, on the table of a {@link PostgresStore}. */
export interface PostgresInstance {
  /** Its name, in the column lease_owner too. */
  id: string;
  /** The name of its machine. */
  host: string;
  /** Its process there. */
  pid: number;
  /** Of this package. */
  version: string;
  /** When it signed in. */
  startedAt: Date;
  /** Its last sign of life. */
  seenAt: Date;
  /** It gave a sign of life in time. */
  live: boolean;
  /** Slugs of the bots whose jobs it claims, and whose limits it keeps. */
  lanes: string[];
}

/**
 * Jobs in the app's own Postgres: a `warming` row of `media_cache` is a job, and its result goes into the same row. What a
 * {@link PrewarmWorker} uses when it gets a `pool`. Any number of processes may share the table; one store per worker.
 *
 * Needs `npx warmpath migrate`. Everything is decided on the server's clock and by the fence of a claim: what comes late
 * changes nothing. See docs/postgres.md.
 *
 * @example
 * const store = new PostgresStore({ pool, maxLostLeases: 5 });
 * const worker = new PrewarmWorker({ store, pool, s3 });
 */
export class PostgresStore implements Store {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option */
  constructor(options: PostgresStoreOptions);
  /** The name of this instance, in the column lease_owner and in {@link instances}. */
  readonly id: string;
  /**
   * One status per job, 'full' only with `capacity`. Rejects with `ERR_WARMPATH_INVALID_JOB`, `ERR_WARMPATH_CLOSED`, and within
   * `enqueueTimeoutMs` with `ERR_WARMPATH_DATABASE`, whose `certainty` says whether jobs may have been queued.
   */
  enqueue(jobs: readonly PrewarmWorkerJob[]): Promise<EnqueueStatus[]>;
  /** See {@link Store}. */
  claim(request: { limit: number; leaseMs: number; owner?: string | undefined }): Promise<StoreClaim[]>;
  /** See {@link Store}. */
  extend(leases: readonly StoreLease[], leaseMs: number): Promise<boolean[]>;
  /** See {@link Store}. */
  settle(settlements: readonly StoreSettlement[]): Promise<StoreSettled[]>;
  /** See {@link Store}. */
  release(leases: readonly StoreLease[]): Promise<void>;
  /** As far as this process knows: counted now and then. */
  stats(): StoreStats;
  /** Counts now. */
  counts(): Promise<{ queued: number; delayed: number; running: number }>;
  /** Who works on this table, and for which bots. */
  instances(): Promise<PostgresInstance[]>;
  /** See {@link Store}. */
  shareLimits(sharing: Parameters<NonNullable<Store['shareLimits']>>[0]): void;
  /** See {@link Store}. */
  nextDueMs(): Promise<number | null>;
  /** See {@link Store}. */
  onWork(fn: () => void): () => unknown;
  /** Hands the bots of this instance to others; those in which jobs are claimed as soon as these are settled. */
  leave(): Promise<void>;
  /** See {@link Store}. */
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------------------
// Operating a worker

/** Where a job is, as an operator sees it. `failed`: for good; `claimed`: by a process, `here` says whether by this one. */
export type JobState = 'queued' | 'delayed' | 'claimed' | 'running' | 'failed';

/** `idle`: not started. `paused`, `draining`: started, and an operator holds it. */
export type WorkerMode = 'idle' | 'running' | 'paused' | 'draining' | 'stopping';

export interface JobsQuery {
  /** Default: all of them. Running jobs are among the claimed ones. */
  state?: 'queued' | 'delayed' | 'claimed' | 'failed' | undefined;
  /** Part of the bot, kind, hash, key, object or error; at most 200 characters. Default: all of them. */
  search?: string | undefined;
  /** 1 to 200. Default 50. */
  limit?: number | undefined;
  /** The `nextCursor` of the page before. Default: the first page. */
  cursor?: string | undefined;
}

/** A job, as far as it may be shown: identifiers and sizes, never a token, a text or a signed address. */
export interface JobItem {
  /** The job's key. */
  key: string;
  /** Where it is. */
  state: JobState;
  /** Charged tries, the one that runs included. */
  attempt?: number;
  /** It is claimed by this process. */
  here?: boolean;
  /** ms since 1970, this and the next three. */
  enqueuedAtMs?: number;
  /** Not before. */
  runAtMs?: number;
  /** Until when it is claimed. */
  leaseUntilMs?: number;
  /** When it ended. */
  endedAtMs?: number;
  /** Since it came into the executor, ms. */
  sinceMs?: number;
  /** The instance that has claimed it. */
  owner?: string;
  /** Of its last failed try. */
  error?: { code: string; class?: WarmpathErrorClass; phase?: string; message: string; retryAfterMs?: number };
  /** The bot's slug. */
  botSlug?: string;
  /** Of the media, or the step of a message. */
  kind?: string;
  /** Of the bytes: 64 lower-case hexadecimal digits. */
  sha256?: string;
  /** Its object in the bucket. */
  r2Key?: string;
  /** As of the job. */
  fileName?: string;
  /** As of the job. */
  contentType?: string;
  /** As of the job, bytes. */
  size?: number;
  /** Higher first. */
  priority?: number;
  /** Fields of other pipelines. */
  [name: string]: unknown;
}

export interface JobsPage {
  /** In the order of the page. */
  items: JobItem[];
  /** For the next page; null: this was the last. */
  nextCursor: string | null;
}

/** Why a job is where it is. */
export interface JobExplanation {
  /** The job's key. */
  key: string;
  /** Where it is; `waiting`: in the executor, for a time that was named. */
  state: JobState | 'waiting';
  /** As in {@link Explanation}; `turn`: it is not claimed yet, others come before it. */
  waits: { reason: WaitReason | 'turn'; waitMs: number | null; chatId?: string }[];
  /** Jobs that come before it, as far as is known. */
  ahead: number;
  /** The instance that has claimed it. */
  owner?: string;
  /** Of its last failed try. */
  error?: JobItem['error'];
}

export interface WorkerHealth {
  /** This process answers. */
  live: true;
  /** Jobs that are given to it now will be worked on. */
  ready: boolean;
  /** Why it is not ready. */
  reasons: { code: 'NOT_RUNNING' | 'PAUSED' | 'DRAINING' | 'DATABASE_NOT_AVAILABLE'; message: string }[];
}

/** A request handler for Express 4 and 5, Connect, Polka and `http.createServer`. */
export type AdminHandler = (req: IncomingMessage, res: ServerResponse, next?: (err?: unknown) => void) => Promise<void>;

/** A middleware; one that is typed for Express fits too. */
export type AdminMiddleware = {
  /** Ends the response itself, or calls `next`. */
  middleware(req: IncomingMessage, res: ServerResponse, next: (err?: unknown) => void): unknown;
}['middleware'];

export interface AdminRouterOptions {
  /**
   * A middleware that lets only the right ones pass, such as {@link bearerAuth}; `external`: one stands in front of the router
   * already. There is no default.
   */
  auth: 'external' | AdminMiddleware;
}

/** The admin router of a worker; see docs/admin.md. */
export interface AdminRouter extends AdminHandler {
  /** Ends the event streams that are open, for a server that is to close. */
  close(): void;
}

/**
 * A middleware that lets a request pass which carries `Authorization: Bearer <token>`, compared in constant time. Given to
 * `router({ auth })`, the dashboard has a login page too: it trades the token for an HttpOnly, SameSite=Strict cookie.
 *
 * @param token 16 to 1024 characters of printable ASCII
 * @throws `ERR_WARMPATH_INVALID_OPTION`
 */
export function bearerAuth(token: string): AdminMiddleware;

export interface LoggerOptions {
  /** The lowest level that is written. Default `info`. */
  level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined;
  /** The share of lines of a level that is written, 0 to 1, by turns. Default 1. Warnings and errors always are. */
  sample?: { trace?: number | undefined; debug?: number | undefined; info?: number | undefined } | undefined;
  /** Where to. Default: the standard output. */
  write?: ((line: string) => unknown) | undefined;
}

/** Takes what console's and pino's methods take: `(tag, fields)`, `(fields, tag)`, or a text alone. */
export type LogMethod = (first: unknown, second?: unknown) => void;

export interface WarmpathLogger {
  /** The least important. */
  trace: LogMethod;
  /** For finding faults. */
  debug: LogMethod;
  /** What happened. */
  info: LogMethod;
  /** What somebody may have to look at. */
  warn: LogMethod;
  /** What somebody has to look at. */
  error: LogMethod;
}

/**
 * A logger that writes one JSON object a line (`time`, `level`, `tag`, the fields), without secrets: bot tokens, presigned queries,
 * authorization headers and passwords in URLs are taken out. A worker's `logger` may as well be console, pino, or any object with
 * the four methods.
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION`
 */
export function createLogger(options?: LoggerOptions): WarmpathLogger;

/** What an operator can do with every worker, whatever its pipeline. */
declare class OperatedWorker<Events extends { [E in keyof Events]: unknown[] }> extends Emitter<Events> {
  /** The pipeline: `prewarm`. */
  readonly name: string;
  readonly state: 'idle' | 'running' | 'stopping';
  /** The state, with what an operator made of it. */
  readonly mode: WorkerMode;
  /** Claims and starts nothing until resume(); running jobs go on. Outlasts a stop and a start. */
  pause(): void;
  /** Ends pause(). */
  resume(): void;
  /** Claims nothing more, and resolves when what was claimed is done and recorded. Until resume() the worker is idle then. `signal` ends the waiting. */
  drain(options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** How many jobs run at once from now on, also after a restart: 1 to 4096, or the bounds of a measured number. @throws `ERR_WARMPATH_INVALID_ARGUMENT` */
  setConcurrency(n: number | ConcurrencyBounds): void;
  /** A page of jobs. Rejects with `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_DATABASE`. */
  jobs(query?: JobsQuery): Promise<JobsPage>;
  /** Null: there is no such job, or it is over. Rejects as jobs(). */
  explain(key: string): Promise<JobExplanation | null>;
  /**
   * Ends a job for good, wherever it is; it counts as failed, with `ERR_WARMPATH_CANCELLED`, and can be retried. False: there is no
   * such job. Rejects as jobs().
   */
  cancel(key: string): Promise<boolean>;
  /** Tries a job again now: one that failed, or waits for its retry. Rejects as enqueue(). */
  retry(key: string): Promise<EnqueueStatus | 'unknown'>;
  /** Tries failed jobs again, up to `limit` (default 1000); answers how many. */
  retryFailed(options?: { limit?: number | undefined }): Promise<number>;
  /** Forgets jobs: those that wait (not the claimed ones), or those that failed; answers how many. Rejects as jobs(). */
  purge(what: { state: 'queued' | 'failed' }): Promise<number>;
  /** Every process that works on the same table; null where the store does not know. */
  instances(): Promise<PostgresInstance[] | null>;
  /** For probes. Never rejects. */
  health(): Promise<WorkerHealth>;
  /**
   * Metrics, control and the dashboard, as a request handler.
   *
   * @example
   * app.use('/admin/prewarm', worker.router({ auth: bearerAuth(process.env.ADMIN_API_TOKEN) }));
   * @throws `ERR_WARMPATH_INVALID_OPTION`, also where `auth` is not given
   */
  router(options: AdminRouterOptions): AdminRouter;
}

// ---------------------------------------------------------------------------------------------------------------------
// PrewarmWorker

/**
 * A Postgres pool, by its shape: `pg.Pool`, or anything with such a `query`. Where it has `on` and `removeListener`, the
 * worker listens to its `error` events while it runs.
 *
 * @see https://node-postgres.com/apis/pool
 */
export interface PgPool {
  /** As of `pg`. */
  query(text: string, params?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** Names of a table and its columns, where they are not the usual ones. Every name is quoted in the SQL. */
export interface PostgresNames {
  /** The table of the jobs: `table` or `schema.table`. Default `media_cache`. */
  table?: string | undefined;
  /** Where the object of a row is looked up that says nothing of it itself; null: nowhere. Default `media_store`. */
  mediaTable?: string | null | undefined;
  /**
   * Columns under other names. Null for one of those that are only there to be read by people: fileUniqueId, chatId,
   * messageId, warmedAt, createdAt, updatedAt, retryCount, nextRetryAt, lastRetryAt. Default: the names of {@link PostgresColumns}.
   */
  columns?: PostgresColumns | undefined;
}

export interface PostgresColumns {
  /** Key. Default `bot_slug`. */
  botSlug?: string | undefined;
  /** Key. Default `sha256`. */
  sha256?: string | undefined;
  /** Key. Default `kind`. */
  kind?: string | undefined;
  /** `warming`, `ready` or `error`. Default `status`. */
  status?: string | undefined;
  /** Default `file_id`. */
  fileId?: string | undefined;
  /** Null: not written, here and below. Default `file_unique_id`. */
  fileUniqueId?: string | null | undefined;
  /** Where the message is. Default `warmup_chat_id`. */
  chatId?: string | null | undefined;
  /** Default `warmup_message_id`. */
  messageId?: string | null | undefined;
  /** Default `warmup_at`. */
  warmedAt?: string | null | undefined;
  /** Default `last_error`. */
  lastError?: string | undefined;
  /** Default `created_at`. */
  createdAt?: string | null | undefined;
  /** Default `updated_at`. */
  updatedAt?: string | null | undefined;
  /** For people; the count is `attempts`. Default `retry_count`. */
  retryCount?: string | null | undefined;
  /** For people; the time is `runAt`. Default `next_retry_at`. */
  nextRetryAt?: string | null | undefined;
  /** Default `last_retry_at`. */
  lastRetryAt?: string | null | undefined;
  /** Higher first. Default `priority`. */
  priority?: string | undefined;
  /** Not to be claimed before. Default `run_at`. */
  runAt?: string | undefined;
  /** Charged tries. Default `attempts`. */
  attempts?: string | undefined;
  /** Claims that ended without a word. Default `lost_leases`. */
  lostLeases?: string | undefined;
  /** Grows with every claim. Default `fence`. */
  fence?: string | undefined;
  /** Until when it is claimed. Default `lease_until`. */
  leaseUntil?: string | undefined;
  /** Who has claimed it. Default `lease_owner`. */
  leaseOwner?: string | undefined;
  /** What the job says beyond its key. Default `job`. */
  job?: string | undefined;
}

export interface MigrateOptions extends PostgresNames {
  /** Created where it is missing. Default `bots`. */
  botsTable?: string | undefined;
  /** The column of `botsTable` that holds the token. Default `token`. */
  tokenColumn?: string | undefined;
  /** Only say what would be run. Default false. */
  dryRun?: boolean | undefined;
  /** Take back what was added; tables of the app stay, with their rows. Default false. */
  down?: boolean | undefined;
  /** How long to wait for another process that migrates, ms. Default 300,000. */
  lockWaitMs?: number | undefined;
  /** Called before each statement. Default: none. */
  log?: ((sql: string) => unknown) | undefined;
}

/**
 * Prepares a database for {@link PostgresStore}: `npx warmpath migrate` as a function. Safe to run again, by two processes
 * at once, and on a database in use: indexes are built concurrently, every statement runs by itself, and a statement that
 * does not get its lock soon gives way and tries again.
 *
 * Rejects with `ERR_WARMPATH_INVALID_OPTION`, with `ERR_WARMPATH_DATABASE`, and with `ERR_WARMPATH_INVALID_ARGUMENT` where a
 * pooler is between (the lock of a migration belongs to a connection).
 *
 * @param pool a `pg.Pool`
 * @returns the migrations that were applied now, and the statements, one by one
 */
export function migrate(
  pool: { connect(): Promise<unknown> },
  options?: MigrateOptions,
): Promise<{ migrations: string[]; statements: string[] }>;

/** A message as the hooks of {@link CampaignWorker} see it. */
export interface CampaignMessage {
  /** Its id in the table, as text. */
  messageId: string;
  /** Of its run, as text. */
  runId: string;
  /** Of whom it is for, as text; null: nobody is named. */
  leadId: string | null;
  /** Tries, this one included, from 1. */
  attempt: number;
  /** The whole row, as JSON. */
  row: Record<string, unknown>;
  /** Of the row. */
  payload: CampaignContext | null;
  /** Where there are any, the text was written before, and only `recipient` counts. */
  parts: { text: string; delivered: boolean }[];
}

/** What a message needs beyond its row: to be written, and to be sent. */
export interface CampaignContext {
  /** The prompt. Needed, unless the text was written before. */
  messages?: readonly LlmMessage[] | undefined;
  /** Passed on to the webhook as it is. Default: none. */
  recipient?: Readonly<Record<string, unknown>> | undefined;
  /** Instead of `llm.models`, `llm.maxTokens`, `llm.temperature`. Default: those. */
  models?: readonly string[] | undefined;
  /** Instead of `llm.maxTokens`, tokens. Default: that. */
  maxTokens?: number | undefined;
  /** Instead of `llm.temperature`. Default: that. */
  temperature?: number | undefined;
  /**
   * Why the message is not to be sent (the lead has left): it becomes `skipped`, unless a part of it was sent already.
   * Default: it is sent.
   */
  skip?: string | undefined;
}

export interface CampaignWorkerOptions
  extends Omit<CampaignCommonOptions, 'llm' | 'webhook' | 'confirmParts' | 'concurrency' | 'capacity'>,
    CampaignNames {
  /** A pg.Pool, or anything with `query(text, params)`. The database must be migrated: {@link migrateCampaigns}. */
  pool: PrewarmWorkerOptions['pool'] & {};
  /** Who writes. */
  llm: LlmOptions;
  /** Who sends. */
  webhook: CampaignWebhookOptions;
  /** Messages that are written at once, and as many that are delivered, 1 to 4096: a sliding window, not chunks. Default 5. */
  window?: number | undefined;
  /** Contexts of many messages at once, by `messageId`; one to four windows a call. Has 30 s. Default: `context`, one by one. */
  contexts?: ((messages: CampaignMessage[]) => Awaitable<Map<string, CampaignContext | null | undefined>>) | undefined;
  /**
   * The context of one message, where `contexts` is not there, has failed, or has none for it: never more than `window` at a
   * time. Where this has none either, `payload` of the row is the context; without one the message has failed.
   */
  context?: ((message: CampaignMessage) => Awaitable<CampaignContext | null | undefined>) | undefined;
  /**
   * Waits inside a try are as of {@link CampaignExecutorOptions}. `delaysMs`: the delay before each further try; as many as
   * entries, at most 32; 0-10 % of jitter is added. Default `[300000, 900000, 1800000]`.
   */
  retry?: (RetryOptions & { delaysMs?: readonly number[] | undefined }) | undefined;
  /** A run is worked on while it has one of these; the first is what resumeRun() sets. Default `['running']`. */
  activeStatuses?: readonly string[] | undefined;
  /** Messages that have waited for longer since `scheduled_at` become `skipped`, ms. Default: none does. */
  skipAfterMs?: number | undefined;
  /** A message whose workers ended without a word more often than this, in a row, has failed. Default 5. */
  maxLostLeases?: number | undefined;
  /** How long a message is nobody else's, 10,000 to 86,400,000 ms; renewed at a third. Default 120,000. */
  leaseMs?: number | undefined;
  /** How often the runs of claimed messages are looked at, and the table when nothing is due, ms. Default 2000. */
  pollMs?: number | undefined;
  /** For a statement, ms. Default 30,000. */
  timeoutMs?: number | undefined;
  /** As of {@link PostgresStoreOptions}. Default true. */
  prepare?: boolean | undefined;
  /** Default: nothing is logged. */
  logger?: Logger | undefined;
  /** Metrics `campaign_*`; labels are closed sets. */
  observe?: PrewarmWorkerOptions['observe'];
  /** As {@link PrewarmWorkerOptions}`.onError`. Default: none. */
  onError?: PrewarmWorkerOptions['onError'];
}

/** A message to be put in. Keys may be text or whole numbers, as the table has them. */
export interface NewCampaignMessage {
  /** Its run, which must exist. */
  runId: string | number | bigint;
  /** Default: the table's. With one, the same message is put in once. */
  messageId?: string | number | bigint | undefined;
  /** Whom it is for. Default: nobody. */
  leadId?: string | number | bigint | undefined;
  /** Default: now. */
  scheduledAt?: Date | undefined;
  /** The context, where no hook gives one. At most 1 MiB of JSON. Default: none. */
  payload?: CampaignContext | undefined;
}

/** Counts of a window, or of all since the worker was made. `retried`: tries that will be repeated; `paused`: handed back. */
export interface CampaignCounts {
  /** Messages that are delivered. */
  processed: number;
  /** Messages that failed for good. */
  failed: number;
  /** Tries that will be repeated. */
  retried: number;
  /** Messages that were handed back. */
  paused: number;
}

/** After each `window` messages. */
export interface CampaignProgress extends CampaignCounts {
  /** All of them. */
  messages: number;
  /** Messages that were not to be sent. */
  skipped: number;
  /** Delivered. */
  parts: number;
  /** That the models read and wrote. */
  tokens: number;
  /** As the service says it, in its currency (OpenRouter: USD). */
  cost: number;
  /** Since the last one. */
  ms: number;
}

/** What became of a message. `skipped` says why, and then nothing else is there. */
export interface CampaignSent extends Partial<Omit<CampaignGenerated, 'step' | 'parts' | 'text'>> {
  /** Of the message. */
  parts?: number;
  /** In this try. */
  delivered?: number;
  /** Parts that the webhook knew already (409), in this try. */
  repeated?: number;
  /** Why it was not to be sent. */
  skipped?: string;
}

interface CampaignResultCommon extends Accounting {
  /** The id of the message. */
  key: string;
  /** The message. */
  job: CampaignMessage;
  /** Tries so far, from 1. */
  attempt: number;
  /** How long the message was due before it was claimed, ms. */
  waitedMs: number;
}

/** What became of a try. `done` has `value`, the others `error`; `dead`: failed for good. */
export type CampaignResult =
  | (CampaignResultCommon & { state: 'done'; status: 'succeeded'; value: CampaignSent; error?: undefined })
  | (CampaignResultCommon & { state: 'dead'; status: 'failed'; error: PrewarmFailure; value?: undefined })
  | (CampaignResultCommon & {
      state: 'retry';
      status: 'failed';
      /** Why it failed. */
      error: PrewarmFailure;
      /** When it is tried again, ms since 1970. */
      runAtMs: number;
      value?: undefined;
    });

export interface CampaignWorkerEvents {
  /** Results that are recorded; each comes by its own event too. */
  settled: [results: CampaignResult[]];
  /** A message was delivered, or skipped. */
  succeeded: [result: CampaignResult & { state: 'done' }];
  /** Failed for good. */
  failed: [result: CampaignResult & { state: 'dead' }];
  /** A try failed, and is repeated later. */
  retry: [result: CampaignResult & { state: 'retry' }];
  /** Progress. */
  window: [progress: CampaignProgress];
  /** A failure that belongs to no message: the database, a hook, a key that is refused. Without a listener it is dropped. */
  error: [error: WarmpathError];
}

export interface CampaignWorkerStats {
  /** Due, as far as this process knows; and claimed, but not begun. */
  queued: number;
  /** Between two tries inside the executor. */
  waiting: number;
  /** In work now. */
  running: number;
  /** Ended with a result. */
  succeeded: number;
  /** Ended without one, for good. */
  failed: number;
  /** Tries after the first. */
  retries: number;
  /** Since the worker was made. */
  messages: CampaignCounts;
  /** Nothing is claimed for 30 s, because a key was refused or an account is empty. */
  holding: boolean;
  /** The window. */
  concurrency: number;
  /** Most messages that may be ready at once. */
  capacity: number;
  /** Results that are not recorded yet. */
  recording: number;
  /** Of the executor, once the worker was started. */
  usage?: LlmUsage;
  /** As of {@link CampaignExecutorStats}. */
  models?: Record<string, LlmModelStats>;
}

/**
 * Campaigns from the app's own tables: claims due messages of running runs, asks the app for their contexts in batches, has
 * an LLM write them, stores the parts, delivers them by webhook, and records each part before the next is sent. Failures come
 * back after 5, 15 and 30 min (`retry.delaysMs`); after that, or at once where it is no use, the message is `failed`. Any
 * number of processes share the tables.
 *
 * Tokens, cost, generation and split time are saved with each message. Nothing of a text or a prompt, no key and no URL is
 * ever logged.
 *
 * @example
 * await migrateCampaigns(pool);
 * const worker = new CampaignWorker({
 *   pool,
 *   llm: { apiKey: process.env.OPENROUTER_API_KEY, models: ['openai/gpt-5-mini'] },
 *   webhook: { url: process.env.WEBHOOK_URL, secret: process.env.WEBHOOK_SECRET },
 *   contexts: async (messages) => new Map((await leadsOf(messages)).map((lead) => [lead.messageId, promptFor(lead)])),
 * });
 * await worker.start();
 * process.once('SIGTERM', () => worker.stop());
 */
export class CampaignWorker extends OperatedWorker<CampaignWorkerEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: CampaignWorkerOptions);
  /** As {@link PrewarmWorker.start}. With `skipAfterMs`, old messages are skipped first. */
  start(): Promise<void>;
  /** As {@link PrewarmWorker.stop}: what has not begun is handed back at once, what runs may finish for `timeoutMs`. */
  stop(options?: CloseOptions): Promise<void>;
  /**
   * Puts a message in, also before start(). Rejects with `ERR_WARMPATH_INVALID_JOB`, `ERR_WARMPATH_CLOSED`,
   * `ERR_WARMPATH_DATABASE`.
   */
  enqueue(message: NewCampaignMessage): Promise<Exclude<EnqueueStatus, 'full'>>;
  /** One status per message; all are checked before the first is put in. */
  enqueueMany(messages: readonly NewCampaignMessage[]): Promise<Exclude<EnqueueStatus, 'full'>[]>;
  /** The app has put messages in with SQL of its own: looks now. */
  wake(): void;
  /**
   * No further message of this run is begun, and no further part sent, in any process (others hear of it within `pollMs`).
   *
   * @returns its status now, or null where there is no such run. Rejects with `ERR_WARMPATH_DATABASE`
   */
  pauseRun(runId: string | number | bigint): Promise<string | null>;
  /** @returns as pauseRun() */
  resumeRun(runId: string | number | bigint): Promise<string | null>;
  /** How a run is getting on: messages by status, tokens, cost; null where there is no such run. */
  run(
    runId: string | number | bigint,
  ): Promise<{ status: string; messages: Record<string, number>; tokens: number; cost: number } | null>;
  /** Counters and state, as of now. */
  stats(): CampaignWorkerStats;
  /** stop(). */
  [Symbol.asyncDispose](): Promise<void>;
}

export {
  createFetch,
  type FetchLimits,
  type FetchOptions,
  type FetchRetry,
  type FetchStats,
  type WarmpathFetch,
} from './lib/fetch';

/** The app's tables of campaigns, and the columns by the name they are known under. Default: the names themselves, in snake_case. */
export interface CampaignNames {
  /** The messages: `name` or `schema.name`. Default `campaign_messages`. */
  table?: string | undefined;
  /** Default `campaign_runs`. */
  runsTable?: string | undefined;
  /** Default `leads`. */
  leadsTable?: string | undefined;
  /** Of `table`, by the name they are known under. Default: the same in snake_case. */
  columns?:
    | Partial<
        Record<
          | 'id'
          | 'runId'
          | 'leadId'
          | 'status'
          | 'scheduledAt'
          | 'nextRetryAt'
          | 'retryCount'
          | 'lastError'
          | 'aiTokensUsed'
          | 'aiGenerationTimeMs'
          | 'splitTimeMs'
          | 'cost'
          | 'aiModel'
          | 'sentAt'
          | 'updatedAt'
          | 'payload'
          | 'fence'
          | 'leaseUntil'
          | 'leaseOwner'
          | 'lostLeases',
          string
        >
      >
    | undefined;
  /** Of `runsTable`. Default: `id`, `status`. */
  runColumns?: { id?: string | undefined; status?: string | undefined } | undefined;
}

export interface MigrateCampaignsOptions
  extends CampaignNames,
    Pick<MigrateOptions, 'dryRun' | 'down' | 'lockWaitMs' | 'log'> {}

/**
 * Brings a database to what {@link CampaignWorker} needs, or back: the app's tables where they are missing, columns, the table of
 * parts, indexes (built concurrently), and the functions `get_and_lock_campaign_messages`,
 * `mark_old_campaign_messages_as_skipped` and `mark_campaign_message_retry`, except where the app has one of that name. Safe to run
 * again, by two processes at once, and on a database in use.
 *
 * Rejects as {@link migrate}.
 */
export function migrateCampaigns(
  pool: { connect(): Promise<unknown> },
  options?: MigrateCampaignsOptions,
): Promise<{ migrations: string[]; statements: string[] }>;

/** Only these methods are used, each with one line of text and an object of fields. `console` fits. */
export interface Logger {
  /** For finding faults. */
  debug(message: string, fields?: object): unknown;
  /** What happened. */
  info(message: string, fields?: object): unknown;
  /** What somebody may have to look at. */
  warn(message: string, fields?: object): unknown;
  /** What somebody has to look at. */
  error(message: string, fields?: object): unknown;
}

/** Labels of a metric: closed sets only. */
export interface MetricLabels {
  /** Slug of the bot. */
  bot?: string;
  /** The kind of media. */
  kind?: MediaKind;
  /** Code of the failure. */
  error?: WarmpathErrorCode;
}

/**
 * Takes a metric: counters (`…_total`, to be added), durations (`…_ms`) and gauges (`media_prewarm_queue_size`,
 * `…_active_workers`, `…_batch_size`). What it throws is ignored.
 */
export type Observe = (name: string, value: number, labels?: MetricLabels) => unknown;

/** What a worker needs to know of a bot. */
export interface BotAccount {
  /** `123456:ABC`. Absent, or of another form: `ERR_WARMPATH_BOT_TOKEN_NOT_SET`. */
  token: string | null | undefined;
  /** Warm-up chats; the one that may be sent to first is used. None, or no chat ids: `ERR_WARMPATH_WARMUP_CHAT_NOT_SET`. */
  chatIds: readonly ChatId[];
}

/** Null: no such bot, `ERR_WARMPATH_BOT_NOT_FOUND`. A failure is a transient `ERR_WARMPATH_DATABASE`, never an absence. */
export type ResolveBot = (slug: string) => Awaitable<BotAccount | null | undefined>;

export interface WorkerRetryOptions extends RetryOptions {
  /**
   * The delay before each retry by the store, ms; as many retries as entries, at most 32. Not used with a `store` of your
   * own. Default `[60000, 120000, 240000, 480000, 960000]`.
   */
  delaysMs?: readonly number[] | undefined;
}

/** Options of a {@link PrewarmWorker}, but for where it finds its bots. */
export interface PrewarmWorkerSettings extends PrewarmCommonOptions {
  /**
   * Where jobs wait. Default: with a pool a {@link PostgresStore} (results go to `media_cache`, too), else a
   * {@link MemoryStore} with `capacity`; both with `retry.delaysMs`.
   */
  store?: Store | undefined;
  /** Of tries in the store and inside the executor. Default: see {@link WorkerRetryOptions}. */
  retry?: WorkerRetryOptions | undefined;
  /** How long a claimed job is reserved, ms; renewed at a third of it. 10,000 to 86,400,000. Default 60,000. */
  leaseMs?: number | undefined;
  /**
   * Fallback poll for a store that cannot tell of work, ms; at least 10. It gets rarer while nothing is found, up to 30 s.
   * Work itself waits for no tick. Default 2000.
   */
  pollMs?: number | undefined;
  /** Send a media once more when its file_unique_id has 10 characters or fewer on the first attempt. Default false. */
  retryWeakId?: boolean | undefined;
  /** Default: nothing is logged. */
  logger?: Logger | undefined;
  /** Metrics `media_prewarm_*`. What it throws is ignored. Default: none. */
  observe?: Observe | undefined;
  /**
   * Told of every job that failed for good, and of every failure that belongs to no job; as error trackers take it. What it throws
   * is dropped. Default: none.
   */
  onError?: ((err: WarmpathError, context: ErrorContext) => unknown) | undefined;
}

/** What is known of a failure; the last three where it is a job's. */
export interface ErrorContext {
  /** `prewarm`, `ingest` or `campaign`. */
  worker: string;
  /** Of the job; absent for a failure of no job. */
  key?: string;
  /** As far as it may be shown. */
  job?: Partial<JobItem>;
  /** Tries of the job so far. */
  attempt?: number;
}

/** A `pool`, a `resolveBot`, or both. */
export type PrewarmWorkerOptions = PrewarmWorkerSettings &
  (
    | {
        /** Tables `bots`, `media_store` and `media_cache` are the app's, prepared by `npx warmpath migrate`. */
        pool: PgPool;
        /** The column of `bots` that holds the token. Default `token`. */
        tokenColumn?: string | undefined;
        /**
         * Kept for 5 min (an absence 10 s), one lookup at a time per bot, asked again when Telegram refuses the bot. Default:
         * `token` and `warmup_chat_id` of `bots` by `slug`, where `deleted_at` is null.
         */
        resolveBot?: ResolveBot | undefined;
      }
    | {
        pool?: undefined;
        tokenColumn?: string | undefined;
        resolveBot: ResolveBot;
      }
  );

interface ResultBase extends Accounting {
  /** The job's key. */
  key: string;
  /** The job as it was enqueued. */
  job: StoredPrewarmJob;
  /** Charged attempts including this one, from 1. */
  attempt: number;
  /** How long the job was ready before it was claimed, ms. */
  waitedMs: number;
}

/** Sent and recorded. */
export interface PrewarmDoneResult extends ResultBase {
  status: 'succeeded';
  state: 'done';
  /** The file_id, and what else is known of the message. */
  value: PrewarmValue;
  error?: undefined;
  runAtMs?: undefined;
}

/** Failed for good. */
export interface PrewarmDeadResult extends ResultBase {
  status: 'failed';
  state: 'dead';
  value?: undefined;
  /** Why there is no file_id. */
  error: PrewarmFailure;
  runAtMs?: undefined;
}

/** Failed, and to be tried again. */
export interface PrewarmRetryResult extends ResultBase {
  status: 'failed';
  state: 'retry';
  value?: undefined;
  /** Why this try failed. */
  error: PrewarmFailure;
  /** When, ms since 1970. */
  runAtMs: number;
}

/** How an attempt of a worker's job ended, and what becomes of the job. */
export type PrewarmResult = PrewarmDoneResult | PrewarmDeadResult | PrewarmRetryResult;

export interface PrewarmWorkerEvents {
  /** Results that are recorded; each comes by its own event too. */
  settled: [results: PrewarmResult[]];
  /** A job has its file_id, and it is recorded. */
  succeeded: [result: PrewarmDoneResult];
  /** Failed for good. */
  failed: [result: PrewarmDeadResult];
  /** A try failed, and is repeated later. */
  retry: [result: PrewarmRetryResult];
  /** A failure that belongs to no job, such as a database that is away. Without a listener it is dropped, never thrown. */
  error: [error: WarmpathError];
  /**
   * A warm-up chat became a supergroup. The worker uses the new id from now on; write it down, or the first job after a
   * restart asks for the old one again. Once per chat and process.
   */
  'chat-migrated': [chat: { botSlug: string; from: string; to: string }];
}

/**
 * Numbers of this process. `succeeded`, `failed` and `retries` count since the worker was made; the optional ones are those
 * of the executor, absent before the first start() and counted from the last one.
 */
export interface PrewarmWorkerStats
  extends Pick<PrewarmExecutorStats, 'queued' | 'running' | 'succeeded' | 'failed' | 'concurrency' | 'capacity'>,
    Partial<
      Pick<
        PrewarmExecutorStats,
        | 'adaptive'
        | 'byClass'
        | 'bytesIn'
        | 'bytesOut'
        | 'paused'
        | 'possibleDuplicates'
        | 'resumes'
        | 'phases'
        | 'limits'
        | 'cache'
      >
    > {
  /** Jobs between two tries, in the store or in the executor. */
  waiting: number;
  /** Attempts that the store will repeat. */
  retries: number;
  /** Results that are not recorded yet. */
  recording: number;
}

/**
 * A durable prewarm worker: takes jobs without token, looks the bot up, sends, records the file_id.
 *
 * With `pool` and no `store`, jobs wait in `media_cache`, and results go there too: a {@link PostgresStore}, shared by any
 * number of processes. An idle worker keeps no process alive.
 *
 * Events: `settled`, `succeeded`, `failed`, `retry`, `error`, `chat-migrated`, see {@link PrewarmWorkerEvents}.
 *
 * @example
 * const worker = new PrewarmWorker({ pool, s3: { accountId, bucket, accessKeyId, secretAccessKey } });
 * worker.on('succeeded', ({ job, value }) => console.log(job.botSlug, value.fileId));
 * await worker.start();
 * await worker.enqueue({ botSlug: 'shop', sha256, kind: 'photo', r2Key: 'cats/1.jpg' });
 */
export class PrewarmWorker extends OperatedWorker<PrewarmWorkerEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: PrewarmWorkerOptions);
  /**
   * Starts to work; a running worker is left as it is, a stopped one starts anew. A database that is away is no reason to
   * reject (an `error` event tells, and the claim is repeated). Rejects with `ERR_WARMPATH_CLOSED` while it is stopping.
   */
  start(): Promise<void>;
  /**
   * Claims no more, lets what was claimed finish for `timeoutMs`, then hands the rest back to the store, uncharged. Resolves
   * when every result is recorded (up to 2 s more), or was given up. A second call can only shorten the wait. Rejects with
   * `ERR_WARMPATH_INVALID_ARGUMENT`.
   */
  stop(options?: CloseOptions): Promise<void>;
  /**
   * Queues a job, also before the first start(). Rejects with `ERR_WARMPATH_INVALID_JOB` naming the field,
   * `ERR_WARMPATH_CLOSED` after stop(), or `ERR_WARMPATH_DATABASE`.
   */
  enqueue(job: PrewarmWorkerJob): Promise<EnqueueStatus>;
  /** One status per job; all jobs are checked before the first is queued. Rejects as enqueue(). */
  enqueueMany(jobs: readonly PrewarmWorkerJob[]): Promise<EnqueueStatus[]>;
  /**
   * A live send found that this file_id is not valid (any more), see {@link isStaleFileId}: its result is forgotten, and its
   * media warmed again before everything else. `unknown`: no result has it, or it was warmed again already. With a pool the
   * row of `media_cache` is found by its file_id; with a `store` of your own by its `invalidate`, else among the last 10,000
   * results of this process. Rejects with `ERR_WARMPATH_INVALID_ARGUMENT`, `ERR_WARMPATH_CLOSED`, `ERR_WARMPATH_DATABASE`.
   */
  heal(fileId: string): Promise<EnqueueStatus | 'unknown'>;
  /** As {@link PrewarmExecutor.limits}. */
  limits(): Limits | false;
  /** As {@link PrewarmExecutor.setLimits}; kept when the worker is started anew. */
  setLimits(limits: false | LimitsChange): void;
  /** As {@link PrewarmExecutor.throttled}. */
  throttled(): ThrottledKey[];
  /** As {@link PrewarmExecutor.plan}. */
  plan: PrewarmExecutor['plan'];
  /** As {@link PrewarmExecutor.report}; so a worker fits the adapters for live traffic too. */
  report(live: LiveReport): boolean;
  /** Counters and state, as of now. */
  stats(): PrewarmWorkerStats;
  /** stop(). */
  [Symbol.asyncDispose](): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------------------
// IngestWorker

/** For whom a stored media is warmed; what is left out is what was found out about it. */
export interface IngestPrewarmTarget {
  /** The bot's slug. */
  botSlug: string;
  /** Default: the kind of the media. */
  kind?: MediaKind | undefined;
  /** Of the warm-up message. Default: none. */
  caption?: string | undefined;
  /** Default: the name of the media. */
  fileName?: string | undefined;
  /** 32-bit integer, higher first. Default 0. */
  priority?: number | undefined;
}

/**
 * A job of an {@link IngestWorker}. Key, id and time are filled in when it is enqueued, so that every attempt writes the same
 * name. A sender delivers a message more than once: give the `key` that it has there.
 */
export interface IngestWorkerJob extends Omit<IngestJob, 'leaseMs'> {
  /** At most 1000 characters. Default: the `id`, else one that is made up, so that nothing is a duplicate. */
  key?: string | undefined;
  /**
   * The app's own, handed back with the result and in every event: plain JSON of at most 16,384 characters. Never a secret.
   * Default: none.
   */
  meta?: Readonly<Record<string, unknown>> | undefined;
  /** With `then: 'prewarm'`: for which bots; at most 100. Default: none. */
  prewarm?: IngestPrewarmTarget | readonly IngestPrewarmTarget[] | undefined;
}

/** A job as a store holds it: checked, with its key. */
export type StoredIngestJob = IngestWorkerJob & {
  /** As it was given, or made. */
  key: string;
  /** As it was given, or made: part of the name of the file. */
  id: string;
  /** As it was given, or the time it was enqueued, s since 1970. */
  timestamp: number;
  /** A list, by now. Default: none. */
  prewarm?: readonly IngestPrewarmTarget[] | undefined;
};

export type IngestStore = Store<StoredIngestJob, IngestValue>;

export interface PostgresIngestStoreOptions {
  /** A `pg.Pool`, or anything with its `query(text, params)`. Never ended by the store. */
  pool: PgPool;
  /** `table` or `schema.table`. Default `ingest_jobs`, which `npx warmpath migrate` creates. */
  table?: string | undefined;
  /** The delay before each retry, ms; as many retries as entries, at most 32. Default `[2000, 10000, 60000, 300000, 1800000]`. */
  delaysMs?: readonly number[] | undefined;
  /** As {@link PostgresStoreOptions.maxLostLeases}. Default 3. */
  maxLostLeases?: number | undefined;
  /** How long it is known that a job is done, ms: as long as senders deliver it again. Default 604,800,000 (a week). */
  keepDoneMs?: number | undefined;
  /** How long jobs that failed for good are kept, with source and reason, ms. Default 2,592,000,000 (30 days). */
  keepFailedMs?: number | undefined;
  /** Largest `bytes`, `base64` or `dataUrl` of a job, bytes; larger ones are refused. Default 16,777,216. */
  maxPayloadBytes?: number | undefined;
  /** As {@link PostgresStoreOptions.enqueueTimeoutMs}. Default 5000. */
  enqueueTimeoutMs?: number | undefined;
  /** As {@link PostgresStoreOptions.timeoutMs}. Default 30,000. */
  timeoutMs?: number | undefined;
  /** As {@link PostgresStoreOptions.listen}. Default true. */
  listen?: boolean | string | object | undefined;
  /** As {@link PostgresStoreOptions.notify}. Default true. */
  notify?: boolean | undefined;
  /** As {@link PostgresStoreOptions.prepare}. Default true. */
  prepare?: boolean | undefined;
  /** Gets the failures of what runs in the background. Default: none. */
  onError?: ((err: WarmpathError) => unknown) | undefined;
}

/** What is known of a job. */
export type IngestFound =
  | { state: 'waiting' | 'running'; attempts: number }
  | { state: 'done'; value: IngestValue; attempts: number }
  | { state: 'failed'; error: string | null; attempts: number };

/**
 * Jobs of incoming media in Postgres, in a table of their own. Any number of processes may share it, and any of them may claim
 * any row. Needs `npx warmpath migrate`. A job that waits holds its source, keys of WhatsApp media included; what is done holds
 * none. See docs/ingest-queue.md.
 */
export class PostgresIngestStore implements IngestStore {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option */
  constructor(options: PostgresIngestStoreOptions);
  /** The name of this instance, in the column lease_owner. */
  readonly id: string;
  /**
   * One status per job, never 'full'. Rejects with `ERR_WARMPATH_INVALID_JOB`, `ERR_WARMPATH_CLOSED`, and within
   * `enqueueTimeoutMs` with `ERR_WARMPATH_DATABASE`, whose `certainty` says whether jobs may have been queued.
   */
  enqueue(jobs: readonly IngestWorkerJob[]): Promise<EnqueueStatus[]>;
  /** See {@link Store}. `owner`: by default this instance. */
  claim(request: {
    limit: number;
    leaseMs: number;
    owner?: string | undefined;
  }): Promise<StoreClaim<StoredIngestJob>[]>;
  /** See {@link Store}. */
  extend(leases: readonly StoreLease[], leaseMs: number): Promise<boolean[]>;
  /** See {@link Store}. */
  settle(settlements: readonly StoreSettlement<IngestValue>[]): Promise<StoreSettled[]>;
  /** See {@link Store}. */
  release(leases: readonly StoreLease[]): Promise<void>;
  /** See {@link Store}. */
  take(job: StoredIngestJob, request: { leaseMs: number }): Promise<StoreTaken<IngestValue>>;
  /** One answer per key; null for a job that is not known (any more). */
  lookup(keys: readonly string[]): Promise<(IngestFound | null)[]>;
  /** As far as this process knows: counted now and then. `capacity` is Infinity. */
  stats(): StoreStats;
  /** Counts now. */
  counts(): Promise<{ queued: number; delayed: number; running: number }>;
  /** See {@link Store}. */
  nextDueMs(): Promise<number | null>;
  /** See {@link Store}. */
  onWork(fn: () => void): () => unknown;
  /** See {@link Store}. */
  leave(): void;
  /** See {@link Store}. */
  close(): void;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A stored media, as the app's `record` gets it. */
export interface IngestStored {
  /** The job's key. */
  key: string;
  /** Whose medium it is. */
  session: string | undefined;
  /** The app's own, as it was enqueued. */
  meta: Readonly<Record<string, unknown>> | undefined;
  /** What was stored, and where. */
  value: IngestValue;
}

/**
 * What happens to a media, as plain JSON without any source: `io.to(event.session).emit(event.type, event)`.
 * `media:queued`, `media:started` (each attempt), `media:stored`, `media:retry`, `media:failed` (for good).
 */
export type IngestNotice = {
  /** The job's key. */
  key: string;
  /** Default: none. */
  session?: string | undefined;
  /** The app's own. Default: none. */
  meta?: Readonly<Record<string, unknown>> | undefined;
  /** ms since 1970. */
  at: number;
} & (
  | { type: 'media:queued'; queueSize?: number | undefined; via?: string | undefined }
  /** Tries so far, from 1. */
  | { type: 'media:started'; attempt: number }
  | ({
      type: 'media:stored';
      /** Name of the file, without its directory. */
      file?: string | undefined;
      /** Its object in the bucket. Default: it is in none. */
      r2Key?: string | undefined;
      /** From enqueue to store, ms. */
      ms: number;
    } & Omit<IngestValue, 'location'>)
  /** What happened: a stable name. */
  | { type: 'media:retry'; code: WarmpathErrorCode; attempt: number; retryInMs: number }
  /** What happened: a stable name. */
  | { type: 'media:failed'; code: WarmpathErrorCode; message: string; attempt: number }
);

/** What tells of jobs, and what happens after them; for a worker as for the BullMQ processor. */
export interface IngestJobHooks {
  /**
   * Writes down what was stored, before its job is done: when it rejects it is called again (backoff up to 30 s), and nothing is
   * downloaded again. It may see a media twice, after a crash. Default: none.
   */
  record?: ((stored: IngestStored[]) => unknown) | undefined;
  /** For Socket.IO, SSE and the like. What it throws is ignored. Default: none. */
  notify?: ((notice: IngestNotice) => unknown) | undefined;
  /** Default: nothing is logged. */
  logger?: Logger | undefined;
  /** Metrics `media_ingest_*`. What it throws is ignored. Default: none. */
  observe?: Observe | undefined;
  /** As {@link PrewarmWorkerOptions}`.onError`. Default: none. */
  onError?: ((err: WarmpathError, context: ErrorContext) => unknown) | undefined;
}

/** `then` and `prewarm` belong together. */
export type IngestThen =
  | { then?: undefined; prewarm?: undefined }
  | {
      /** When a media is stored, those bots that its job names (`job.prewarm`) get it prewarmed: the same bytes, not downloaded again. */
      then: 'prewarm';
      /** A {@link PrewarmWorker}, or anything that enqueues its jobs: from the bucket where the media went there, else from its file. */
      prewarm: { enqueueMany(jobs: PrewarmWorkerJob[]): Awaitable<readonly string[]> };
    };

/**
 * Options of an {@link IngestWorker}. Its hooks (`reupload`, `resolve`) get the job as it was enqueued, once an attempt; one that throws,
 * does not answer in time or answers what it may not is asked again by the next attempt, and only null says that the media cannot
 * be had.
 */
export type IngestWorkerOptions = IngestCommonOptions &
  IngestHooks &
  IngestJobHooks &
  IngestThen & {
    /** `delaysMs`: default `[2000, 10000, 60000, 300000, 1800000]`. */
    retry?: WorkerRetryOptions | undefined;
    /** As {@link PrewarmWorkerSettings.leaseMs}. Default 60,000. */
    leaseMs?: number | undefined;
    /** As {@link PrewarmWorkerSettings.pollMs}. Default 2000. */
    pollMs?: number | undefined;
  } & (
    | {
        /** Jobs wait in the table `ingest_jobs`: a {@link PostgresIngestStore}. */
        pool: PgPool;
        store?: undefined;
      }
    | {
        pool?: undefined;
        /** Default: a {@link MemoryStore} with `capacity`, which remembers its last 10,000 keys. */
        store?: IngestStore | undefined;
      }
  );

/**
 * A source as events have it: no key of a media, no value of a header, no byte, and of an address its origin alone. What was
 * enqueued is the app's to look up, by the key of the job.
 */
export type IngestShownSource =
  | {
      type: 'url';
      origin: string | undefined;
      /** Names of the headers, as they were given. */
      headers?: string[];
    }
  | { type: 'whatsapp'; mediaType: WhatsAppMediaType; origin?: string | undefined }
  | { type: 'mediaId'; mediaId: string }
  | { type: 'path'; path: string }
  | { type: 'r2Key'; r2Key: string }
  | {
      type: 'base64' | 'dataUrl' | 'bytes';
      /** Of the text in characters, of bytes in bytes. */
      length: number;
    };

/** A job as events have it. */
export interface IngestShownJob extends Omit<StoredIngestJob, 'source'> {
  /** Undefined for a row of the table that could not be read. */
  source: IngestShownSource | undefined;
}

interface IngestResultBase extends Accounting {
  /** The job's key. */
  key: string;
  /** What was enqueued, without what a log or a browser must not have of its source. */
  job: IngestShownJob;
  /** Charged attempts including this one, from 1. */
  attempt: number;
  /** How long the job was ready before it was claimed, ms. */
  waitedMs: number;
}

/** Stored and recorded. */
export interface IngestDoneResult extends IngestResultBase {
  status: 'succeeded';
  state: 'done';
  /** What was stored, and where. */
  value: IngestValue;
  error?: undefined;
  runAtMs?: undefined;
}

/** Failed for good. */
export interface IngestDeadResult extends IngestResultBase {
  status: 'failed';
  state: 'dead';
  value?: undefined;
  /** Why nothing was. */
  error: IngestFailure;
  runAtMs?: undefined;
}

/** Failed, and to be tried again. */
export interface IngestRetryResult extends IngestResultBase {
  status: 'failed';
  state: 'retry';
  value?: undefined;
  /** Why this try failed. */
  error: IngestFailure;
  /** When, ms since 1970. */
  runAtMs: number;
}

export type IngestResult = IngestDoneResult | IngestDeadResult | IngestRetryResult;

export interface IngestWorkerEvents {
  /** Results that are recorded; each comes by its own event too. */
  settled: [results: IngestResult[]];
  /** A medium is stored and recorded. */
  succeeded: [result: IngestDoneResult];
  /** Failed for good. */
  failed: [result: IngestDeadResult];
  /** A try failed, and is repeated later. */
  retry: [result: IngestRetryResult];
  /** A failure that belongs to no job, such as a database that is away. Without a listener it is dropped, never thrown. */
  error: [error: WarmpathError];
}

/** Milliseconds, exact within 5 %; zeros before the first job. */
export interface LatencyStats extends Quantiles {
  /** The arithmetic mean. */
  mean: number;
}

/** Numbers of this process, as those of a {@link PrewarmWorker}. */
export interface IngestWorkerStats
  extends Pick<PrewarmWorkerStats, 'queued' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'retries' | 'recording'>,
    Pick<PrewarmWorkerStats, 'concurrency' | 'capacity'>,
    Partial<Pick<IngestExecutorStats, 'byClass' | 'bytesIn' | 'bytesOut' | 'paused' | 'resumes' | 'phases'>> {
  /** The same as `succeeded`. */
  completed: number;
  /** Jobs that wait, now or for a retry. */
  depth: number;
  /** Bytes that were stored. */
  bytes: number;
  /** From the time a job could be claimed to its end. */
  latency: LatencyStats;
}

/**
 * A durable ingest worker: takes jobs that say where a media is, stores it, and says what became of it. With `pool`, jobs wait in
 * Postgres, shared by any number of processes; else in memory, or in a `store`. An idle worker keeps no process alive.
 *
 * Events: `settled`, `succeeded`, `failed`, `retry`, `error`, see {@link IngestWorkerEvents}. See docs/ingest-queue.md.
 *
 * @example
 * const worker = new IngestWorker({ pool, dir: '/var/media' });
 * worker.on('succeeded', ({ job, value }) => console.log(job.key, value.location.path));
 * await worker.start();
 * await worker.enqueue({ key: `wa:${message.id}`, source: { url } });
 */
export class IngestWorker extends OperatedWorker<IngestWorkerEvents> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` naming the option, `ERR_WARMPATH_NATIVE_LOAD` */
  constructor(options: IngestWorkerOptions);
  /** As {@link PrewarmWorker.start}. */
  start(): Promise<void>;
  /** As {@link PrewarmWorker.stop}. */
  stop(options?: CloseOptions): Promise<void>;
  /**
   * Queues a job, also before the first start(). Rejects with `ERR_WARMPATH_INVALID_JOB` naming the field,
   * `ERR_WARMPATH_CLOSED` after stop(), or `ERR_WARMPATH_DATABASE`.
   */
  enqueue(job: IngestWorkerJob): Promise<EnqueueStatus>;
  /** One status per job; all jobs are checked before the first is queued. Rejects as enqueue(). */
  enqueueMany(jobs: readonly IngestWorkerJob[]): Promise<EnqueueStatus[]>;
  /** Counters and state, as of now. */
  stats(): IngestWorkerStats;
  /** stop(). */
  [Symbol.asyncDispose](): Promise<void>;
}
