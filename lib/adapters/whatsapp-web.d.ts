/**
 * Messages of whatsapp-web.js as jobs of an `IngestWorker` or of `ProcessMedia`. Nothing of whatsapp-web.js is loaded, and no byte
 * comes through its browser: a message says where its media lies.
 *
 * @see https://wwebjs.dev
 * @packageDocumentation
 */
import type { MessageJob, MessageOptions } from './whatsapp/message.js';

export type { MessageJob, MessageMeta, MessageOptions } from './whatsapp/message.js';

/** What is read of a `Message`. The place and the hashes of its media are in `rawData`. */
export interface WebMessage {
  id: { id: string; remote: string | object; fromMe: boolean };
  type?: string | undefined;
  hasMedia?: boolean | undefined;
  mediaKey?: string | undefined;
  timestamp?: number | undefined;
  author?: string | undefined;
  body?: string | undefined;
  rawData?: object | undefined;
}

/** What is read of a `MessageMedia`. */
export interface WebMedia {
  mimetype: string;
  /** Base64. */
  data: string;
  filename?: string | undefined | null;
  filesize?: number | undefined | null;
}

export interface WebMessageOptions extends MessageOptions {
  /** Bytes that are here already (`await message.downloadMedia()`): they are stored, and nothing is fetched. Default: none. */
  media?: WebMedia | undefined;
}

/**
 * The job of a message; null when it holds no media, or does not say where it lies: `downloadMedia()` may have it then.
 *
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT` for what has no `id.id` and `id.remote`
 */
export function ingestJob(message: WebMessage, options?: WebMessageOptions): MessageJob | null;
