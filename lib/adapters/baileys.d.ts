/**
 * Messages of Baileys as jobs of an `IngestWorker` or of `ProcessMedia`. Nothing of Baileys is loaded: messages are read by their
 * shape, also when they have been through JSON.
 *
 * @see https://baileys.wiki
 * @packageDocumentation
 */
import type { IngestJob, IngestWorkerJob, WhatsAppMedia } from '../../index.js';
import type { MessageJob, MessageOptions } from './whatsapp/message.js';

export type { MessageJob, MessageMeta, MessageOptions } from './whatsapp/message.js';

type Awaitable<T> = T | PromiseLike<T>;

/** What is read of a `WAMessage`. */
export interface BaileysMessage {
  key: {
    remoteJid?: string | null | undefined;
    id?: string | null | undefined;
    fromMe?: boolean | null | undefined;
    participant?: string | null | undefined;
  };
  message?: object | null | undefined;
  messageTimestamp?: unknown;
  pushName?: string | null | undefined;
}

/**
 * The job of a message; null when it holds no media that can be fetched: a text, a media that may be seen once only and was. Media
 * inside ephemeral, view-once, edited and captioned messages and in headers of templates are found.
 *
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT` for what has no `key.remoteJid` and `key.id`
 */
export function ingestJob(message: BaileysMessage, options?: MessageOptions): MessageJob | null;

/**
 * A `reupload` hook: when WhatsApp has deleted a media, its sender's phone is asked to upload it again.
 *
 * @param socket what `makeWASocket` returned, or a function that finds it by the job's session; none: tried again later
 * @param messageOf the message of a job as the app has kept it; null: the media cannot be had
 * @throws `ERR_WARMPATH_INVALID_ARGUMENT`
 */
export function reupload<Message extends BaileysMessage>(
  socket:
    | { updateMediaMessage(message: Message): Promise<BaileysMessage> }
    | ((
        session: string | undefined,
      ) => Awaitable<{ updateMediaMessage(message: Message): Promise<BaileysMessage> } | null | undefined>),
  messageOf: (job: IngestJob & IngestWorkerJob) => Awaitable<Message | null | undefined>,
): (job: IngestJob) => Promise<Partial<WhatsAppMedia> | null>;
