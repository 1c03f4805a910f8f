'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { exitOf, startWorld, until } = require('./support/example');
const { realMedia } = require('./support/media');

const CONTROL = '/api/admin/media/prewarm/control';
const METRICS = '/api/admin/media/prewarm/metrics';

describe('examples/express-app', () => {
  let world;
  let app;
  let media;

  before(async () => {
    [world, media] = await Promise.all([startWorld(), realMedia(9)]);
    app = await world.app({ MAX_UPLOAD_BYTES: '300000' });
  });
  after(() => world?.stop());

  const control = (action) => app.json('POST', CONTROL, { action });

  it('answers /healthz without a token', async () => {
    const { status, body } = await app.call('GET', '/healthz', { token: null });
    assert.deepEqual([status, body], [200, { ok: true, database: true, worker_running: true }]);
  });

  it('lets nobody in without the whole token', async () => {
    const sameLength = `${world.adminToken.slice(0, -1)}${world.adminToken.endsWith('x') ? 'y' : 'x'}`;
    for (const token of [null, '', sameLength, world.adminToken.slice(0, -1), `${world.adminToken}x`]) {
      const { status, body, headers } = await app.call('GET', METRICS, { token });
      assert.deepEqual([status, body], [401, { ok: false, error: 'UNAUTHORIZED' }]);
      assert.equal(headers.get('www-authenticate'), 'Bearer');
    }
    const basic = { authorization: `Basic ${world.adminToken}` };
    assert.equal((await app.call('GET', METRICS, { token: null, headers: basic })).status, 401);
    assert.equal((await app.call('GET', METRICS)).status, 200);
  });

  it('reports metrics in the shape dashboards know', async () => {
    const { status, body } = await app.call('GET', METRICS);
    assert.equal(status, 200);
    assert.equal(body.ok, true);
    const { queue_items: items, ...figures } = body.metrics;
    assert.deepEqual(items, []);
    assert.deepEqual(figures, {
      queue_size: 0,
      processing_count: 0,
      active_workers: 0,
      max_concurrency: 5,
      max_queue_size: 500,
      utilization: 0,
      utilization_pct: 0,
      worker_running: true,
    });
  });

  it('starts and stops the worker', async () => {
    const answer = (message, running) => [200, { ok: true, message, worker_running: running }];
    const of = ({ status, body }) => [status, body];
    assert.deepEqual(of(await control('start')), answer('Worker already running', true));
    assert.deepEqual(of(await control('stop')), answer('Worker stopped', false));
    assert.equal((await app.call('GET', METRICS)).body.metrics.worker_running, false);
    assert.deepEqual(of(await control('stop')), answer('Worker stopped', false));
    assert.deepEqual(of(await control('start')), answer('Worker started', true));
    assert.equal((await app.call('GET', METRICS)).body.metrics.worker_running, true);
  });

  it('refuses an unknown action, and no body at all, with 400', async () => {
    const refusal = { ok: false, error: 'INVALID_ACTION', message: 'action must be "start" or "stop"' };
    for (const value of [{ action: 'restart' }, {}, [], { action: ['stop'] }, { action: '__proto__' }]) {
      const { status, body } = await app.json('POST', CONTROL, value);
      assert.deepEqual([status, body], [400, refusal]);
    }
    const { status, body } = await app.call('POST', CONTROL);
    assert.deepEqual([status, body], [400, refusal]);
    const text = await app.call('POST', CONTROL, { body: 'stop', headers: { 'content-type': 'text/plain' } });
    assert.deepEqual([text.status, text.body], [400, refusal]);
  });

  it('refuses a body that is not JSON, and one that is too large, as JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const broken = await app.call('POST', CONTROL, { body: '{"action":', headers });
    assert.deepEqual([broken.status, broken.body.error], [400, 'INVALID_JSON']);
    const large = await app.call('POST', '/api/media/prewarm', { body: `"${'x'.repeat(1_200_000)}"`, headers });
    assert.deepEqual([large.status, large.body.error], [413, 'PAYLOAD_TOO_LARGE']);
    const nowhere = await app.call('GET', '/api/nowhere');
    assert.deepEqual([nowhere.status, nowhere.body], [404, { ok: false, error: 'NOT_FOUND' }]);
  });

  it('puts an upload into the bucket and into media_store', async () => {
    const file = media.find((one) => one.kind === 'photo');
    const item = await world.upload(app, world.bots[0], file);
    assert.equal(item.sha256, file.sha256);
    assert.deepEqual(await world.r2.get('media', item.r2_key), file.data);
    const { rows } = await world.pool.query('SELECT * FROM media_store WHERE sha256 = $1', [file.sha256]);
    assert.equal(rows.length, 1);
    const { bot_slug, kind, r2_key, content_type, file_name, bytes } = rows[0];
    assert.deepEqual(
      { bot_slug, kind, r2_key, content_type, file_name, bytes: Number(bytes) },
      {
        ...{ bot_slug: 'alpha', kind: 'photo', r2_key: item.r2_key },
        ...{ content_type: 'image/jpeg', file_name: file.name, bytes: file.data.length },
      },
    );
  });

  it('refuses uploads it cannot keep', async () => {
    const upload = (query, body) => app.call('POST', `/api/media?${new URLSearchParams(query)}`, { body });
    const good = { bot_slug: 'alpha', kind: 'photo', file_name: 'a.jpg' };
    for (const wrong of [{ kind: 'movie' }, { bot_slug: '../x' }, { file_name: 'a/b.jpg' }, { file_name: 'a\r\nb' }]) {
      const { status, body } = await upload({ ...good, ...wrong }, 'bytes');
      assert.deepEqual([status, body.error], [400, 'INVALID_FIELD'], JSON.stringify(wrong));
    }
    const twice = await app.call('POST', '/api/media?bot_slug=a&bot_slug=b&kind=photo', { body: 'bytes' });
    assert.deepEqual([twice.status, twice.body.error], [400, 'INVALID_FIELD']);
    const empty = await upload(good, undefined);
    assert.deepEqual([empty.status, empty.body.error], [400, 'EMPTY_BODY']);
    const large = await upload(good, Buffer.alloc(300_001));
    assert.deepEqual([large.status, large.body.error], [413, 'PAYLOAD_TOO_LARGE']);
  });

  it('refuses prewarm requests that make no job', async () => {
    const good = { bot_slug: 'alpha', sha256: 'a'.repeat(64), kind: 'photo', r2_key: 'k' };
    const wrongs = [
      { ...good, sha256: undefined },
      { ...good, sha256: 'A'.repeat(64) },
      { ...good, sha256: 7 },
      { ...good, kind: 'constructor' },
      { ...good, r2_key: '' },
      { ...good, r2_key: 'a\0b' },
      { ...good, bot_slug: '' },
    ];
    for (const wrong of wrongs) {
      const { status, body } = await app.json('POST', '/api/media/prewarm', wrong);
      assert.deepEqual([status, body.error], [400, 'INVALID_FIELD'], JSON.stringify(wrong));
    }
    for (const value of [null, 7, [], { items: [] }, { items: [null] }, { items: Array(501).fill(good) }]) {
      const { status, body } = await app.json('POST', '/api/media/prewarm', value);
      assert.equal(status, 400, JSON.stringify(value)?.slice(0, 80));
      assert.equal(body.ok, false);
    }
    assert.deepEqual(await world.rows(), []);
  });

  it('warms up one file of every kind, once, and lists them page by page', async () => {
    const small = media.filter((file) => file.bytes <= 300_000);
    const items = [];
    for (const bot of world.bots) for (const file of small) items.push(await world.upload(app, bot, file));
    const [first, ...others] = items;
    const one = await app.json('POST', '/api/media/prewarm', first);
    const { bot_slug, sha256, kind } = first;
    assert.deepEqual(
      [one.status, one.body],
      [202, { ok: true, queued: 1, results: [{ bot_slug, sha256, kind, status: 'queued' }] }],
    );
    const many = await app.json('POST', '/api/media/prewarm', { items: others });
    assert.equal(many.body.queued, others.length);

    await until(
      async () => (await app.call('GET', '/api/media/cache')).body.counts.ready === items.length,
      'all rows to be ready',
    );
    for (const row of await world.rows()) {
      const issued = world.telegram.issued(row.file_id);
      assert.equal(issued?.sha256, row.sha256);
      assert.equal(issued.kind, row.kind);
      const bot = world.bots.find(({ slug }) => slug === row.bot_slug);
      assert.equal(String(issued.botId), bot.token.split(':')[0]);
    }

    const again = await app.json('POST', '/api/media/prewarm', { items });
    assert.deepEqual([...new Set(again.body.results.map((result) => result.status))], ['cached']);
    assert.equal(world.telegram.received.length, items.length);

    const seen = [];
    for (let cursor = ''; cursor !== null; ) {
      const query = cursor ? `&cursor=${cursor}` : '';
      const { body } = await app.call('GET', `/api/media/cache?limit=4${query}`);
      assert.ok(body.items.length <= 4);
      seen.push(...body.items.map((item) => `${item.bot_slug}:${item.sha256}:${item.kind}`));
      cursor = body.next_cursor;
    }
    assert.equal(seen.length, items.length);
    assert.equal(new Set(seen).size, items.length);
    const ofOne = await app.call('GET', '/api/media/cache?bot_slug=beta&status=ready');
    assert.equal(ofOne.body.items.length, small.length);
    assert.deepEqual(ofOne.body.counts, { warming: 0, ready: small.length, error: 0 });
  });

  it('refuses pages that do not exist', async () => {
    const wrongs = [
      'limit=0',
      'limit=x',
      'limit=501',
      'cursor=bm8',
      'cursor=WzEsMiwzXQ',
      'status=done',
      'bot_slug=a%20b',
    ];
    for (const query of wrongs) {
      const { status, body } = await app.call('GET', `/api/media/cache?${query}`);
      assert.deepEqual([status, body.ok], [400, false], query);
    }
  });

  it('shows diagnostics, and starts them afresh', async () => {
    const { diagnostics } = (await app.call('GET', '/api/admin/diagnostics')).body;
    assert.ok(diagnostics.phases.media_prewarm_latency_ms.p99 >= diagnostics.phases.media_prewarm_latency_ms.p50);
    assert.ok(diagnostics.rss_bytes.peak >= diagnostics.rss_bytes.start);
    assert.deepEqual((await app.call('POST', '/api/admin/diagnostics/reset')).body, { ok: true });
    assert.deepEqual((await app.call('GET', '/api/admin/diagnostics')).body.diagnostics.phases, {});
  });

  it('ends with a clear message when a setting is missing or wrong', async () => {
    await assert.rejects(world.app({ DATABASE_URL: '' }), /DATABASE_URL is not set/);
    await assert.rejects(world.app({ ADMIN_API_TOKEN: '' }), /ADMIN_API_TOKEN is not set/);
    await assert.rejects(
      world.app({ MEDIA_PREWARM_INTERVAL_MS: 'soon' }),
      /MEDIA_PREWARM_INTERVAL_MS must be an integer/,
    );
    await assert.rejects(world.app({ MEDIA_PREWARM_CONCURRENCY: '-1' }), /MEDIA_PREWARM_CONCURRENCY/);
  });

  it('ends with 0 on SIGINT when it has nothing to do', async () => {
    const { process: idle } = await world.app();
    idle.child.kill('SIGINT');
    assert.deepEqual(await exitOf(idle.child), { code: 0, signal: null });
  });
});
