'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const express = require('express');
const { bearerAuth, PrewarmWorker } = require('..');
const { startStage, until, events, TOKEN, CHAT } = require('./support/prewarm.js');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');

const GONE = 'a'.repeat(64);

describe('the admin router of a worker', () => {
  let stage;
  before(async () => {
    stage = await startStage();
  });
  after(() => stage.close());

  async function world(t, extra = {}) {
    const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
    const worker = new PrewarmWorker({
      ...stage.options({ retry: { quick: 0, baseMs: 10, maxMs: 10 } }),
      resolveBot,
      ...extra,
    });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    const app = express();
    app.use('/admin', worker.router({ auth: bearerAuth(ADMIN_TOKEN) }));
    const { get, post, call, url } = await serve(t, app);
    const at = (path) => `/admin${path}`;
    return {
      worker,
      url,
      get: (path, options) => get(at(path), options),
      post: (path, body = {}) => post(at(path), body),
      put: (path, body) => call('PUT', at(path), { body }),
      call: (method, path, options) => call(method, at(path), options),
    };
  }

  it("answers metrics and control as the seed's routes do", async (t) => {
    const { worker, get, post } = await world(t);
    const job = await stage.workerJob();
    await worker.enqueue(job);
    const { status, body, text } = await get('/metrics');
    const [item] = body.metrics.queue_items;
    assert.equal(status, 200);
    assert.equal(
      text,
      JSON.stringify({
        ok: true,
        metrics: {
          queue_size: 1,
          processing_count: 0,
          active_workers: 0,
          max_concurrency: 5,
          max_queue_size: 500,
          utilization: 0,
          utilization_pct: 0,
          worker_running: false,
          queue_items: [
            {
              bot_slug: 'bot',
              kind: 'document',
              sha256: `${job.sha256.slice(0, 16)}...`,
              enqueued_at: item.enqueued_at,
              waiting_ms: item.waiting_ms,
            },
          ],
        },
      }),
    );
    const answers = [];
    for (const action of ['start', 'start', 'stop', 'dance']) {
      const { status, text } = await post('/control', { action });
      answers.push([status, text]);
    }
    assert.deepEqual(answers, [
      [200, '{"ok":true,"message":"Worker started","worker_running":true}'],
      [200, '{"ok":true,"message":"Worker already running","worker_running":true}'],
      [200, '{"ok":true,"message":"Worker stopped","worker_running":false}'],
      [400, '{"ok":false,"error":"INVALID_ACTION","message":"action must be \\"start\\" or \\"stop\\""}'],
    ]);
  });

  it('pauses, resumes and drains', async (t) => {
    const { worker, get, post } = await world(t);
    await worker.start();
    assert.deepEqual((await post('/pause')).body, { ok: true, mode: 'paused' });
    await worker.enqueue(await stage.workerJob());
    assert.deepEqual(
      (await get('/health')).body.reasons.map(({ code }) => code),
      ['PAUSED'],
    );
    assert.equal((await get('/health')).status, 503);
    const { body } = await get('/state');
    assert.deepEqual([body.state.queue.ready, body.state.worker.mode, body.state.health.ready], [1, 'paused', false]);

    const settled = events(worker, 'succeeded');
    assert.deepEqual((await post('/resume')).body, { ok: true, mode: 'running' });
    await settled;
    assert.equal((await get('/health')).status, 200);

    assert.equal((await post('/drain')).body.mode, 'draining');
    await worker.enqueue(await stage.workerJob());
    await worker.drain();
    assert.equal(worker.depth().ready, 1, 'a draining worker has claimed a job');
    await post('/resume');
    await until(() => worker.stats().succeeded === 2);
  });

  it('keeps a pause and a concurrency over a stop and a start', async (t) => {
    const { worker, put } = await world(t);
    assert.deepEqual((await put('/concurrency', { concurrency: 64 })).body, {
      ok: true,
      mode: 'idle',
      concurrency: 64,
    });
    worker.pause();
    await worker.start();
    await worker.stop();
    await worker.start();
    assert.deepEqual([worker.mode, worker.stats().concurrency, worker.executor.stats().paused], ['paused', 64, true]);
    const jobs = await Promise.all(Array.from({ length: 150 }, () => stage.workerJob()));
    await worker.enqueueMany(jobs);
    worker.resume();
    // More than the five of the first setting were claimed at once, and none was refused for lack of room.
    await until(() => worker.stats().succeeded === 150);
    assert.equal(worker.stats().failed, 0);
  });

  it('lists, searches and pages jobs, and says why one waits', async (t) => {
    const { worker, get } = await world(t);
    const jobs = [];
    for (let i = 0; i < 5; i++)
      jobs.push(await stage.workerJob({ botSlug: i < 3 ? 'one' : 'two', r2Key: `folder/${i}.bin` }));
    await worker.enqueueMany(jobs);
    const seen = [];
    let cursor = '';
    do {
      const { body } = await get(`/jobs?limit=2&state=queued${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map(({ r2Key }) => r2Key));
      cursor = body.nextCursor;
    } while (cursor);
    assert.deepEqual(
      seen,
      [0, 1, 2, 3, 4].map((i) => `folder/${i}.bin`),
    );
    assert.equal((await get('/jobs?search=TWO')).body.items.length, 2);
    assert.equal((await get('/jobs?search=%2F4.bin')).body.items.length, 1);
    assert.equal((await get('/jobs?state=claimed')).body.items.length, 0);
    const key = encodeURIComponent((await get('/jobs?limit=1')).body.items[0].key);
    assert.deepEqual((await get(`/jobs/explain?key=${key}`)).body.explanation.waits, [
      { reason: 'paused', waitMs: null },
    ]);
    assert.equal((await get('/jobs/explain?key=none')).status, 404);
    for (const query of [
      'state=odd',
      'limit=0',
      'limit=x',
      'limit=1e2',
      'cursor=%00',
      'cursor=bm8',
      `search=${'x'.repeat(201)}`,
    ]) {
      const { status, body } = await get(`/jobs?${query}`);
      assert.deepEqual([status, body.error], [400, 'ERR_WARMPATH_INVALID_ARGUMENT'], query);
    }
  });

  it('retries a failed job, one or all, and forgets what is purged', async (t) => {
    const { worker, get, post } = await world(t);
    const bad = (kind) => ({ botSlug: 'bot', sha256: GONE, kind, r2Key: `gone-${kind}` });
    const failed = events(worker, 'failed', 2);
    await worker.start();
    await worker.enqueueMany([bad('photo'), bad('video')]);
    await failed;
    const { items } = (await get('/jobs?state=failed')).body;
    assert.deepEqual(items.map(({ r2Key, error }) => [r2Key, error.code, error.class]).sort(), [
      ['gone-photo', 'ERR_WARMPATH_SOURCE_NOT_FOUND', 'permanent'],
      ['gone-video', 'ERR_WARMPATH_SOURCE_NOT_FOUND', 'permanent'],
    ]);
    const again = events(worker, 'failed');
    assert.deepEqual((await post('/jobs/retry', { key: items[0].key })).body, {
      ok: true,
      retried: 1,
      status: 'queued',
    });
    await again;
    const both = events(worker, 'failed', 2);
    assert.deepEqual((await post('/jobs/retry', { state: 'failed' })).body, { ok: true, retried: 2 });
    await both;
    assert.equal((await post('/jobs/retry', { key: 'document:none:bot' })).status, 404);
    assert.deepEqual((await post('/purge', { state: 'failed' })).body.purged, 2);
    assert.equal((await get('/jobs?state=failed')).body.items.length, 0);
    worker.pause();
    await worker.enqueue(await stage.workerJob());
    assert.deepEqual((await post('/purge', { state: 'queued' })).body.purged, 1);
    assert.equal(worker.depth().ready, 0);
  });

  it('cancels a job that waits, and one that runs, and neither comes back by itself', async (t) => {
    const { worker, get, post } = await world(t, { concurrency: 1 });
    const waiting = await stage.workerJob();
    await worker.enqueue(waiting);
    const waitingKey = `document:${waiting.sha256}:bot`;
    assert.equal((await post('/jobs/cancel', { key: waitingKey })).status, 200);
    assert.equal((await post('/jobs/cancel', { key: waitingKey })).status, 404);
    assert.equal(worker.depth().ready, 0);

    await worker.start();
    worker.executor.pause();
    const running = await stage.workerJob();
    const failed = events(worker, 'failed');
    await worker.enqueue(running);
    await until(() => worker.executor.list().length === 1);
    assert.equal((await post('/jobs/cancel', { key: `document:${running.sha256}:bot` })).status, 200);
    const [result] = await failed;
    assert.deepEqual(
      [result.state, result.error.code, result.error.class],
      ['dead', 'ERR_WARMPATH_CANCELLED', 'cancelled'],
    );
    worker.executor.resume();
    assert.deepEqual(worker.depth(), { ready: 0, delayed: 0, claimed: 0 });
    assert.equal((await get('/jobs?state=failed')).body.items.length, 2);
  });

  it('changes limits, and refuses what is none', async (t) => {
    const { worker, get, put } = await world(t);
    assert.equal((await get('/limits')).body.limits, false);
    const { body } = await put('/limits', { limits: { token: { limit: 7 } } });
    assert.equal(body.limits.token.limit, 7);
    assert.equal(worker.limits().token.limit, 7);
    for (const [path, value] of [
      ['/limits', { limits: { token: { limit: -1 } } }],
      ['/limits', { limits: 5 }],
      ['/limits', {}],
      ['/concurrency', { concurrency: 0 }],
      ['/concurrency', { concurrency: '5' }],
      ['/concurrency', { concurrency: 5, more: 1 }],
      ['/concurrency', []],
    ]) {
      assert.equal((await put(path, value)).status, 400, JSON.stringify(value));
    }
  });

  it('refuses bodies that are none, and other methods', async (t) => {
    const { call } = await world(t);
    const answer = async (body, headers) => (await call('POST', '/pause', { body, headers })).status;
    assert.equal(await answer('{', undefined), 400);
    assert.equal(await answer('[]', undefined), 400);
    assert.equal(await answer('{}', { 'content-type': 'text/plain' }), 415);
    assert.equal(await answer(JSON.stringify({ x: 'y'.repeat(70_000) })), 413);
    const wrong = await call('DELETE', '/limits', {});
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, PUT, HEAD']);
  });

  it('tells every reader of /events the state once a second, and at once after a command', async (t) => {
    const { worker, url, post } = await world(t);
    const controller = new AbortController();
    const response = await fetch(`${url}/admin/events`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: controller.signal,
    });
    assert.match(response.headers.get('content-type'), /^text\/event-stream/);
    let text = '';
    const modes = () => [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json).worker.mode);
    const reading = (async () => {
      for await (const chunk of response.body) text += Buffer.from(chunk).toString();
    })().catch(() => {});
    await until(() => modes().length >= 1, 'the first event');
    await worker.start();
    await post('/pause');
    await until(() => modes().includes('paused'), 'the event after a command');
    controller.abort();
    await reading;
    assert.match(text, /^id: 1\nevent: state\n/m);
  });

  it('lets a server close: its event streams can be ended', async (t) => {
    const worker = new PrewarmWorker({ ...stage.options(), resolveBot: async () => null });
    t.after(() => worker.stop({ timeoutMs: 0 }));
    const router = worker.router({ auth: 'external' });
    const { url } = await serve(t, router);
    const response = await fetch(`${url}/events`);
    const ended = (async () => {
      for await (const _chunk of response.body);
    })();
    router.close();
    await ended;
  });
});
