import express, { type RequestHandler } from 'express';
import { bearerAuth, type JobsPage, type PrewarmWorker } from 'warmpath';
import { router } from 'warmpath/compat/mediaPrewarmWorker';

declare const worker: PrewarmWorker;
declare const requireAdmin: RequestHandler;

const app = express();
app.use('/a', worker.router({ auth: bearerAuth('x'.repeat(32)) }));
app.use('/b', requireAdmin, worker.router({ auth: 'external' }));
app.use('/c', router({ auth: requireAdmin }));
worker.router({ auth: bearerAuth('x') }).close();

// @ts-expect-error auth has no default
worker.router({});
// @ts-expect-error a text is no middleware
worker.router({ auth: 'open' });

const page: JobsPage = await worker.jobs({ state: 'failed', limit: 10 });
for (const { key } of page.items) await worker.retry(key);
worker.setConcurrency(8);
await worker.drain({ signal: AbortSignal.timeout(1000) });
const { ready, reasons } = await worker.health();
if (!ready) console.log(reasons.map(({ code }) => code).join());
// @ts-expect-error there is no such state
await worker.purge({ state: 'running' });

import { Registry } from 'prom-client';
import { instrument } from 'warmpath/opentelemetry';
import { registerMetrics } from 'warmpath/prom-client';

registerMetrics(new Registry(), [worker], { compatNames: true });
const end: () => void = instrument(worker);
end();
