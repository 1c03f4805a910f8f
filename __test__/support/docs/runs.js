'use strict';

// How each block of JavaScript is run: what is given to it beyond the usual, and what has to be true afterwards. A block without an entry is
// run with the usual things alone. `notRun` says why one is not; it is checked by the compiler all the same.

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Webhook } = require('standardwebhooks');
const { until } = require('../example.js');
const { root } = require('./blocks.js');

const ready = (world, kind) => () =>
  until(async () => {
    const { rows } = await world.pool.query("SELECT file_id FROM media_cache WHERE kind = $1 AND status = 'ready'", [
      kind,
    ]);
    return rows.length > 0;
  }, 'the file_id');

/** A client of a bot that reaches the sandbox whatever a block says. */
const botAt = (world) => {
  const { Bot } = require('grammy');
  return new Bot(world.token, { client: { apiRoot: world.telegram.url } });
};

const forget = (world) => world.pool.query('TRUNCATE media_cache');
const prewarm = (world, made) => new (world.package(made).PrewarmWorker)({ pool: world.pool, s3: world.s3 });
const executor = (world, made) => new (world.package(made).PrewarmExecutor)({ s3: world.s3 });
const bearer = { headers: { authorization: `Bearer ${'t'.repeat(32)}` } };

/** A message of Baileys whose medium the guard refuses, so that nothing leaves this machine: what becomes of it is another test's. */
const photo = () => ({
  key: { remoteJid: '5511@s.whatsapp.net', id: `3EB0${Date.now()}`, fromMe: false },
  message: {
    imageMessage: { url: 'https://127.0.0.1:9/x', mediaKey: Buffer.alloc(32, 1), mimetype: 'image/jpeg' },
  },
  messageTimestamp: 1_700_000_000,
});

async function newMessage(world) {
  const run = await world.pool.query("INSERT INTO campaign_runs (status) VALUES ('running') RETURNING id");
  const lead = await world.pool.query("INSERT INTO leads (name, phone) VALUES ('Ana', '5511') RETURNING id");
  return { runId: run.rows[0].id, leadId: lead.rows[0].id };
}

const admin = {
  values: (world, made) => ({ worker: prewarm(world, made) }),
  async check({ request }) {
    assert.equal((await request('/admin/prewarm/state')).status, 401);
    assert.equal((await request('/admin/prewarm/state', bearer)).status, 200);
  },
};

const README = {
  1: {
    before: forget,
    async check({ world, request }) {
      const { text } = await request('/prewarm', { method: 'POST', body: { sha256: world.sha256, key: 'cats/1.jpg' } });
      assert.deepEqual(JSON.parse(text), { status: 'queued' });
      await ready(world, 'photo')();
    },
  },
  2: {
    values: () => ({ sock: { ev: new EventEmitter() } }),
    async check({ world, values, made }) {
      values.sock.ev.emit('messages.upsert', {
        messages: [photo(), { ...photo(), message: { conversation: 'Oi' } }],
      });
      await until(async () => (await world.pool.query('SELECT 1 FROM ingest_jobs')).rows.length === 1, 'the job');
      assert.equal(made.ingest.state, 'running');
    },
  },
  3: { check: ({ made }) => assert.equal(made.campaigns.state, 'running') },
  4: {
    check({ made }) {
      assert.match(made.headers.authorization, /^AWS4-HMAC-SHA256 /);
      assert.match(made.url, /a%20b\/%C3%A7%C3%A3o\.jpg/);
      assert.match(made.link, /X-Amz-Expires=3600/);
    },
  },
  5: admin,
};

