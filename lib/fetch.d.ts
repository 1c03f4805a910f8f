/// <reference types="node" />

/** Which calls are made again, and when. */
export interface FetchRetry {
  /** Retries after the first try, 0 to 10. Default 3. */
  quick?: number | undefined;
  /** The first wait is anywhere between 0 and this, and doubles with each retry. Not above `maxMs`. Default 1000. */
  baseMs?: number | undefined;
  /** No wait of ours is longer; what the service asks for is added to it. Default 4000. */
  maxMs?: number | undefined;
  /**
   * Methods that may be repeated. Default: those that HTTP calls idempotent (GET, HEAD, OPTIONS, PUT, DELETE, TRACE). Add `POST` where a
   * repetition does no harm: a completion of an LLM, say, which then is paid twice at worst. Requests with an
   * `idempotency-key` header are repeated in any case, as are those that never left (connection refused, no such host).
   */
  methods?: readonly string[] | undefined;
  /** Default 408, 425, 429, 500, 502, 503, 504, 529. */
  statuses?: readonly number[] | undefined;
}

/** Per key; by default the key is the origin. */
export interface FetchLimits {
  /** Requests at once, until their bodies are read. Default: no bound. */
  concurrency?: number | undefined;
  /** At most `limit` in any period of `periodMs`. Default: no bound. */
  requests?: { limit: number; periodMs: number } | undefined;
  /** What shares a limit: the account of an API key, say. Default: the origin. */
  key?: ((url: string, init: RequestInit) => string) | undefined;
}

export interface FetchOptions {
  /** For all of a call: waiting for a place, every try, and the body to its last byte. Default 60,000. */
  totalTimeoutMs?: number | undefined;
  /** For one try, body included. Default: none but the total. */
  attemptTimeoutMs?: number | undefined;
  /** `false`: never. Default: see {@link FetchRetry}. */
  retry?: FetchRetry | false | undefined;
  /** Default: none. */
  limits?: FetchLimits | undefined;
  /** The fetch below. Default: the global one, as it is at each call. */
  fetch?: typeof fetch | undefined;
}

export interface FetchStats {
  /** Calls. */
  requests: number;
  /** Requests made for them. */
  attempts: number;
  /** Requests after the first of a call. */
  retries: number;
  /** Calls and tries that ran out of time, in the body or before. */
  timeouts: number;
  /** In flight now, bodies included. */
  running: number;
  /** For a place. */
  waiting: number;
}

/** Counters and state, as of now. */
export type WarmpathFetch = typeof fetch & { stats(): FetchStats };

/**
 * A WHATWG `fetch` for SDKs that take one (`openai`, grammY, `@openrouter/sdk` …), with what they lack:
 *
 * - a total deadline that covers the body: a service that sends its head and then hangs is given up, with a `TimeoutError`
 *   (DOMException) from the call or from the body, whichever is being waited for;
 * - retries with full jitter; what the service asks for (`retry-after-ms`, `Retry-After` in seconds or as a date,
 *   `X-RateLimit-Reset`) is the least that is waited, and where it is longer than the time left, its answer is handed on;
 * - limits per origin, or a key of your own; a 429 with a time holds up all requests of its key.
 *
 * A body that is a stream is never sent twice. Once a head was handed on, nothing is repeated. Switch the SDK's own retries
 * off (`maxRetries: 0`), or both will try.
 *
 * @example
 * const fetch = createFetch({ totalTimeoutMs: 30_000, retry: { methods: ['POST'] }, limits: { concurrency: 5 } });
 * const openai = new OpenAI({ fetch, maxRetries: 0, timeout: 60_000 });
 *
 * @throws `ERR_WARMPATH_INVALID_OPTION`
 */
export function createFetch(options?: FetchOptions): WarmpathFetch;
