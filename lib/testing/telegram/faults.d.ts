import type {
  AnswerThenCloseFault,
  BadBodyFault,
  CutFault,
  DelayFault,
  FaultSchedule,
  GzipBombFault,
  ResetFault,
  StallBeforeHeadFault,
  StatusFault,
  TrickleFault,
  TruncateFault,
} from '../faults/faults';

/** Which requests of Telegram: `apiMethod` such as `sendPhoto` (any case; `file` for downloads). */
export interface TelegramMatch {
  /** As in HTTP. */
  method?: string;
  /** As the client writes it. */
  apiMethod?: string;
  /** The number in front of its token. */
  botId?: number | string;
  /** As sent by the client; known from stage `body` on. */
  chatId?: number | string;
}

/**
 * The answers a client has to live with, by name; docs/testing.md lists what each does. A field given beside the name wins,
 * for example `retryAfter` of `flood` or `ms` of `slow`.
 */
export type TelegramFaultName =
  | 'flood'
  | 'flood-of-chat'
  | 'flood-of-bot'
  | 'flood-in-text-only'
  | 'flood-without-time'
  | 'flood-in-album'
  | 'chat-not-found'
  | 'not-enough-rights'
  | 'photo-invalid-dimensions'
  | 'image-process-failed'
  | 'wrong-file-id'
  | 'wrong-remote-file-id'
  | 'file-unavailable'
  | 'invalid-file-id'
  | 'url-content-failed'
  | 'url-wrong-type'
  | 'webpage-curl-failed'
  | 'webpage-media-empty'
  | 'file-too-big'
  | 'migrate'
  | 'unauthorized'
  | 'blocked'
  | 'kicked'
  | 'deactivated'
  | 'not-a-member'
  | 'group-deleted'
  | 'not-found'
  | 'method-not-found'
  | 'conflict'
  | 'too-large'
  | 'misdirected'
  | 'internal'
  | 'restart'
  | 'internal-html'
  | 'bad-gateway'
  | 'bad-gateway-after-effect'
  | 'gateway-timeout'
  | 'reset-before-body'
  | 'reset-mid-body'
  | 'reset-after-body'
  | 'reset-after-effect'
  | 'stall'
  | 'stall-after-effect'
  | 'slow'
  | 'trickle'
  | 'truncated'
  | 'empty'
  | 'malformed-json'
  | 'deep-json'
  | 'ok-missing'
  | 'wrong-types'
  | 'redirect'
  | 'gzip-bomb'
  | 'as-animation'
  | 'as-document'
  | 'as-video'
  | 'missing-unique-id'
  | 'weak-unique-id';

/** A fault by its name. */
export interface NamedFault {
  /** Which one; see the list. */
  name: TelegramFaultName;
  /** Seconds: of `flood`, `flood-of-chat`, `flood-of-bot` (default 1) and `flood-in-album` (default 8). */
  retryAfter?: number;
  /** Of `slow`, default 1000. */
  ms?: number;
  /** Of `flood-in-album`: messages of the album that are there all the same. Default: half of them. */
  delivered?: number;
  /** Of `migrate`: the new id. Default: `-100` and the number of the old one. */
  to?: number | string;
  /** Of `gzip-bomb`: bytes when unpacked. */
  size?: number;
  /** Of `trickle`. */
  bytesPerSecond?: number;
}

/** Faults that are done by the method. `migrate` bites groups only, `albumFlood` sendMediaGroup, the others new uploads. */
export type TelegramMethodFault =
  /** A 429 that blocks its scope until its time is over, as one of the limits does; with `limits: false` too. Default 1 s. */
  | { kind: 'flood'; scope: 'chat' | 'bot'; retryAfter?: number }
  | { kind: 'migrate'; to?: number | string }
  | { kind: 'albumFlood'; delivered?: number; retryAfter?: number }
  /** The file is taken as another kind, and its file_id stays of that kind. May bite together with another fault. */
  | { kind: 'changeKind'; as: 'animation' | 'video' | 'document' | 'audio' | 'voice' }
  /** The answer has no file_unique_id, or one of 8 characters; the record keeps the true one. May bite with another fault. */
  | { kind: 'uniqueId'; uniqueId: 'missing' | 'weak' };

export type TelegramFault = FaultSchedule<TelegramMatch> &
  (
    | NamedFault
    | TelegramMethodFault
    | ResetFault
    | GzipBombFault
    | StatusFault
    | StallBeforeHeadFault
    | CutFault
    | TrickleFault
    | TruncateFault
    | BadBodyFault
    | AnswerThenCloseFault
    | DelayFault
  );
