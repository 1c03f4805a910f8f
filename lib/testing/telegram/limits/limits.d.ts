/**
 * The limits of Telegram as data; each of them `false` switches it off. The rates are those of the bot FAQ, the rest is in
 * the source of Telegram's own server. docs/testing.md has the exact algorithm.
 *
 * @see https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 */
export interface TelegramLimits {
  /**
   * `bucket` (default): GCRA, the rate evenly with `…Burst` messages at once after a pause. `window`: at most so many in any
   * period, no bursts beside (but `chatBurst`, which makes the period of a chat longer).
   */
  algorithm?: 'bucket' | 'window';
  /** How early a message may be, in ms, without being refused: for clients that keep 100 % of a rate in real time. Default 0. */
  toleranceMs?: number;
  /** Messages a second to one chat. Default 1. */
  chatPerSecond?: number | false;
  /** How many of them may come at once. Default 1. */
  chatBurst?: number;
  /** Messages a minute to one group, supergroup or channel. Default 20. */
  groupPerMinute?: number | false;
  /** How many of them may come at once (at `chatPerSecond` all the same). Default 3; nothing to a window. */
  groupBurst?: number;
  /** Messages a second of one bot to all chats. Default 30. */
  botPerSecond?: number | false;
  /** How many of them may come at once. Default 30; nothing to a window. */
  botBurst?: number;
  /** Spacing of uploads whose files have together the same number of bytes, a bot. On by default, off with `local`. */
  sameSize?: SameSizeLimit | boolean;
  /** Multipart requests of one bot at once. Default 100, off with `local`. */
  uploadsInFlight?: number | false;
  /** Bytes of their files together. Default 4 GiB, off with `local`. */
  uploadBytesInFlight?: number | false;
  /** Requests of one bot at once. Default 1000, off with `local`. */
  requestsInFlight?: number | false;
  /** Messages to one chat that are being worked on. Default 310. */
  unsentPerChat?: number | false;
  /** Seconds announced by the last five. Default 60. */
  floodRetryAfter?: number;
  /** How long their refusal is held back, ms. Default 3000. */
  floodHoldMs?: number;
}

/** A request waits for its place in the schedule of its size, and is refused when that is more than `aheadMs` away. */
export interface SameSizeLimit {
  /** Only files of more bytes are spaced. Default 100,000. */
  aboveBytes?: number;
  /** Step of the schedule: bytes × this, at least `minMs`, at most `maxMs`. Default 0.0001. */
  msPerByte?: number;
  /** Default 200. */
  minMs?: number;
  /** Default 900. */
  maxMs?: number;
  /** How far the schedule may lie behind: what a pause earns. Default 1000. */
  bucketMs?: number;
  /** Default 5000. */
  aheadMs?: number;
}

/** What the limits did so far. */
export interface TelegramLimitStats {
  /** Messages let through; counted with `limits: false` too. */
  accepted: number;
  /** Refusals that made a block, by limit; `injected` by the faults `flood-of-chat` and `flood-of-bot`. */
  refused: Record<
    'chat' | 'group' | 'bot' | 'sameSize' | 'uploads' | 'uploadBytes' | 'requests' | 'unsent' | 'injected',
    number
  >;
  /** Requests that began during a block of their chat or bot: a client that obeys 429s has none. */
  early: number;
  /** Requests that met a block but had begun before it. */
  overlapping: number;
  /** Uploads that waited for their place among those of the same size, and how long in all. */
  delayed: number;
  /** How long they were held, ms in all. */
  delayedMs: number;
  /** The most that one bot had going at once. */
  peakRequests: number;
  /** Most uploads at once. */
  peakUploads: number;
  /** Most bytes of uploads at once. */
  peakUploadBytes: number;
}
