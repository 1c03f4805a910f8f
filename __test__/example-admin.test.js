'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const express = require('express');
const { errorHandler } = require('../examples/express-app/lib/errors');
const { adminRoutes } = require('../examples/express-app/routes/admin');

/** The admin routes alone, over a worker that is in a state the real one is hard to bring into. */
async function withRoutes({ items = [], running = false, query = async () => {} }, work) {
  const started = [];
  const worker = {
    getQueueMetrics: () => ({ queue_size: items.length }),
    getWorkerController: () => ({ isRunning: () => running, getQueueItems: () => items, stop: () => {} }),
    startPrewarmWorker: (...args) => started.push(args),
  };
  const logged = [];
  const app = express();
  app.use(express.json());
  app.use(adminRoutes({ worker, pool: { query }, diagnostics: {} }));
  app.use(errorHandler({ error: (tag, fields) => logged.push([tag, fields]) }));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    await work({
      started,
      logged,
      metrics: () => fetch(`${url}/media/prewarm/metrics`),
      start: () => {
        const headers = { 'content-type': 'application/json' };
        return fetch(`${url}/media/prewarm/control`, { method: 'POST', headers, body: '{"action":"start"}' });
      },
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('the admin routes of examples/express-app', () => {
  it('show a job without a hash instead of failing on it', () => {
    const enqueued_at = Date.now() - 50;
    const items = [
      { bot_slug: 'a', kind: 'photo', sha256: 'f'.repeat(64), enqueued_at },
      { bot_slug: 'b', kind: 'video', enqueued_at },
    ];
    return withRoutes({ items }, async ({ metrics }) => {
      const response = await metrics();
      assert.equal(response.status, 200);
      const { queue_items: shown } = (await response.json()).metrics;
      assert.deepEqual(
        shown.map(({ bot_slug, kind, sha256 }) => [bot_slug, kind, sha256]),
        [
          ['a', 'photo', `${'f'.repeat(16)}...`],
          ['b', 'video', null],
        ],
      );
      assert.ok(shown.every((item) => item.enqueued_at === enqueued_at && item.waiting_ms >= 50));
    });
  });

  it('answer 503 to a start while the database is away', () => {
    const query = () => Promise.reject(new Error('connection refused'));
    return withRoutes({ query }, async ({ start, started }) => {
      const response = await start();
      assert.deepEqual([response.status, await response.json()], [503, { ok: false, error: 'DATABASE_NOT_AVAILABLE' }]);
      assert.deepEqual(started, []);
    });
  });

  it('keep the text of an unknown error to themselves', () => {
    const items = {
      map() {
        throw Object.assign(new Error('password of postgres://user:hunter2@db'), { code: 'EWHATEVER' });
      },
    };
    return withRoutes({ items }, async ({ metrics, logged }) => {
      const response = await metrics();
      const body = await response.json();
      assert.deepEqual(
        [response.status, body],
        [500, { ok: false, error: 'INTERNAL_ERROR', message: 'internal error' }],
      );
      assert.equal(logged.length, 1);
      assert.ok(!JSON.stringify(logged).includes('hunter2'));
    });
  });
});
