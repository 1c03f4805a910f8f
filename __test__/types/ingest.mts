// Compiled by `tsc --noEmit`, never run.
import * as bullmq from 'bullmq';
import * as bullmq5 from 'bullmq-v5';
import { Pool } from 'pg';
import {
  type IngestNotice,
  type IngestStore,
  type IngestValue,
  IngestWorker,
  MemoryStore,
  PostgresIngestStore,
  PrewarmWorker,
  type StoredIngestJob,
} from 'warmpath';
import { ProcessMedia, redisEnv } from 'warmpath/bullmq';

const pool = new Pool();
const s3 = { endpoint: 'https://x', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };

async function worker() {
  const prewarm = new PrewarmWorker({ pool, s3 });
  const rooms = new Map<string, (event: IngestNotice) => void>();
  const worker = new IngestWorker({
    pool,
    dir: '/var/media',
    s3,
    // biome-ignore lint/suspicious/noThenProperty: the name of the option.
    then: 'prewarm',
    prewarm,
    retry: { delaysMs: [2000] },
    notify: (event) => rooms.get(event.session ?? '')?.(event),
    record: async (stored) => pool.query('SELECT $1', [stored.map(({ value }) => value.sha256)]),
    reupload: async ({ key }) => (key === undefined ? null : { url: 'https://x/2' }),
    resolve: ({ source }) => ('mediaId' in source ? { url: `https://graph/${source.mediaId}` } : null),
    logger: console,
  });
  worker.on('succeeded', ({ value, job }) => [value.location.path, job.meta?.chat, job.timestamp + 1]);
  worker.on('failed', ({ error }) => error.code === 'ERR_WARMPATH_MEDIA_GONE' && error.needs);
  await worker.start();
  const status = await worker.enqueue({
    key: 'wa:1',
    source: { whatsapp: { url: 'https://x', mediaKey: new Uint8Array(32), mediaType: 'image' } },
    meta: { chat: 'ana' },
    prewarm: { botSlug: 'shop' },
  });
  const { latency, depth, bytes, completed } = worker.stats();
  // @ts-expect-error: then needs who does it
  // biome-ignore lint/suspicious/noThenProperty: as above.
  new IngestWorker({ pool, dir: '/x', then: 'prewarm' });
  // @ts-expect-error: one or the other
  new IngestWorker({ pool, dir: '/x', store: new PostgresIngestStore({ pool }) });
  // @ts-expect-error: exactly one source
  await worker.enqueue({ source: {} });
  // @ts-expect-error: the worker's own
  await worker.enqueue({ source: { url: 'https://x' }, leaseMs: 1 });
  return { status, total: latency.p99 + latency.mean + depth + bytes + completed };
}

async function stores() {
  const memory = new MemoryStore<StoredIngestJob, IngestValue>({ keepDone: 10 });
  const durable = new PostgresIngestStore({ pool, keepDoneMs: 1, maxPayloadBytes: 1 });
  const both: IngestStore[] = [memory, durable];
  new IngestWorker({ dir: '/x', store: memory });
  const [found] = await durable.lookup(['k']);
  if (found?.state === 'done') return found.value.sha256;
  const taken = await both[0]?.take?.({ key: 'k', id: 'k', timestamp: 1, source: { path: '/x' } }, { leaseMs: 1 });
  return taken?.state === 'taken' ? String(taken.fence) : '';
}

async function queue() {
  const captureException = (err: Error, { tags }: { tags: Record<string, string> }) => [err.stack, tags.queue];
  const media = new ProcessMedia({
    pool,
    dir: '/x',
    bullmq,
    connection: redisEnv({ REDIS_HOST: 'cache' }),
    captureException,
  });
  new ProcessMedia({ dir: '/x', bullmq: bullmq5, fallback: 'inline' });
  new ProcessMedia({ fallback: 'reject', jobOptions: { attempts: 5 } });
  media.on('completed', ({ value, job }) => console.log(job.meta?.contact, value.location.path));
  media.on('failed', ({ error }) => console.log(error.code));
  media.on('fallback', ({ via, error }) => console.log(via, error.code));
  media.process();
  const { status, via } = await media.add({ key: 'a', source: { mediaId: '1' } });
  const { depth, latency } = await media.stats();
  // @ts-expect-error: a store is needed
  new ProcessMedia({ fallback: 'store' });
  // @ts-expect-error: rows or this process
  new ProcessMedia({ fallback: 'inline', pool });
  return [status, via, depth.redis === null, latency.p95];
}

export const used = [worker, stores, queue];
