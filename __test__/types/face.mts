// Compiled by `tsc --noEmit`, never run: what users write must type-check, and what is wrong must not.
import type { Pool } from 'pg';
import {
  jobKey,
  MemoryStore,
  migrate,
  PostgresStore,
  PrewarmExecutor,
  type PrewarmOutcome,
  PrewarmWorker,
  type PrewarmWorkerJob,
  Queue,
  SigV4Signer,
  type Store,
  WarmpathError,
  type WarmpathErrorCode,
} from 'warmpath';
import { configure, enqueuePrewarm, getQueueMetrics, startPrewarmWorker } from 'warmpath/compat/mediaPrewarmWorker';
import { downloadMedia, getSigningKey, signRequest, uploadMedia } from 'warmpath/compat/r2Service';
import { R2Sandbox } from 'warmpath/testing';

const s3 = { accountId: 'acc', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
const media: PrewarmWorkerJob = { botSlug: 'b', sha256: 'x', kind: 'photo', r2Key: 'k' };

async function queue() {
  await using numbers = new Queue<number>({ capacity: 5 });
  const status: 'queued' | 'duplicate' | 'full' = numbers.enqueue(1, { key: 'k', priority: 2 });
  const first: number | null = numbers.dequeue();
  for await (const item of numbers) item.toFixed();
  numbers.enqueueMany([{ item: 1 }, { item: 2, priority: 1 }]);
  // @ts-expect-error: an item of another type
  numbers.enqueue('1');
  // @ts-expect-error: null and undefined are refused
  new Queue<string | null>();
  const shared = new Queue<string>({ name: 'shared', full: 'drop-lowest', agingMs: 100 });
  const waited: string | null = await shared.dequeueWait({ timeoutMs: 5, signal: new AbortController().signal });
  const many: string[] = await shared.dequeueManyWait(100, { timeoutMs: 5 });
  shared.on('dropped', (item) => item.toUpperCase());
  const dropped: number = shared.stats().dropped;
  // @ts-expect-error: no such policy
  new Queue({ full: 'drop' });
  void [waited, many, dropped];
  // @ts-expect-error: priorities are numbers
  numbers.enqueuePriority(1, '2');
  return { status, first };
}

function signer() {
  const s = new SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' });
  const { headers, authorization } = s.sign({ method: 'GET', url: 'https://h', headers: { a: ['1', '2'], b: 5 } });
  const url: string = s.presign({ url: { scheme: 'https', host: 'h', path: '/' }, expiresIn: 60, date: new Date() });
  const rotating = new SigV4Signer({
    accountId: 'acc',
    bucket: 'b',
    credentials: async () => ({ accessKeyId: 'a', secretAccessKey: 's', expiration: new Date() }),
  });
  rotating.ready().then(() => rotating.setCredentials({ accessKeyId: 'a', secretAccessKey: 's' }));
  const many: string[] = rotating.presignMany([{ key: 'k' }, 'https://h/k'], { expiresIn: 5, hoist: true });
  const stages = rotating.explain({ key: 'k', presign: true, expiresIn: 5 });
  rotating.clockOffsetMs += 5;
  SigV4Signer.hashPayload('/path').then((hex) => rotating.sign({ method: 'PUT', key: 'k', payloadHash: hex }).url);
  // @ts-expect-error: a URL or a key, not both
  rotating.presign({ url: 'https://h', key: 'k' });
  // @ts-expect-error: sign does not expire
  rotating.sign({ method: 'GET', key: 'k', expiresIn: 5 });
  // @ts-expect-error: credentials one by one or all in one, not both
  new SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });
  // @ts-expect-error: sign needs a method
  s.sign({ url: 'https://h' });
  // @ts-expect-error: the secret is required
  new SigV4Signer({ accessKeyId: 'a' });
  // @ts-expect-error: the secret cannot be read back
  s.secretAccessKey;
  return { headers, authorization, url, many, stages };
}

