/// <reference types="node" />

/**
 * Protocol sandboxes: an R2 (S3) server, the Telegram Bot API and a TCP proxy that breaks connections, all on loopback
 * and in this process. Test your own bot against them, with faults by schedule and everything received on record.
 *
 * All sizes are bytes, all times milliseconds unless a name says otherwise. The servers listen on 127.0.0.1 and their
 * control addresses (`/__sandbox/…`) have no password: do not bind them elsewhere with data that matters.
 *
 * Optional peer dependencies: `@smithy/signature-v4` (R2Sandbox), `@xmldom/xmldom` (R2Sandbox, at the first request with an
 * XML body: complete a multipart upload, delete many, create a bucket with a location; there a missing one is a 500 that
 * says so), `@fastify/busboy` (TelegramSandbox), `mediainfo.js` (TelegramSandbox unless `probe: false`), `selfsigned`
 * (selfSignedCa). A missing one throws `ERR_WARMPATH_PEER_MISSING` with the install command; a wrong option throws
 * `ERR_WARMPATH_INVALID_OPTION`.
 *
 * @packageDocumentation
 */

// biome-ignore lint/complexity/noUselessEmptyExport: without it every declaration of the file would count as exported.
export {};

/** A server certificate in PEM. */
export interface TlsFiles {
  key: string;
  cert: string;
}

/**
 * Makes a throw-away certificate authority and, signed by it, a server certificate for `localhost`, `127.0.0.1` and `::1`.
 *
 * @param options `days` both are valid, default 2
 * @returns PEM texts: `ca` for the client (`http: { ca }`), `{ cert, key }` for `tls` of a sandbox
 * @throws `ERR_WARMPATH_PEER_MISSING` without the package `selfsigned`
 */
export function selfSignedCa(options?: { days?: number }): Promise<TlsFiles & { ca: string }>;

/**
 * When a fault bites.
 * - `head`: the request head is in, the body unread, nobody authenticated yet (R2)
 * - `body`: the request was read and its sender is known; nothing has happened
 * - `answer`: the request took effect and only the answer is spoilt: the client cannot know
 */
export type FaultStage = 'head' | 'body' | 'answer';

/** What every fault has in common. */
export interface FaultSchedule<Match> {
  /** Which requests; every field given must fit. Default: all. */
  match?: Match;
  /** How many of them, `Infinity` (over HTTP: `null`) for all. Default 1. */
  times?: number;
  /** How many matching requests pass unharmed first. Default 0. */
  after?: number;
  /** See {@link FaultStage}; the default depends on the kind. */
  at?: FaultStage;
}

/** Another answer instead of the real one. Default stage `body`: nothing happened on the server. */
export interface StatusFault {
  kind: 'status';
  /** Any HTTP status. */
  status: number;
  /** Extra or replaced headers. */
  headers?: Record<string, string | number>;
  /**
   * Default: what the real service sends with that status (XML of R2, `{ ok: false, … }` of Telegram). For Telegram an
   * object is sent as JSON.
   */
  body?: string | object;
  /** Seconds: `Retry-After` header and, for Telegram with status 429, `parameters.retry_after`. */
  retryAfter?: number;
  /** Send nginx's HTML page for 502 as the body. */
  html?: boolean;
}

/** Nothing is ever answered; the connection stays open. Default stage `body`. */
export interface StallBeforeHeadFault {
  kind: 'stallBeforeHead';
}

/**
 * The connection falls silent (and stays open), or breaks, after `bytes` of the body. `side: 'response'` (default)
 * counts body bytes sent to the client and never bites on a body that is shorter; `side: 'request'` counts body bytes
 * read from the client.
 */
export interface CutFault {
  kind: 'stallAfterBytes' | 'cutAfterBytes';
  bytes: number;
  side?: 'response' | 'request';
  /** `cutAfterBytes`: break by TCP reset instead of closing. Default false. */
  reset?: boolean;
}

/** The body passes at this rate. */
export interface TrickleFault {
  kind: 'trickle';
  bytesPerSecond: number;
  side?: 'response' | 'request';
}

/** `bytes` of the body, fewer than `Content-Length` announced, and then an orderly close. */
export interface TruncateFault {
  kind: 'truncate';
  bytes: number;
}

/** A complete answer of status 200 with no body (default stage `answer`), or with half of its JSON. */
export interface BadBodyFault {
  kind: 'emptyBody' | 'malformedJson';
}

