import type { SandboxClock } from '../clock';
import type { FaultBook } from '../faults/faults';
import type { TlsFiles } from '../index';
import type { Sandbox } from '../sandbox';
import type { TelegramFault, TelegramMatch } from './faults';
import type { TelegramLimitStats, TelegramLimits } from './limits/limits';

export type MediaKind = 'photo' | 'video' | 'audio' | 'voice' | 'animation' | 'document' | 'sticker' | 'video_note';

/** A chat a bot can reach: an id, negative for groups, `-100…` for supergroups, `@name` for channels. */
export type SandboxChat =
  | number
  | string
  | {
      /** As `chat_id`. */
      id: number | string;
      type?: 'private' | 'group' | 'supergroup' | 'channel';
      /** Default: made up. */
      title?: string;
      /** The group became a supergroup with this id: answers 400 with `parameters.migrate_to_chat_id`; the new id works. */
      migratedTo?: number;
      /** Answers 403. True: blocked by the user, kicked from the group. */
      blocked?: boolean | 'deactivated' | 'deleted' | 'left';
    };

export interface SandboxBot {
  /** `123456:letters`; the number is the bot's id. */
  token: string;
  /** Default: made up. */
  username?: string;
  /** Default: made up. */
  firstName?: string;
  /** Without it every well-formed chat id is accepted. */
  chats?: SandboxChat[];
}

export interface TelegramSandboxOptions {
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: none; addBot() adds them. */
  bots?: SandboxBot[];
  /** Serves HTTPS with it. Default: plain HTTP. */
  tls?: TlsFiles;
  /** On by default; `false` switches the limits off. */
  limits?: TelegramLimits | false;
  /**
   * How long after a 429 was sent its client may take to read it, ms: what begins in that time counts as overlapping, not as
   * early. Default 0; give some ms to a client that sends several requests at once in real time.
   */
  noticeMs?: number;
  /** As a local Bot API server (`--local`): `file://` paths, files up to 2000 MiB, absolute `file_path`, no downloads. Default false. */
  local?: boolean;
  /** Largest file. Default 50 MiB, with `local` 2000 MiB; above: 413. */
  maxUploadBytes?: number;
  /** Largest photo. Default 10 MiB; above: 413. */
  maxPhotoBytes?: number;
  /** Largest file from a URL. Default 20 MiB. */
  maxUrlBytes?: number;
  /** Largest photo from a URL. Default 5 MiB. */
  maxUrlPhotoBytes?: number;
  /** Largest file of getFile. Default 20 MiB, none with `local`. */
  maxDownloadBytes?: number;
  /** Certificate authority (PEM) that is trusted when a file is fetched from an https URL. */
  fetchCa?: string;
  /** For a whole file from a URL. Default 15,000, in real time. */
  fetchTimeoutMs?: number;
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
  /** A folder that gets every uploaded file, named by its SHA-256, and keeps it after the sandbox: for ffprobe and the like. */
  saveTo?: string;
  /**
   * Time of the limits and of every deliberate wait (delays, trickle, spacing). A function tells the time of the limits only.
   * Default: the real one, monotonic.
   */
  clock?: SandboxClock | (() => number);
  /** Newest entries kept in `received` and `requests`. Default 20,000. */
  journalLimit?: number;
}

/** Parameters of a send method that describe the file; only those that were sent. */
export interface DeclaredMedia {
  /** Pixels. */
  width?: number;
  /** Pixels. */
  height?: number;
  /** Of a video note. */
  length?: number;
  /** Seconds. */
  duration?: number;
  /** Of a video. */
  supportsStreaming?: boolean;
  /** Of an audio. */
  title?: string;
  /** Of an audio. */
  performer?: string;
}