async function executor(signal: AbortSignal) {
  await using e = new PrewarmExecutor({ s3, retry: { quick: 2 }, limits: false, http: { ca: 'PEM' } });
  e.on('settled', (outcomes) => {
    for (const outcome of outcomes) tell(outcome);
  });
  const job = { ...media, token: '1:a', chatIds: [1, '@x'] };
  const { fileId, width } = await e.run(job, { signal });
  const p99: number | undefined = e.stats().phases.total?.p99;
  const statuses: ('queued' | 'duplicate' | 'processing' | 'full')[] = e.submitMany([job]);
  // @ts-expect-error: a token is needed here
  e.submit(media);
  // @ts-expect-error: a source is needed, and only one
  e.submit({ ...job, path: '/x' });
  // @ts-expect-error: no such kind
  e.submit({ ...job, kind: 'picture' });
  // @ts-expect-error: no such event
  e.on('done', () => {});
  // @ts-expect-error: the delays are the worker's
  new PrewarmExecutor({ s3, retry: { delaysMs: [1] } });
  // @ts-expect-error: an endpoint or an account, not both
  new PrewarmExecutor({ s3: { ...s3, endpoint: 'https://x' } });
  new PrewarmExecutor({ s3, route: 'url', verifySha256: false, onTooLarge: 'document', cache: false });
  // @ts-expect-error: a cache has a size
  new PrewarmExecutor({ s3, cache: {} });
  return { fileId, width, p99, statuses };
}

function tell(outcome: PrewarmOutcome): string {
  if (outcome.status === 'succeeded') return outcome.value.fileId;
  // @ts-expect-error: a failed job has no value
  outcome.value.fileId;
  return `${outcome.error.code} ${outcome.timings.total}`;
}

async function worker(pool: Pool) {
  await using w = new PrewarmWorker({ pool, s3, logger: console, retry: { delaysMs: [1000] } });
  w.on('succeeded', ({ job, value }) => console.log(job.botSlug, value?.fileId));
  w.on('error', (err) => console.error(err.code, err.class));
  const status: 'queued' | 'duplicate' | 'processing' | 'cached' | 'full' = await w.enqueue(media);
  // @ts-expect-error: the worker finds the token itself
  await w.enqueue({ ...media, token: '1:a' });
  const store: Store = new MemoryStore({ capacity: 5 });
  new PrewarmWorker({ store, s3, resolveBot: async (slug) => (slug === 'a' ? { token: '1:a', chatIds: [1] } : null) });
  return status;
}

async function postgres(pool: Pool) {
  const { migrations, statements }: { migrations: string[]; statements: string[] } = await migrate(pool, {
    tokenColumn: 'secret',
    dryRun: true,
    log: (sql) => console.log(sql),
  });
  await using store = new PostgresStore({ pool, columns: { botSlug: 'bot', createdAt: null }, listen: false });
  new PrewarmWorker({ store, pool, s3, tokenColumn: 'secret' });
  const asStore: Store = store;
  const [instance] = await store.instances();
  // @ts-expect-error: a key column cannot be left out
  new PostgresStore({ pool, columns: { sha256: null } });
  return { migrations, statements, asStore, lanes: instance?.lanes, ...(await store.counts()) };
}

function errors(err: unknown) {
  if (!(err instanceof WarmpathError)) return null;
  const code: WarmpathErrorCode = err.code;
  // @ts-expect-error: no such code
  if (err.code === 'ERR_WARMPATH_NONSENSE') return null;
  const { retryAfterMs, option }: { retryAfterMs?: number; option?: string } = err;
  return { code, retryAfterMs, option };
}

async function compat(pool: Pool) {
  configure<Pool>({
    services: {
      getTokenBySlug: async (db, slug) => (await db.query('SELECT $1', [slug])).rows[0]?.token as string,
      observe: (name, value, labels) => console.log(name, value, labels),
    },
    logger: console,
  });
  const accepted: boolean = enqueuePrewarm({ bot_slug: 'b', sha256: 'x', kind: 'video', r2_key: 'k', anything: 1 });
  const controller = startPrewarmWorker(pool, 2000);
  await controller.stop({ timeoutMs: 5 });
  const percent: number = getQueueMetrics().utilization_pct;
  const key: Buffer = getSigningKey('s', '20261122', 'auto', 's3');
  const body: Buffer = await downloadMedia('k');
  const { etag } = await uploadMedia('k', body, 'image/png');
  const { Authorization } = signRequest('GET', '/k', { host: 'h' }, null, { accessKeyId: 'a', secretAccessKey: 's' });
  // @ts-expect-error: no such service
  configure({ services: { getToken: () => 'x' } });
  return { accepted, percent, key, etag, Authorization };
}

const sandbox: Promise<R2Sandbox> = R2Sandbox.start();
export const used = [queue, signer, executor, worker, postgres, errors, compat, sandbox, jobKey(media)];