/** An answer (default status 500) before the request body is read, and the connection closes at once. */
export interface AnswerThenCloseFault {
  kind: 'answerThenClose';
  status?: number;
  headers?: Record<string, string | number>;
  body?: string | object;
  retryAfter?: number;
  html?: boolean;
}

/** Waits before going on. May bite together with another fault on the same request. */
export interface DelayFault {
  kind: 'delay';
  ms: number;
}

/**
 * The object gets another ETag, as if it was stored again. Stage `body` (default): before this request is answered, so an
 * `If-Match` of the old one gets 412. Stage `answer`: this request still gets the old ETag and bytes, the next sees the
 * new one. May bite together with another fault.
 */
export interface ChangeEtagFault {
  kind: 'changeEtag';
}

/** The operations of R2Sandbox, by their names in the S3 API. */
export type R2Operation =
  | 'ListBuckets'
  | 'CreateBucket'
  | 'DeleteBucket'
  | 'HeadBucket'
  | 'GetBucketLocation'
  | 'ListObjects'
  | 'ListObjectsV2'
  | 'DeleteObjects'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'CopyObject'
  | 'DeleteObject'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'UploadPartCopy'
  | 'ListParts'
  | 'ListMultipartUploads'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload';

/** Which requests of R2: `method` as in HTTP, `keyPattern` is tested against the decoded key (text: a RegExp source). */
export interface R2Match {
  method?: string;
  operation?: R2Operation;
  bucket?: string;
  keyPattern?: RegExp | string;
}

/** Which requests of Telegram: `apiMethod` such as `sendPhoto` (any case; `file` for downloads). */
export interface TelegramMatch {
  method?: string;
  apiMethod?: string;
  botId?: number | string;
  /** As sent by the client; known from stage `body` on. */
  chatId?: number | string;
}

export type R2Fault = FaultSchedule<R2Match> &
  (
    | StatusFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | { kind: 'emptyBody' }
    | AnswerThenCloseFault
    | DelayFault
    | ChangeEtagFault
  );

export type TelegramFault = FaultSchedule<TelegramMatch> &
  (
    | StatusFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | BadBodyFault
    | AnswerThenCloseFault
    | DelayFault
  );

/** A scheduled fault. Its counters are live. */
export interface Fault {
  readonly id: number;
  readonly kind: string;
  /** Matching requests so far. */
  readonly seen: number;
  /** Requests it was set on, at most `times`. */
  readonly taken: number;
  /** How often it really did its harm: a test should look at this before it believes anything. */
  readonly bites: number;
  /** Resolves when it has bitten `count` times (default 1). */
  bitten(count?: number): Promise<Fault>;
}

/** The schedule of a sandbox. Of several faults due on one request the first added bites, besides delays and ETag changes. */
export interface FaultBook<Spec> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` for an unknown kind or field, or one that does not fit */
  add(fault: Spec): Fault;
  list(): Fault[];
  remove(id: number): boolean;
  clear(): void;
}

/** What both servers have. */
interface Sandbox {
  /** `http://127.0.0.1:PORT`, or `https://…` with `tls`. */
  readonly url: string;
  readonly port: number;
  /** Connections open right now. */
  readonly connections: number;
  /** Forgets everything received, stored and scheduled; bots, buckets and credentials stay. */
  reset(): void;
  /** Closes every connection, also those a fault left hanging, and removes temporary files. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** When set, requests must carry it. */
  sessionToken?: string;
}

export interface R2SandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Buckets that exist at start. Default `['media']`. */
  buckets?: string[];
  /** Default: one made-up pair, see {@link R2Sandbox.credentials}. */
  credentials?: Credentials[];
  tls?: TlsFiles;
  /** Region the credential scope must name. Default `auto`, which takes `us-east-1` too, as R2 does. */
  region?: string;
  /** `memory` (default) or a folder; the folder's objects are removed on close. */
  storage?: string;
  /** Wall clock, ms since 1970, for the checks of request dates. Default `Date.now`. */
  now?: () => number;
  /**
   * Smallest size of every part of a multipart upload but the last. Default 5 MiB, as on R2; tests may set it to 1 to upload
   * small parts. That all but the last must be equal stays.
   */
  minPartBytes?: number;
  /**
   * Bodies in signed or unsigned chunks (`x-amz-content-sha256: STREAMING-…`). `refuse` (default): 501 NotImplemented, as R2 was
   * seen to answer. `accept`: decoded, with every chunk signature and trailing checksum verified.
   */
  streamingSignatures?: 'refuse' | 'accept';
  /** A request to host `BUCKET.domain` is virtual-hosted style, to any other host path style. Default `localhost`. */
  domain?: string;
  /** Newest entries kept in `requests`. Default 20,000. */
  journalLimit?: number;
}

