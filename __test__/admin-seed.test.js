'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { adminRouter } = require('../lib/admin/router.js');
const { Operated } = require('../lib/worker/operated.js');
const { MemoryStore } = require('..');
const { serve } = require('./support/admin.js');

/** The router over a worker in a state that a real one is hard to bring into. */
function withItems(t, { items = [], running = false, ping } = {}) {
  const started = [];
  const worker = new Operated({ store: new MemoryStore(), concurrency: 5, ping });
  const subject = {
    worker: () => worker,
    isRunning: () => running,
    start: async () => started.push('start'),
    stop: async () => {},
    seedMetrics: () => ({ metrics: { queue_size: items.length }, items }),
  };
  return serve(t, adminRouter(subject, { auth: 'external' })).then((client) => ({ ...client, started }));
}

describe("the seed's routes in the admin router", () => {
  it('show a job without a hash instead of failing on it', async (t) => {
    const enqueued_at = Date.now() - 50;
    const items = [
      { bot_slug: 'a', kind: 'photo', sha256: 'f'.repeat(64), enqueued_at },
      { bot_slug: 'b', kind: 'video', enqueued_at },
    ];
    const { get } = await withItems(t, { items });
    const { status, body } = await get('/metrics');
    assert.equal(status, 200);
    const { queue_items: shown } = body.metrics;
    assert.deepEqual(
      shown.map(({ bot_slug, kind, sha256 }) => [bot_slug, kind, sha256]),
      [
        ['a', 'photo', `${'f'.repeat(16)}...`],
        ['b', 'video', null],
      ],
    );
    assert.ok(shown.every((item) => item.enqueued_at === enqueued_at && item.waiting_ms >= 50));
  });

  it('answer 503 to a start while the database is away', async (t) => {
    const ping = () => Promise.reject(new Error('connection refused'));
    const { post, started } = await withItems(t, { ping });
    const { status, text } = await post('/control', { action: 'start' });
    assert.deepEqual([status, text], [503, '{"ok":false,"error":"DATABASE_NOT_AVAILABLE"}']);
    assert.deepEqual(started, []);
  });

  it('keep the text of an unknown error to themselves', async (t) => {
    const items = {
      map() {
        throw Object.assign(new Error('password of postgres://user:hunter2@db'), { code: 'EWHATEVER' });
      },
    };
    const { get } = await withItems(t, { items });
    const { status, body } = await get('/metrics');
    assert.deepEqual([status, body], [500, { ok: false, error: 'INTERNAL_ERROR', message: 'internal error' }]);
  });
});
