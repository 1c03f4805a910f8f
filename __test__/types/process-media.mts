// Compiled by `tsc --noEmit`, never run.
import { Queue as BullQueue, Worker } from 'bullmq';
import * as job from 'warmpath/compat/processMedia';

const connection = { host: 'localhost' };

job.configure({
  dir: '/x',
  services: { saveMedia: async ({ value, meta }) => [value.sha256, meta?.contact], notify: ({ type }) => type },
  logger: console,
  toJob: (msg: { link: string }, { session, meta }) => ({
    source: { url: msg.link },
    ...(session && { session }),
    meta,
  }),
});
// @ts-expect-error: the module's own
job.configure({ record: () => {} });

async function listener(msg: object) {
  job.Queue.process();
  const added = await job.processMediaAsync(msg, 'session123', { name: 'Ana' });
  const own = new BullQueue(job.key, { connection });
  await own.add(job.key, { msg }, job.options);
  new Worker(job.key, job.handle, { connection });
  // @ts-expect-error: no such queue
  await job.Queue.add('Other', { msg });
  return [added?.via, (await job.getQueueStats()).depth.redis];
}

export const used = listener;
