'use strict';

const { familiesOf } = require('../metrics/families.js');
const { toText, CONTENT_TYPE } = require('../metrics/exposition.js');
const { Refusal, sendJson } = require('./http.js');

const MOST_ITEMS = 500;

/** The numbers of the hand-written route, by the names and in the order they have there. */
async function seedMetrics(worker) {
  const stats = worker.stats();
  const { ready, claimed } = worker.depth();
  const ahead = worker.executor?.stats().queued ?? 0;
  const active = stats.running ?? 0;
  const utilization = active / stats.concurrency;
  return {
    metrics: {
      queue_size: ready + ahead,
      processing_count: Math.max(0, claimed - ahead),
      active_workers: active,
      max_concurrency: stats.concurrency,
      // A table bounds nothing: null.
      max_queue_size: stats.capacity,
      utilization: Math.round(utilization * 100) / 100,
      utilization_pct: Math.round(utilization * 100),
    },
    items: await firstWaiting(worker),
  };
}

async function firstWaiting(worker) {
  const items = [];
  let cursor;
  do {
    const page = await worker.jobs({ state: 'queued', limit: 200, cursor });
    for (const { botSlug, kind, sha256, enqueuedAtMs } of page.items) {
      items.push({ bot_slug: botSlug, kind, sha256, enqueued_at: enqueuedAtMs });
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < MOST_ITEMS);
  return items.slice(0, MOST_ITEMS);
}

/** GET /metrics: the answer of the hand-written route, byte for byte. */
async function seedJson(_req, res, { subject }) {
  const worker = subject.worker();
  const { metrics, items } = subject.seedMetrics === undefined ? await seedMetrics(worker) : subject.seedMetrics();
  sendJson(res, 200, {
    ok: true,
    metrics: {
      ...metrics,
      worker_running: subject.isRunning(),
      queue_items: items.map((job) => ({
        bot_slug: job.bot_slug,
        kind: job.kind,
        // One job without a hash must not take the whole route down.
        sha256: typeof job.sha256 === 'string' ? `${job.sha256.slice(0, 16)}...` : null,
        enqueued_at: job.enqueued_at,
        waiting_ms: Date.now() - job.enqueued_at,
      })),
    },
  });
}

/** GET /metrics/prometheus; `?names=compat` adds the metrics of hand-written workers under their own names. */
function prometheus(_req, res, { subject, query }) {
  const worker = subject.worker();
  const names = query.get('names');
  if (names !== null && names !== 'compat') throw new Refusal(400, 'INVALID_NAMES', 'names can only be compat');
  const families = familiesOf(worker);
  if (names === 'compat') families.push(...(worker.compatNames?.families() ?? []));
  const body = Buffer.from(toText(families));
  res.statusCode = 200;
  res.setHeader('Content-Type', CONTENT_TYPE);
  res.setHeader('Content-Length', String(body.length));
  res.setHeader('Cache-Control', 'no-store');
  res.end(body);
}

module.exports = { seedJson, prometheus };