const RUNS = {
  'README.md': README,
  'README.pt-BR.md': README,
  'docs/admin.md': {
    0: admin,
    1: {
      values: (world, made) => ({ worker: prewarm(world, made) }),
      check: async ({ request }) => assert.match((await request('/readyz')).text, /NOT_RUNNING/),
    },
    2: { values: (world, made) => ({ worker: prewarm(world, made), auth: (_req, _res, next) => next() }) },
  },
  'docs/campaign-worker.md': {
    0: {
      async check({ world, made }) {
        assert.equal(await made.worker.enqueue(await newMessage(world)), 'queued');
        await until(() => world.hook.deliveries.length > 0, 'the delivery');
      },
    },
    1: { notRun: 'three queues at once; __test__/campaign-queues.test.js runs this very wrapper on each of them' },
    2: { values: () => ({ OpenAI: require('openai').default, Bot: require('grammy').Bot }) },
  },
  'docs/campaigns.md': {
    0: {
      values: () => ({
        store: { delivered() {}, parts: async () => {} },
        messages: [{ role: 'user', content: 'Write to Ana.' }],
        ...{ campaignId: 'c1', messageId: 'm1', leadId: 'l1' },
      }),
      check: ({ made, world }) => assert.ok(made.parts.length > 0 && world.hook.deliveries.length >= made.parts.length),
    },
    2: {
      values(world) {
        const rawBody = '{"text":"Oi, Ana!"}';
        const at = new Date();
        const signature = new Webhook(world.secret).sign('id1', at, rawBody);
        const stamp = `${Math.floor(at.getTime() / 1000)}`;
        return {
          rawBody,
          req: { headers: { 'webhook-id': 'id1', 'webhook-timestamp': stamp, 'webhook-signature': signature } },
        };
      },
      check: ({ made }) => assert.deepEqual(made.message, { text: 'Oi, Ana!' }),
    },
  },
  'docs/ingest-queue.md': {
    0: {
      values: () => ({ socket: { ev: new EventEmitter() }, messages: new Map(), saveAll: async () => {} }),
      async check({ values, made }) {
        values.socket.ev.emit('messages.upsert', { messages: [photo()] });
        await until(
          () => made.worker.stats().queued + made.worker.stats().running + made.worker.stats().failed > 0,
          'the job',
        );
      },
    },
    1: {
      redis: true,
      values: () => ({ message: photo(), ingestJob: require('warmpath/baileys').ingestJob }),
      async check({ made }) {
        // In memory for a moment, where neither way answers in time.
        await until(async () => {
          const { bullmq, store, inline } = (await made.media.stats()).added;
          return bullmq + store + inline === 1;
        }, 'the job to be taken');
      },
    },
    3: {
      redis: true,
      values: () => ({
        msg: photo(),
        hasMedia: true,
        session: 'shop',
        msgContact: { id: '5511' },
        saveMessage: async () => {},
      }),
      end: 'warmpath/compat/processMedia',
    },
  },
  'docs/ingest.md': {
    0: {
      values: (world) => ({
        message: { id: '3EB0C7' },
        url: new (require('../../../index.js').SigV4Signer)(world.s3).presign({ key: 'cats/1.jpg' }),
      }),
      check({ made, world }) {
        assert.equal(made.sha256, world.sha256);
        assert.ok(fs.existsSync(made.location.path));
      },
    },
    1: { values: (world) => ({ dir: world.dir }) },
    2: { values: () => ({ sock: {}, messages: new Map(), cloudApi: { urlOf: async () => '' }, authorization: '' }) },
  },
  'docs/metrics.md': {
    0: {
      values: (world, made) => ({
        promClient: require('prom-client'),
        prewarm: prewarm(world, made),
        ingest: new (world.package(made).IngestWorker)({ dir: world.dir }),
      }),
      check: async ({ values }) => assert.match(await values.promClient.register.metrics(), /warmpath_queue_jobs/),
    },
    1: { values: (world, made) => ({ worker: prewarm(world, made) }), check: ({ made }) => made.end() },
    2: { values: () => ({ createLogger: require('../../../index.js').createLogger }) },
  },
  'docs/migrating.md': {
    0: { before: forget, check: ({ world }) => ready(world, 'photo')(), end: 'warmpath/compat/mediaPrewarmWorker' },
    1: {
      values: () => ({ tokenOf: async () => null, metrics: { observe() {} } }),
      check: ({ made }) => made.configure(),
    },
    2: {
      check: async ({ request }) =>
        assert.equal((await request('/api/admin/media/prewarm/metrics', bearer)).status, 200),
    },
    3: {
      before: forget,
      check: ({ made, world }) => {
        assert.equal(made.status, 'queued');
        return ready(world, 'photo')();
      },
    },
    4: {
      values: () => ({ contextsOf: async () => new Map() }),
      check: ({ made }) => assert.equal(made.campaigns.state, 'running'),
    },
    5: {
      redis: true,
      values: () => ({
        msg: photo(),
        hasMedia: true,
        session: 'shop',
        msgContact: { id: '5511' },
        saveMessage: async () => {},
      }),
      end: 'warmpath/compat/processMedia',
    },
  },
  'docs/pacing.md': {
    0: { check: ({ made }) => assert.equal(made.executor.limits().token.limit, 10) },
    1: { values: (world, made) => ({ executor: executor(world, made), key: 'photo:x:shop' }) },
    2: { check: ({ made }) => assert.ok(made.executor.stats().concurrency >= 1) },
    3: {
      values: (world, made) => ({
        executor: executor(world, made),
        jobs: [{ botSlug: 'shop', chatIds: ['1'], size: 1 }],
      }),
    },
    4: {
      values: (world, made) => ({
        executor: executor(world, made),
        bot: botAt(world),
        telegraf: new (require('telegraf').Telegraf)(world.token),
        nodeBot: { api: new (require('node-telegram-bot-api').Api)(world.token) },
        retryAfterMs: 1000,
      }),
    },
  },
  'docs/postgres.md': {
    0: { before: forget, check: ({ world }) => ready(world, 'photo')() },
    1: {
      notRun:
        'wants a table that the reader has; __test__/store-media-cache.test.js and migrate-database.test.js run names of tables and columns',
    },
  },
  'docs/queue.md': {
    0: { values: (_world, things) => ({ work: async () => things.at(-1).close() }) },
    1: {
      values: () => ({
        list: [{ id: 'a' }, { id: 'b' }],
        Worker: class {
          constructor(file) {
            assert.equal(file, './worker.js');
          }
        },
      }),
      check: ({ made }) => assert.equal(made.jobs.clear(), 2),
    },
    2: {
      values: (_world, things) => ({ work: async () => things.at(-1).close() }),
      async before(_world, block) {
        // The two blocks together, each in its thread.
        const source = `const { Queue } = require(${JSON.stringify(root)}); const { parentPort } = require('node:worker_threads');
          let left = 2; const work = async (job) => { parentPort.postMessage(job); if (--left === 0) process.exit(0); };
          (async () => { ${block.code} })();`;
        const { Queue } = require('../../../index.js');
        const jobs = new Queue({ name: 'jobs', capacity: 10_000 });
        const worker = new Worker(source, { eval: true });
        const got = [];
        worker.on('message', (job) => got.push(job.id));
        jobs.enqueueMany(['a', 'b'].map((id) => ({ item: { id }, key: id })));
        await once(worker, 'exit');
        assert.deepEqual(got, ['a', 'b']);
        // What the block itself, run in this thread, takes.
        jobs.enqueue({ id: 'c' });
      },
    },
  },
  'docs/queues.md': {
    0: { redis: true, check: ({ made }) => made.worker.waitUntilReady() },
    1: {
      redis: true,
      async check({ request }) {
        const { text } = await request('/media', { method: 'POST', body: {} });
        assert.deepEqual(JSON.parse(text), { status: 'queued', via: 'bullmq' });
      },
    },
    2: {
      before: forget,
      async check({ made, world }) {
        await until(() => world.telegram.received.length > 0, 'the message');
        await made.boss.stop({ graceful: false });
      },
    },
    3: {
      before: forget,
      async check({ made, world }) {
        await until(() => world.telegram.received.length > 0, 'the message');
        await made.runner.stop();
      },
    },
  },
  'docs/routes.md': {
    0: { values: (world, made) => ({ worker: prewarm(world, made) }) },
    1: { values: (world, made) => ({ worker: prewarm(world, made), bot: botAt(world) }) },
  },
  'docs/testing.md': {
    0: {
      values: () => ({ S3Client: require('@aws-sdk/client-s3').S3Client }),
      async codeUnderTest({ client }) {
        const {
          CompleteMultipartUploadCommand,
          CreateMultipartUploadCommand,
          UploadPartCommand,
        } = require('@aws-sdk/client-s3');
        const at = { Bucket: 'media', Key: 'big' };
        const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
        const { ETag } = await client.send(
          new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: Buffer.from('x') }),
        );
        const parts = { MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } };
        await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, ...parts }));
        return {};
      },
    },
    1: {
      values: (world) => ({ Bot: require('grammy').Bot, expected: world.sha256, fileId: '' }),
      async codeUnderTest({ bot }, world) {
        const { InputFile } = require('grammy');
        const send = (chat) => bot.api.sendPhoto(chat, new InputFile(world.png, 'a.png'));
        const { photo: sizes } = await send(42);
        await send(-7);
        await assert.rejects(send(42), /Too Many Requests/);
        return { fileId: sizes.at(-1).file_id };
      },
    },
    2: { values: () => require('../../../lib/testing') },
    3: {
      values: () => ({ OpenAI: require('openai').default, whatTheCodeRecorded: 0 }),
      async codeUnderTest({ openai, llm }) {
        const ask = () =>
          openai.chat.completions.create({ model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'Oi' }] });
        for (let n = 0; n < 3; n += 1) await ask();
        return { whatTheCodeRecorded: llm.usage().cost };
      },
    },
    4: {
      async codeUnderTest({ hook }) {
        const { CampaignExecutor } = require('../../../index.js');
        const sender = new CampaignExecutor({
          webhook: { url: hook.url, secret: 'whsec_c2VjcmV0IHNlY3JldA==' },
          timeouts: { deliverMs: 300 },
        });
        await sender.run({ step: 'deliver', campaignId: 'c', messageId: 'm', parts: ['um', 'dois'] });
        await sender.close();
        return {};
      },
    },
  },
  'docs/upload.md': {
    0: {
      values(world) {
        const file = path.join(world.dir, 'one.png');
        fs.writeFileSync(file, world.png);
        return { paths: [file] };
      },
      check: ({ made }) =>
        assert.deepEqual(
          made.outcomes.map(({ status }) => status),
          ['uploaded'],
        ),
    },
  },
};

/** What is said of a block; {} where nothing is. */
const runOf = ({ file, index }) => RUNS[file]?.[index] ?? {};

/** Every entry, to see that none is about a block that is gone. */
const entries = () =>
  Object.entries(RUNS).flatMap(([file, ofFile]) =>
    Object.keys(ofFile).map((index) => ({ file, index: Number(index) })),
  );

module.exports = { runOf, entries };
