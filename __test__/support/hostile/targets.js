'use strict';

// Everything that is exported, and how it is called rightly: what is not a right value is somebody else's business.

const w = require('../../../index.js');

const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'media', accessKeyId: 'AK', secretAccessKey: 'secret-value' };
const llm = { apiKey: 'key', models: ['model'], baseUrl: 'http://127.0.0.1:1' };
const resolveBot = async () => null;
const sha256 = '0'.repeat(64);
const job = { botSlug: 'bot', sha256, kind: 'photo', r2Key: 'k' };
const executorJob = { ...job, token: '1:a', chatIds: ['1'] };

/** A database that is down. */
const down = () => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' }));
const pool = { query: down, connect: down, on: () => {}, end: async () => {}, options: {} };
const store = () => new w.MemoryStore();
const make = (Class) => (options) => new Class(options);

/** Callables with options: `[name, call, base]`. */
function withOptions() {
  const compat = (name) => require(`../../../lib/compat/${name}.js`);
  const testing = require('../../../lib/testing');
  const fetching = require('../../../lib/fetch.js');
  return [
    ['Queue', make(w.Queue), {}],
    ['Queue (shared)', make(w.Queue), { name: 'hostile' }],
    ['SigV4Signer', make(w.SigV4Signer), { accessKeyId: 'AK', secretAccessKey: 'SK' }],
    ['SigV4Signer (credentials)', make(w.SigV4Signer), { credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' } }],
    ['PrewarmExecutor', make(w.PrewarmExecutor), { s3 }],
    ['IngestExecutor', make(w.IngestExecutor), { dir: '/tmp' }],
    ['CampaignExecutor', make(w.CampaignExecutor), { llm }],
    ['PrewarmWorker', make(w.PrewarmWorker), { s3, resolveBot, store: store() }],
    ['IngestWorker', make(w.IngestWorker), { dir: '/tmp', store: store() }],
    ['CampaignWorker', make(w.CampaignWorker), { llm, webhook: { url: 'http://127.0.0.1:1' }, pool }],
    ['MemoryStore', make(w.MemoryStore), {}],
    ['PostgresStore', make(w.PostgresStore), { pool }],
    ['PostgresIngestStore', make(w.PostgresIngestStore), { pool }],
    ['createFetch', w.createFetch, {}],
    ['createLogger', w.createLogger, {}],
    ['migrate', (options) => w.migrate(pool, options), {}],
    ['migrateCampaigns', (options) => w.migrateCampaigns(pool, options), {}],
    ['uploadMany', (options) => w.uploadMany([], options), { s3 }],
    ['splitMessage', (options) => w.splitMessage('a text', options), {}],
    ['parseSplitResponse', (options) => w.parseSplitResponse('[]', 'a text', options), {}],
    ['fetch.createFetch', fetching.createFetch, {}],
    ['r2Service.configure', (options) => compat('r2Service').configure(options), { s3 }],
    ['ManualClock', make(testing.ManualClock), {}],
    ['mixF', testing.mixF, {}],
    ['mixLlm', testing.mixLlm, {}],
    ['mixWebhook', testing.mixWebhook, {}],
  ];
}

/** Callables with arguments: `[name, call, right arguments]`. */
function withArguments() {
  const entry = (name) => require(`../../../lib/${name}.js`);
  const executor = new w.PrewarmExecutor({ s3 });
  const client = { telegram: {}, api: { config: { use() {} } }, use() {} };
  return [
    ['campaignPartKey', w.campaignPartKey, ['m', 1, 0]],
    ['jobKey', w.jobKey, [job]],
    ['isStaleFileId', w.isStaleFileId, ['text']],
    ['bearerAuth', w.bearerAuth, ['0123456789abcdef']],
    ['splitMessage', w.splitMessage, ['text', {}]],
    ['parseSplitResponse', w.parseSplitResponse, ['[]', 'text', {}]],
    ['uploadMany', w.uploadMany, [[], { s3 }]],
    ['migrate', w.migrate, [pool, {}]],
    ['migrateCampaigns', w.migrateCampaigns, [pool, {}]],
    ['new MemoryStore', (...args) => new w.MemoryStore(...args), [{}, {}]],
    [
      'r2Service.signRequest',
      entry('compat/r2Service').signRequest,
      ['GET', '/p', { host: 'h' }, '', { accessKeyId: 'a', secretAccessKey: 's' }],
    ],
    ['r2Service.getSigningKey', entry('compat/r2Service').getSigningKey, ['s', '20260101', 'auto', 's3']],
    [
      'aws4.sign',
      entry('adapters/aws4').sign,
      [
        { host: 'h', path: '/' },
        { accessKeyId: 'a', secretAccessKey: 's' },
      ],
    ],
    ['grammy.shareLimits', entry('adapters/grammy').shareLimits, [client, executor]],
    ['telegraf.shareLimits', entry('adapters/telegraf').shareLimits, [client, executor]],
    [
      'node-telegram-bot-api.shareLimits',
      entry('adapters/node-telegram-bot-api').shareLimits,
      [client, executor, '1:a'],
    ],
    ['bullmq.processor', entry('adapters/bullmq').processor, [executor, {}]],
    ['bullmq.producer', entry('adapters/bullmq').producer, [{ add() {} }, {}]],
    ['bullmq.jobId', entry('adapters/bullmq').jobId, [job]],
    ['bullmq.redisEnv', entry('adapters/bullmq').redisEnv, [{}]],
    ['baileys.ingestJob', entry('adapters/baileys').ingestJob, [{ message: {}, key: {} }]],
    ['baileys.reupload', entry('adapters/baileys').reupload, [{ updateMediaMessage() {} }, () => null]],
    ['whatsapp-web.ingestJob', entry('adapters/whatsapp-web').ingestJob, [{ hasMedia: true, _data: {} }]],
    ['pg-boss.task', entry('adapters/pg-boss').task, [executor, {}]],
    ['graphile-worker.task', entry('adapters/graphile-worker').task, [executor, {}]],
    ['prom-client.registerMetrics', entry('adapters/prom-client').registerMetrics, [{}, [executor]]],
    ['opentelemetry.instrument', entry('adapters/opentelemetry').instrument, [executor, {}]],
    ['mediaPrewarmWorker.configure', entry('compat/mediaPrewarmWorker').configure, [{}]],
    ['mediaPrewarmWorker.enqueuePrewarm', entry('compat/mediaPrewarmWorker').enqueuePrewarm, [{}]],
    ['processMedia.configure', entry('compat/processMedia').configure, [{}]],
    ['mixF', require('../../../lib/testing').mixF, [{}]],
  ];
}

/** Instances whose methods are called: `[name, create, right arguments by method]`; what is not named is called with nothing. */
function instances() {
  const executors = {
    submit: [executorJob],
    submitMany: [[executorJob]],
    run: [executorJob, {}],
    extend: [['k'], 1000],
    cancel: ['k'],
    setConcurrency: [2],
    explain: ['k'],
    close: [{ timeoutMs: 0 }],
  };
  const paced = { ...executors, setLimits: [{}], report: [{ token: '1:a' }], plan: [[], {}], learned: [5] };
  const workers = {
    enqueue: [job],
    enqueueMany: [[job]],
    cancel: ['k'],
    setConcurrency: [2],
    explain: ['k'],
    stop: [{ timeoutMs: 0 }],
    heal: ['id'],
    router: [{ auth: 'external' }],
  };
  const request = { method: 'GET', url: 'https://h/p', headers: {}, date: 0 };
  const queue = {
    enqueue: ['item', { key: 'k' }],
    enqueueMany: [[{ item: 1 }]],
    enqueuePriority: ['item', 1],
    dequeueMany: [1],
    dequeueWait: [{ timeoutMs: 1 }],
    has: ['k'],
    remove: ['k'],
    on: ['dropped', () => {}],
  };
  return [
    ['Queue', () => new w.Queue({ capacity: 8 }), queue],
    ['Queue (shared)', () => new w.Queue({ name: 'methods', capacity: 8 }), queue],
    [
      'SigV4Signer',
      () => new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' }),
      {
        sign: [request],
        presign: [request],
        presignMany: [[request]],
        explain: [request],
        signMany: [[request]],
        hashFile: ['/dev/null'],
      },
    ],
    ['PrewarmExecutor', () => new w.PrewarmExecutor({ s3 }), paced],
    [
      'IngestExecutor',
      () => new w.IngestExecutor({ dir: '/tmp' }),
      { ...executors, submit: [{ key: 'k', url: 'https://h/p' }] },
    ],
    ['CampaignExecutor', () => new w.CampaignExecutor({ llm }), { ...executors, submit: [{ key: 'k', prompt: 'p' }] }],
    ['PrewarmWorker', () => new w.PrewarmWorker({ s3, resolveBot, store: store() }), workers],
    ['IngestWorker', () => new w.IngestWorker({ dir: '/tmp', store: store() }), workers],
  ];
}

/**
 * Jobs, whose fields are found like options: `[name, call, base, own]`. `own`: what a getter of theirs throws comes out as it is; of
 * requests to sign, since asking first would cost a good part of signing.
 */
function withJobs() {
  const prewarm = new w.PrewarmExecutor({ s3 });
  const ingest = new w.IngestExecutor({ dir: '/tmp' });
  const campaign = new w.CampaignExecutor({ llm, webhook: { url: 'http://127.0.0.1:1' } });
  for (const one of [prewarm, ingest, campaign]) one.pause();
  const prewarmWorker = new w.PrewarmWorker({ s3, resolveBot, store: store() });
  const ingestWorker = new w.IngestWorker({ dir: '/tmp', store: store() });
  const queue = new w.Queue();
  const signer = new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' });
  return [
    ['PrewarmExecutor.submit', (one) => prewarm.submit(one), executorJob],
    ['PrewarmExecutor.setLimits', (one) => prewarm.setLimits(one), {}],
    ['PrewarmExecutor.report', (one) => prewarm.report(one), { token: '1:a' }],
    ['PrewarmExecutor.plan', (one) => prewarm.plan(one, {}), { count: 1 }],
    ['PrewarmExecutor.plan options', (one) => prewarm.plan([], one), {}],
    ['PrewarmExecutor.run options', (one) => prewarm.run({}, one), {}],
    ['IngestExecutor.submit', (one) => ingest.submit(one), { key: 'k', url: 'https://h.example/p' }],
    ['CampaignExecutor.submit', (one) => campaign.submit(one), { key: 'k', stage: 'generate', prompt: 'p' }],
    ['PrewarmWorker.enqueue', (one) => prewarmWorker.enqueue(one), job],
    ['IngestWorker.enqueue', (one) => ingestWorker.enqueue(one), { key: 'k', url: 'https://h.example/p' }],
    ['PrewarmWorker.stop', (one) => new w.PrewarmWorker({ s3, resolveBot, store: store() }).stop(one), {}],
    ['Queue.enqueue', (one) => queue.enqueue(1, one), {}],
    ['Queue.enqueueMany', (one) => queue.enqueueMany([one]), { item: 1 }],
    ['Queue.dequeueWait', (one) => queue.dequeueWait(one), { timeoutMs: 1 }],
    ['SigV4Signer.sign', (one) => signer.sign(one), { method: 'GET', url: 'https://h/p' }, true],
    ['SigV4Signer.presign', (one) => signer.presign(one), { url: 'https://h/p' }, true],
    ['SigV4Signer.explain', (one) => signer.explain(one), { method: 'GET', url: 'https://h/p' }, true],
  ];
}

module.exports = { withOptions, withArguments, withJobs, instances };