/** One request as R2Sandbox saw it. */
export interface R2Request {
  seq: number;
  /** ms since 1970. */
  at: number;
  /** From head to end of the answer; absent while it runs. */
  ms?: number;
  method: string;
  /** null where the request is for nothing that the sandbox has. */
  operation: R2Operation | null;
  bucket: string;
  key: string;
  range: string | null;
  ifMatch: string | null;
  /** How it was signed; null when the signature was not accepted. */
  auth: 'header' | 'presign' | null;
  accessKeyId: string | null;
  /** null while it runs, or when the client was gone before the answer. */
  status: number | null;
  /** S3 error code of a refusal. */
  code: string | null;
  /** Body bytes of the answer as intended, faults aside. */
  bytes: number;
  /** Kinds of the faults that were due on it. */
  faults: string[];
}

/**
 * An S3 server in the dialect of Cloudflare R2, path style and virtual-hosted style: objects with ranges and conditions,
 * copies, multipart uploads, listings, batch deletes, buckets. See {@link R2Operation}; anything else is a 501 or 405.
 *
 * The signature of every request, in the header or presigned, is checked with `@smithy/signature-v4`, every body against
 * its signed SHA-256, Content-MD5 and x-amz-checksum-* (CRC32, CRC32C, CRC64NVME, SHA1, SHA256), and refusals carry the codes
 * and statuses of R2 and S3. Multipart uploads follow R2's own rules (equal part sizes). Not there: chunk-signed bodies
 * unless {@link R2SandboxOptions.streamingSignatures} says so, versions, tags, ACLs, encryption keys, CORS, lifecycles.
 *
 * Control for other processes, JSON: `GET|DELETE /__sandbox/requests`, `GET|POST|DELETE /__sandbox/faults[/ID]`,
 * `POST /__sandbox/reset`, `PUT /__sandbox/objects/BUCKET/KEY` (unsigned).
 *
 * @example
 * const r2 = await R2Sandbox.start();
 * await r2.put('media', 'cat.jpg', bytes, { contentType: 'image/jpeg' });
 * const fault = r2.faults.add({ kind: 'cutAfterBytes', bytes: 1000, match: { keyPattern: /cat/ } });
 * // … the code under test reads from r2.url with r2.credentials[0] …
 * assert.equal(fault.bites, 1);
 * await r2.close();
 *
 * @see https://developers.cloudflare.com/r2/api/s3/api/
 */
