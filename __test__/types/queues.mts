// Compiled by `tsc --noEmit`, never run: the queue adapters fit the queues they are for (of pg-boss version 10: the types of
// 12.35 do not compile themselves).
import { Queue, Worker } from 'bullmq';
import { Queue as Queue5, Worker as Worker5 } from 'bullmq-v5';
import { run, type TaskList } from 'graphile-worker';
import PgBoss10 from 'pg-boss';
import { MemoryStore, PrewarmExecutor, type PrewarmValue } from 'warmpath';
import { type Added, closeWorker, jobId, processor, producer } from 'warmpath/bullmq';
import { task as graphileTask } from 'warmpath/graphile-worker';
import { task as bossTask } from 'warmpath/pg-boss';

const executor = new PrewarmExecutor({
  s3: { endpoint: 'https://x', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' },
});
const resolveBot = async (_slug: string) => ({ token: '1:x', chatIds: [-1] });
const media = { botSlug: 'shop', sha256: 'a'.repeat(64), kind: 'photo' as const, r2Key: 'cats/1.jpg' };
const connection = { host: 'localhost' };

async function bullmq() {
  const process = processor(executor, { resolveBot, onCancel: 'release', lockDurationMs: 30_000, progressMs: 0 });
  const worker = new Worker('prewarm', process, { connection });
  const typed = new Worker<typeof media, PrewarmValue>('prewarm', process, { connection });
  const older = new Worker5('prewarm', process, { connection });
  await Promise.all([worker, typed, older].map((one) => closeWorker(one, { timeoutMs: 1000 })));

  const add = producer(new Queue('prewarm', { connection }), { fallback: 'store', store: new MemoryStore() });
  const { status, via }: Added = await add.add(media);
  producer(new Queue5('prewarm', { connection }), { fallback: 'inline', executor, resolveBot });
  producer(new Queue('prewarm', { connection }), { jobOptions: { attempts: 3 } });
  add.on('fallback', ({ via: way, error }) => console.log(way, error.code));
  const late: number = add.stats().late;
  // @ts-expect-error: a store is needed
  producer(new Queue('prewarm', { connection }), { fallback: 'store' });
  // @ts-expect-error: a token never goes to the queue
  await add.add({ ...media, token: '1:x' });
  // @ts-expect-error: no such option
  processor(executor, { resolveBots: resolveBot });
  return { status, via, late, id: jobId('k') };
}

async function postgres() {
  const ten = new PgBoss10('postgres://x');
  await ten.work('prewarm', bossTask(ten, executor, { resolveBot, schema: 'jobs' }));
  const taskList: TaskList = { prewarm: graphileTask(executor, { resolveBot }) };
  await run({ taskList });
  // @ts-expect-error: pg-boss comes first
  bossTask(executor, { resolveBot });
}

export const used = [bullmq, postgres];