/** A message that was accepted. */
export interface ReceivedMessage {
  /** Order of arrival; the same number as in `requests`. */
  seq: number;
  /** When its request began, ms since 1970. */
  at: number;
  /** The number in front of its token. */
  botId: number;
  /** Of the Bot API. */
  method: string;
  /** Where it was sent. */
  chatId: string;
  /** Of the message. */
  messageId: number;
  /** The kind of the answer, which may differ from that of the method; `text` for sendMessage. */
  kind: MediaKind | 'text';
  /** Hash of the file's bytes, lower-case hex. */
  sha256?: string;
  /** Size of the file. */
  bytes: number;
  /** As it was declared. */
  fileName?: string;
  /** As it was declared. */
  contentType?: string;
  /** Of a photo: the largest size's. */
  fileId?: string;
  /** As it was given out. */
  fileUniqueId?: string;
  /** Pixels, as read from the bytes. */
  width?: number;
  /** Pixels, as read from the bytes. */
  height?: number;
  /** Seconds, as read from the bytes. */
  duration?: number;
  /** What the client said of the file; after a reuse, of the first upload. */
  declared?: DeclaredMedia;
  /** As it was sent. */
  caption?: string;
  /** As it was sent. */
  text?: string;
  /** Where the file came from. */
  from?: 'upload' | 'url' | 'path' | 'file_id' | 'copy';
  /** The URL it came from, without its query. */
  url?: string;
  /** Sent by the file_id of an earlier upload, or copied. */
  reused?: boolean;
  /** Of an album. */
  mediaGroupId?: string;
  /** When deleteMessage removed it. */
  deletedAt?: number;
}

/** One request as TelegramSandbox saw it. Never holds a token. */
export interface TelegramRequest {
  /** Order of arrival. */
  seq: number;
  /** When it began, ms since 1970. */
  at: number;
  /** From head to end of the answer; absent while it runs. */
  ms?: number;
  /** `CALL` for a direct call. */
  httpMethod: string;
  /** Bot API method as the client wrote it, `file` for a download; null before the sender was known. */
  method: string | null;
  /** The number in front of its token; null: no such bot. */
  botId: number | null;
  /** As it was sent; null: none. */
  chatId: string | null;
  encoding: 'query' | 'json' | 'urlencoded' | 'multipart' | 'direct' | null;
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
  /** Names, or kinds, of the faults that were due on it. */
  faults: string[];
}

/** What is known of a file_id that was given out. */
export interface IssuedFile {
  /** As it was given out. */
  fileId: string;
  /** As it was given out. */
  fileUniqueId: string;
  /** The only bot it works for. */
  botId: number;
  /** The kind that it has for ever. */
  kind: MediaKind;
  /** Of the bytes: 64 lower-case hexadecimal digits. */
  sha256: string;
  /** Its size. */
  bytes: number;
  /** As it was declared. */
  fileName?: string;
  /** As it was declared. */
  contentType?: string;
  /** Pixels, as read from the bytes. */
  width?: number;
  /** Pixels, as read from the bytes. */
  height?: number;
  /** Seconds, as read from the bytes. */
  duration?: number;
  /** What the client said of it. */
  declared?: DeclaredMedia;
  /** Where its bytes are, if they are in a file (always with `saveTo` and `local`). */
  path?: string;
  /** The message it was first sent in. */
  chatId?: string;
  /** There. */
  messageId?: number;
  /** When, ms since 1970. */
  at: number;
}

/** A file of a direct call: bytes, or only a size (then nothing can look into it, and its hash is made up). */
export type DirectFile =
  | Uint8Array
  | { bytes: Uint8Array; fileName?: string; contentType?: string }
  | { size: number; sha256?: string; fileName?: string; contentType?: string };

/** The answer to a direct call, as a client would parse it. */
export type DirectAnswer = {
  /** HTTP status. */
  status: number;
  /** Of a success. */
  // biome-ignore lint/suspicious/noExplicitAny: the Bot API has a result type for every method
  result?: any;
  /** Of a refusal. */
  error_code?: number;
  /** Of a refusal. */
  description?: string;
  /** Of some refusals. */
  parameters?: { retry_after?: number; migrate_to_chat_id?: number };
} & { ok: boolean };

