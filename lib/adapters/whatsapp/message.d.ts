import type { IngestWorkerJob } from '../../../index.js';

/** What both adapters are told beside a message. */
export interface MessageOptions {
  /** Whose message it is: the name of the app's connection. Part of the key. Default: none. */
  session?: string | undefined;
  /** The app's own, over what the message says of itself. Default: none. */
  meta?: Readonly<Record<string, unknown>> | undefined;
}

/** What a message says of itself, as far as it does. */
export interface MessageMeta {
  /** The chat, as the library names it: `5511999999999@s.whatsapp.net`. */
  chat: string;
  /** Its id in the chat. */
  messageId: string;
  /** Whether the app's own account wrote it. */
  fromMe: boolean;
  /** Who wrote, in a group. */
  participant?: string;
  /** The name its sender goes by. */
  pushName?: string;
  /** The text below the media. */
  caption?: string;
  /** As declared, bytes. */
  size?: number;
}

/** The job of a message: known by session, chat and id, so that a message that is delivered again is no second job. */
export interface MessageJob extends IngestWorkerJob {
  /** Made of session, chat and id. */
  key: string;
  /** Part of the name of the file. */
  id: string;
  /** The app's own, as it was enqueued. */
  meta: MessageMeta & Readonly<Record<string, unknown>>;
}