export class R2Sandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: R2SandboxOptions): Promise<R2Sandbox>;
  readonly url: string;
  readonly port: number;
  readonly connections: number;
  readonly credentials: Credentials[];
  readonly requests: R2Request[];
  readonly faults: FaultBook<R2Fault>;
  /** Stores an object without HTTP; the bucket is made if absent. */
  put(
    bucket: string,
    key: string | Buffer,
    bytes: Uint8Array,
    properties?: { contentType?: string },
  ): Promise<{ etag: string }>;
  /** The bytes of an object, or null. */
  get(bucket: string, key: string | Buffer): Promise<Buffer | null>;
  reset(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export type MediaKind = 'photo' | 'video' | 'audio' | 'voice' | 'animation' | 'document' | 'sticker' | 'video_note';

/** A chat a bot can reach: an id, negative for groups, `-100…` for supergroups, `@name` for channels. */
export type SandboxChat =
  | number
  | string
  | {
      id: number | string;
      type?: 'private' | 'group' | 'supergroup' | 'channel';
      title?: string;
      /** The group became a supergroup with this id: answers 400 with `parameters.migrate_to_chat_id`. */
      migratedTo?: number;
      /** The bot was blocked or kicked: answers 403. */
      blocked?: boolean;
    };

export interface SandboxBot {
  /** `123456:letters`; the number is the bot's id. */
  token: string;
  username?: string;
  firstName?: string;
  /** Without it every well-formed chat id is accepted. */
  chats?: SandboxChat[];
}

/** Telegram's sending limits. Each counts messages that were accepted. */
export interface TelegramLimits {
  /** Messages a second to one chat. Default 1. */
  chatPerSecond?: number;
  /** How many of them may come at once. Default 1; the real service lets short bursts pass. */
  chatBurst?: number;
  /** Messages to one group (negative id) in any 60 s. Default 20. */
  groupPerMinute?: number;
  /** Messages of one bot in any second. Default 30. */
  botPerSecond?: number;
}

export interface TelegramSandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  bots?: SandboxBot[];
  tls?: TlsFiles;
  /** On by default; `false` switches the limits off. */
  limits?: TelegramLimits | false;
  /** Largest file. Default 50 MiB; above: 413. */
  maxUploadBytes?: number;
  /** Largest photo. Default 10 MiB; above: 413. */
  maxPhotoBytes?: number;
  /**
   * Look into the bytes: real geometry and duration, and the kind Telegram would make of them. Default true. With false
   * the declared values are believed (width and height 320 where none are declared), and files pass through unread.
   */
  probe?: boolean;
  /** Files above this are not looked into. Default: no bound. */
  probeMaxBytes?: number;
  /**
   * Keep uploaded bytes for getFile: up to 1 MiB in memory, larger ones in a temporary folder, equal ones once. Default:
   * as `probe`. For load tests set both to false.
   */
  keepFiles?: boolean;
  /** Monotonic clock in ms for the limits; a test can turn it by hand. Default `performance.now`. */
  clock?: () => number;
  /** Newest entries kept in `received` and `requests`. Default 20,000. */
  journalLimit?: number;
}

/** A message that was accepted. */
export interface ReceivedMessage {
  /** Order of arrival; the same number as in `requests`. */
  seq: number;
  /** When its request began, ms since 1970. */
  at: number;
  botId: number;
  method: string;
  chatId: string;
  messageId: number;
  /** The kind of the answer, which may differ from that of the method; `text` for sendMessage. */
  kind: MediaKind | 'text';
  /** Hash of the file's bytes, lower-case hex. */
  sha256?: string;
  /** Size of the file. */
  bytes: number;
  fileName?: string;
  contentType?: string;
  /** Of a photo: the largest size's. */
  fileId?: string;
  fileUniqueId?: string;
  width?: number;
  height?: number;
  /** Seconds, as read from the bytes. */
  duration?: number;
  caption?: string;
  text?: string;
  /** Sent by the file_id of an earlier upload. */
  reused?: boolean;
  /** When deleteMessage removed it. */
  deletedAt?: number;
}

/** One request as TelegramSandbox saw it. Never holds a token. */
export interface TelegramRequest {
  seq: number;
  at: number;
  /** From head to end of the answer; absent while it runs. */
  ms?: number;
  httpMethod: string;
  /** Bot API method as the client wrote it, `file` for a download; null before the sender was known. */
  method: string | null;
  botId: number | null;
  chatId: string | null;
  encoding: 'query' | 'json' | 'urlencoded' | 'multipart' | null;
  /** Bytes of the request body. */
  bytes: number;
  /** Names of the parameters. */
  params?: string[];
  /** The files of a multipart body, with the headers of their parts. */
  parts: {
    field: string;
    fileName?: string;
    contentType?: string;
    headers: Record<string, string>;
    bytes: number;
    sha256: string;
  }[];
  /** null while it runs, or when the client was gone before the answer. */
  status: number | null;
  /** Of a refusal by the sandbox itself (not by a fault). */
  description: string | null;
  /** Seconds announced with a 429 of the limits. */
  retryAfter: number | null;
  faults: string[];
}

/** What is known of a file_id that was given out. */
export interface IssuedFile {
  fileId: string;
  fileUniqueId: string;
  botId: number;
  kind: MediaKind;
  sha256: string;
  bytes: number;
  fileName?: string;
  contentType?: string;
  width?: number;
  height?: number;
  duration?: number;
  /** The message it was first sent in. */
  chatId?: string;
  messageId?: number;
  at: number;
}

