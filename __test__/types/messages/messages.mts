// Compiled by `tsc --noEmit`, never run: the adapters take the libraries' own messages. Apart from the others, because the types of
// Baileys do not compile themselves.
import type { WAMessage, WASocket } from 'baileys';
import { IngestWorker, type IngestWorkerJob } from 'warmpath';
import { ingestJob, reupload } from 'warmpath/baileys';
import { ingestJob as ofWeb } from 'warmpath/whatsapp-web';

/**
 * Of whatsapp-web.js 1.34.7 (Apache-2.0, https://github.com/pedroslopez/whatsapp-web.js), index.d.ts: what the adapter reads of its
 * types, word for word. The package itself would bring a browser's driver along.
 */
declare namespace WAWebJS {
  interface MessageId {
    fromMe: boolean;
    remote: string;
    id: string;
    _serialized: string;
  }
  interface Message {
    author?: string;
    body: string;
    hasMedia: boolean;
    id: MessageId;
    isGif: boolean;
    mediaKey?: string;
    timestamp: number;
    type: 'chat' | 'audio' | 'ptt' | 'image' | 'video' | 'document' | 'sticker';
    rawData: object;
    downloadMedia: () => Promise<MessageMedia>;
  }
  interface MessageMedia {
    mimetype: string;
    data: string;
    filename?: string | null;
    filesize?: number | null;
  }
}

async function baileys(socket: WASocket, message: WAMessage, kept: Map<string, WAMessage>) {
  const sessions = new Map([['s1', socket]]);
  const worker = new IngestWorker({
    dir: '/x',
    reupload: reupload(
      (session) => sessions.get(session ?? ''),
      (job) => kept.get(job.key ?? ''),
    ),
  });
  const job = ingestJob(message, { session: 's1', meta: { contactId: 7 } });
  if (job === null) return null;
  const { chat, fromMe }: { chat: string; fromMe: boolean } = job.meta;
  reupload(socket, () => message);
  // @ts-expect-error: no such option
  ingestJob(message, { sessions: 's1' });
  return [await worker.enqueue(job), chat, fromMe];
}

async function web(message: WAWebJS.Message) {
  const job: IngestWorkerJob | null = ofWeb(message, { session: 's1' });
  return job ?? ofWeb(message, { media: await message.downloadMedia() });
}

export const used = [baileys, web];