/**
 * The Telegram Bot API: getMe, getChat, sendMessage, sendPhoto, sendVideo, sendAudio, sendVoice, sendAnimation,
 * sendDocument, sendSticker, sendVideoNote, sendMediaGroup, copyMessage, deleteMessage, deleteMessages, getFile with
 * downloads. GET, JSON, forms and multipart; files by upload, `attach://`, URL (it is really fetched), file_id, and with
 * `local` by `file://`.
 *
 * Answers have the published shapes, with the geometry and duration of the bytes that came. As on Telegram a method does
 * not always refuse what it cannot use: a text sent by sendVideo becomes a `document`, a silent MP4 sent by sendDocument
 * an `animation`, and the file_id stays of that kind. A file_id works for its own bot and kind only; `file_unique_id`
 * depends on the bytes alone. Looking into bytes costs tens of ms of this process once per content: measure event-loop
 * delay with the sandbox in another process, or with `probe: false`.
 *
 * Control for other processes, JSON: `GET|DELETE /__sandbox/received`, `GET|DELETE /__sandbox/requests`,
 * `GET|POST|DELETE /__sandbox/faults[/ID]`, `GET|POST /__sandbox/mixes`, `GET /__sandbox/limits`,
 * `GET /__sandbox/issued/FILE_ID`, `GET|POST /__sandbox/bots`, `POST /__sandbox/chats` (`{ botId, chat }`),
 * `POST /__sandbox/migrate` (`{ chatId, to }`), `POST /__sandbox/reset`.
 *
 * @example
 * const tg = await TelegramSandbox.start({ bots: [{ token: '123456:secret', chats: [42] }] });
 * const bot = new Bot('123456:secret', { client: { apiRoot: tg.url } });
 * tg.faults.add({ name: 'flood', retryAfter: 2, nth: 3, match: { apiMethod: 'sendPhoto' } }); // the third sendPhoto
 *
 * @see https://core.telegram.org/bots/api
 */
export class TelegramSandbox implements Sandbox {
  private constructor();
  /** @throws `ERR_WARMPATH_PEER_MISSING`, `ERR_WARMPATH_INVALID_OPTION` */
  static start(options?: TelegramSandboxOptions): Promise<TelegramSandbox>;
  readonly url: string;
  /** Where it listens. */
  readonly port: number;
  readonly connections: number;
  /** The bots, without their tokens; `chats` is null where every chat is accepted. */
  readonly bots: { id: number; username: string; first_name: string; is_bot: true; chats: string[] | null }[];
  /** Accepted messages, oldest first. */
  readonly received: ReceivedMessage[];
  /** All requests, refused ones too, oldest first. */
  readonly requests: TelegramRequest[];
  /** Faults by schedule. */
  readonly faults: FaultBook<TelegramFault, TelegramMatch>;
  /** Another bot from now on. */
  addBot(bot: SandboxBot): { id: number; username: string };
  /** Another chat of a bot from now on. */
  addChat(botId: number | string, chat: SandboxChat): void;
  /**
   * Turns a group into a supergroup for every bot: the old id is refused with `migrate_to_chat_id`, the new one works.
   * @param to default: `-100` and the number of the old id
   * @returns the new id
   */
  migrateChat(chatId: number | string, to?: number | string): number;
  /**
   * Calls a method without HTTP, for simulations. Meets the limits, delays and faults that are answers or are done by the
   * method; faults that need a connection pass it by. Refusals are answers: it rejects only when the sandbox is closed.
   * @param options `botId`: which bot, where there are several
   */
  call(
    method: string,
    fields?: Record<string, DirectFile | unknown>,
    options?: { botId?: number | string },
  ): Promise<DirectAnswer>;
  /** What the limits did so far; a copy. */
  limitStats(): TelegramLimitStats;
  /** Requests made for files by URL so far, redirects too. */
  readonly fetches: number;
  /** The record of a file_id, or undefined when this sandbox never gave it out. */
  issued(fileId: string): IssuedFile | undefined;
  reset(): void;
  close(): Promise<void>;
  /** close(). */
  [Symbol.asyncDispose](): Promise<void>;
}
