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
  /** The matching requests it bites, counted from 1: `3` is "the third". Instead of `times` and `after`. */
  nth?: number | number[];
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
  /** Give this or `fraction`. */
  bytes?: number;
  /** 0 up to, not including, 1: the same as a part of the whole body (of a chunked request body: its first byte). */
  fraction?: number;
  side?: 'response' | 'request';
  /** `cutAfterBytes`: break by TCP reset instead of closing. Default false. */
  reset?: boolean;
}

/** The body passes at this rate. */
export interface TrickleFault {
  kind: 'trickle';
  /** The rate. */
  bytesPerSecond: number;
  side?: 'response' | 'request';
}

/** `bytes` of the body, fewer than `Content-Length` announced, and then an orderly close. */
export interface TruncateFault {
  kind: 'truncate';
  /** Give this or `fraction`. */
  bytes?: number;
  /** 0 up to, not including, 1: of the whole body. */
  fraction?: number;
}

/** The connection is reset and no byte of an answer is sent. Default stage `head`: before the body is read. */
export interface ResetFault {
  kind: 'reset';
  /** False: an orderly close. Default true. */
  reset?: boolean;
}

/** A small gzip answer of status 200 that unpacks to `size` bytes (default 64 MiB, up to 1 GiB), about a thousand times more. */
export interface GzipBombFault {
  kind: 'gzipBomb';
  /** Bytes that it unpacks to. Default 64 MiB. */
  size?: number;
}

/** A complete answer of status 200 with no body (default stage `answer`), or with half of its JSON. */
export interface BadBodyFault {
  kind: 'emptyBody' | 'malformedJson';
}

/** An answer (default status 500) before the request body is read, and the connection closes at once. */
export interface AnswerThenCloseFault {
  kind: 'answerThenClose';
  /** Default 500. */
  status?: number;
  /** Further ones. Default: none. */
  headers?: Record<string, string | number>;
  /** Default: none. */
  body?: string | object;
  /** Seconds, in `Retry-After`. Default: none. */
  retryAfter?: number;
  /** With a page in the place of JSON or XML. Default false. */
  html?: boolean;
}

/** Waits before going on. May bite together with another fault on the same request. */
export interface DelayFault {
  kind: 'delay';
  /** How long. */
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

/** A scheduled fault. Its counters are live. */
export interface Fault {
  /** For remove(). */
  readonly id: number;
  /** As it was added. */
  readonly kind: string;
  /** Where it was added by a name. */
  readonly name?: string;
  /** Matching requests so far. */
  readonly seen: number;
  /** Requests it was set on, at most `times`. */
  readonly taken: number;
  /** How often it really did its harm: a test should look at this before it believes anything. */
  readonly bites: number;
  /** Resolves when it has bitten `count` times (default 1). */
  bitten(count?: number): Promise<Fault>;
}

/** What a mix may hold. A request draws at most one of them. */
export type MixName =
  | 'resetBeforeHead'
  | 'midBodyReset'
  | 'truncated'
  | 'throttled'
  | 'serverError'
  | 'stall'
  | 'trickle'
  | 'malformed'
  | 'empty'
  | 'denied'
  | 'redirect'
  | 'gzipBomb'
  /** OpenRouterSandbox. */
  | 'stallInBody'
  | 'errorInBody'
  | 'emptyChoices'
  | 'keepAlive'
  | 'badSplit'
  /** WebhookSandbox. */
  | 'timeoutAfterAccept'
  | 'errorAfterAccept'
  | 'resetAfterAccept'
  | 'conflict';

/** A seeded mix of faults: percent of all requests, together at most 100. */
export interface MixSpec<Match> {
  /** A whole number. The n-th request under the same seed always draws the same. */
  seed: number;
  /** Of all requests that draw, by name. */
  percent: Partial<Record<MixName, number>>;
  /** Which requests draw; only what is known from the head (not `chatId`). Default: all. */
  match?: Match;
}

/** A mix at work. Its counters are live. */
export interface Mix {
  /** As it was given. */
  readonly seed: number;
  /** Requests that drew. */
  readonly seen: number;
  /** How often each was drawn, and how often it really did harm. */
  readonly counts: Readonly<Record<string, { drawn: number; bites: number }>>;
}

/**
 * Mix F: 5 % reset before the head of the answer, 3 % reset in the middle of a body, 3 % truncated, 5 % 429, 5 % 5xx (half
 * of them HTML), 2 % stall, 1 % trickle, 1 % malformed, 1 % empty 200, 0.5 % 401, 403 or migration, 1 % redirect, 0.5 %
 * gzip bomb. For `faults.mix` of either sandbox.
 */
export function mixF(seed: number): { seed: number; percent: Partial<Record<MixName, number>> };

/** The schedule of a sandbox. Of several faults due on one request the first bites, a mix before the others, besides delays and the like. */
export interface FaultBook<Spec, Match> {
  /** @throws `ERR_WARMPATH_INVALID_OPTION` for an unknown kind, name or field, or one that does not fit */
  add(fault: Spec): Fault;
  /** @throws `ERR_WARMPATH_INVALID_OPTION` */
  mix(mix: MixSpec<Match>): Mix;
  /** All that are scheduled, those that are over too. */
  list(): Fault[];
  /** The mixes at work. */
  mixes(): Mix[];
  /** Takes one out; false: there was none. */
  remove(id: number): boolean;
  /** Faults and mixes. */
  clear(): void;
}
