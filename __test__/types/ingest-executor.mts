// Type test: the face of IngestExecutor.

import { IngestExecutor, type IngestOutcome, type WarmpathError } from 'warmpath';

/** What Baileys' message objects look like (their own types do not compile without skipLibCheck). */
interface ImageMessage {
  url?: string | null;
  directPath?: string | null;
  mediaKey?: Uint8Array | null;
  fileSha256?: Uint8Array | null;
  mimetype?: string | null;
  height?: number | null;
}

const s3 = { accountId: 'a', bucket: 'b', accessKeyId: 'c', secretAccessKey: 'd' };

export async function executor(signal: AbortSignal, again: () => Promise<ImageMessage>) {
  await using e = new IngestExecutor({
    dir: '/media',
    s3,
    sinks: ['disk'],
    accept: ['image/*'],
    http: { allow: ['10.0.0.0/8'], deny: [], plain: true },
    // The object of a library, as it is.
    reupload: again,
    resolve: async ({ source }) => ('mediaId' in source ? { url: `https://x/${source.mediaId}` } : null),
  });
  e.on('settled', (outcomes) => {
    for (const outcome of outcomes) tell(outcome);
  });
  const whatsapp = { directPath: '/v', mediaKey: new Uint8Array(32), mediaType: 'ptt' } as const;
  const { location, width } = await e.run({ source: { whatsapp }, to: ['disk', 's3'] }, { signal });
  const path: string | undefined = location.path;
  const statuses = e.submitMany([{ source: { bytes: new Uint8Array(1) } }, { id: 'a', source: { base64: '' } }]);
  const held: number = e.stats().heldBytes;
  // @ts-expect-error: no such type of media
  e.submit({ source: { whatsapp: { ...whatsapp, mediaType: 'picture' } } });
  // @ts-expect-error: a source is needed
  e.submit({ id: 'a' });
  // @ts-expect-error: nothing is paced
  e.limits();
  // @ts-expect-error: no such sink
  new IngestExecutor({ dir: '/media', sinks: ['ftp'] });
  return { path, width, statuses, held };
}

function tell(outcome: IngestOutcome): string {
  if (outcome.status === 'succeeded') return outcome.value.sha256;
  const needs: 'reupload' | 'resolve' | undefined = outcome.error.needs;
  const code: WarmpathError['code'] = outcome.error.code;
  return `${code} ${needs}`;
}