/**
 * The Telegram Bot API: getMe, sendMessage, sendPhoto, sendVideo, sendAudio, sendVoice, sendAnimation, sendDocument,
 * sendSticker, sendVideoNote, getFile with downloads, deleteMessage. GET, JSON, forms and multipart.
 *
 * Answers have the published shapes, with the geometry and duration of the bytes that came. As on Telegram a method does
 * not always refuse what it cannot use: a text sent by sendVideo becomes a `document`, a silent MP4 sent by sendDocument
 * an `animation`, and the file_id stays of that kind. A file_id works for its own bot and kind only; `file_unique_id`
 * depends on the bytes alone. Looking into bytes costs tens of ms of this process once per content: measure event-loop
 * delay with the sandbox in another process, or with `probe: false`.
 *
 * Control for other processes, JSON: `GET|DELETE /__sandbox/received`, `GET|DELETE /__sandbox/requests`,
 * `GET|POST|DELETE /__sandbox/faults[/ID]`, `GET /__sandbox/issued/FILE_ID`, `GET|POST /__sandbox/bots`,
 * `POST /__sandbox/chats` (`{ botId, chat }`), `POST /__sandbox/reset`.
 *
 * @example
 * const tg = await TelegramSandbox.start({ bots: [{ token: '123456:secret', chats: [42] }] });
 * const bot = new Bot('123456:secret', { client: { apiRoot: tg.url } });
 * tg.faults.add({ kind: 'status', status: 429, retryAfter: 2, match: { apiMethod: 'sendPhoto' } });
 *
 * @see https://core.telegram.org/bots/api
 */
export class TelegramSandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: TelegramSandboxOptions): Promise<TelegramSandbox>;
  readonly url: string;
  readonly port: number;
  readonly connections: number;
  /** The bots, without their tokens; `chats` is null where every chat is accepted. */
  readonly bots: { id: number; username: string; first_name: string; is_bot: true; chats: string[] | null }[];
  /** Accepted messages, oldest first. */
  readonly received: ReceivedMessage[];
  /** All requests, refused ones too, oldest first. */
  readonly requests: TelegramRequest[];
  readonly faults: FaultBook<TelegramFault>;
  addBot(bot: SandboxBot): { id: number; username: string };
  addChat(botId: number | string, chat: SandboxChat): void;
  /** The record of a file_id, or undefined when this sandbox never gave it out. */
  issued(fileId: string): IssuedFile | undefined;
  reset(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What happens to bytes going one way. At most one of the `…AfterBytes`; 0 means at the first byte. */
export interface ProxyRule {
  /** Each chunk waits this long. */
  delayMs?: number;
  bytesPerSecond?: number;
  /** Both connections close after so many bytes passed. */
  cutAfterBytes?: number;
  /** The same by TCP reset. */
  resetAfterBytes?: number;
  /** Nothing more passes this way; both stay open. */
  stallAfterBytes?: number;
  /** The receiver sees an orderly end; the other way goes on. */
  halfCloseAfterBytes?: number;
}

export interface ProxyRules {
  /** Client to target. */
  up?: ProxyRule;
  /** Target to client. */
  down?: ProxyRule;
  /** Reset the client's connection at once. */
  refuse?: boolean;
  /** How many connections, default all. */
  times?: number;
  /** How many connections pass unharmed first. Default 0. */
  after?: number;
}

/**
 * A TCP proxy that delays, throttles, cuts, resets, stalls or half-closes. Knows no protocol, so TLS passes through it.
 *
 * @example
 * const proxy = await FaultProxy.start({ target: r2.url });
 * proxy.set({ down: { resetAfterBytes: 4096 }, times: 1 });
 * // … read from proxy.url() …
 * assert.equal(proxy.bites.reset, 1);
 */
export class FaultProxy {
  private constructor();
  /**
   * @param options `target`: `host:port` or a URL with a port
   * @throws `ERR_WARMPATH_INVALID_OPTION`
   */
  static start(options: { target: string; port?: number; host?: string }): Promise<FaultProxy>;
  readonly port: number;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Connections accepted so far. */
  readonly connections: number;
  /** How often each harm was done (`delay` and `throttle` count chunks). */
  readonly bites: {
    connect: number;
    delay: number;
    throttle: number;
    cut: number;
    reset: number;
    stall: number;
    halfClose: number;
  };
  /** The proxy's address. @param scheme default `http` */
  url(scheme?: string): string;
  /** Rules for connections accepted from now on; open ones keep theirs. */
  set(rules?: ProxyRules): void;
  /** Everything passes again. */
  clear(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
