'use strict';

// Work that is never done: each class of the package in the middle of something, against a server that takes what it is sent and
// never answers. Run in processes and threads that are then ended.

const crypto = require('node:crypto');
const net = require('node:net');
const os = require('node:os');
const w = require('../../index.js');

const MANY = 100;

/** A server on loopback that answers nothing; resolves with its address, and later tells of its first connection. */
function silence() {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => socket.on('error', () => {}).resume());
    server.listen(0, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${server.address().port}` }));
  });
}

const sha = (i) => crypto.createHash('sha256').update(String(i)).digest('hex');
const many = (make) => Array.from({ length: MANY }, (_, i) => make(i));
const media = (i) => ({ botSlug: 'bot', sha256: sha(i), kind: 'photo', r2Key: `k${i}` });
const s3 = (url) => ({ endpoint: url, bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' });
const telegram = (url) => ({ apiRoot: url });
// Never a handler: they are left behind with the process.
const ignore = (promise) => promise.catch(() => {});

/** By name: begins the work at `url`, and returns what would close it. */
const WORK = {
  PrewarmExecutor(url) {
    const executor = new w.PrewarmExecutor({ s3: s3(url), telegram: telegram(url), concurrency: 50, limits: false });
    const jobs = many((i) => ({ ...media(i), token: '1:a', chatIds: ['1'] }));
    executor.submitMany(jobs.slice(1));
    ignore(executor.run(jobs[0]));
    return executor;
  },
  IngestExecutor(url) {
    const { port } = new URL(url);
    const http = { allow: ['127.0.0.1'], ports: [Number(port)], plain: true };
    const executor = new w.IngestExecutor({ dir: os.tmpdir(), concurrency: 50, http });
    ignore(executor.run({ key: 'first', source: { url: `${url}/0` } }));
    executor.submitMany(many((i) => ({ key: `k${i}`, source: { url: `${url}/${i}` } })));
    return executor;
  },
  CampaignExecutor(url) {
    const executor = new w.CampaignExecutor({ llm: { apiKey: 'k', models: ['m'], baseUrl: url }, concurrency: 50 });
    const messages = [{ role: 'user', content: 'hello' }];
    const jobs = many((i) => ({ step: 'generate', campaignId: 'c', messageId: `m${i}`, messages }));
    ignore(executor.run(jobs[0]));
    executor.submitMany(jobs.slice(1));
    return executor;
  },
  PrewarmWorker(url) {
    const resolveBot = async () => ({ token: '1:a', chatIds: ['1'] });
    const worker = new w.PrewarmWorker({
      s3: s3(url),
      telegram: telegram(url),
      concurrency: 50,
      limits: false,
      resolveBot,
    });
    ignore(worker.start().then(() => worker.enqueueMany(many(media))));
    return { close: () => worker.stop({ timeoutMs: 0 }) };
  },
  IngestWorker(url) {
    const { port } = new URL(url);
    const http = { allow: ['127.0.0.1'], ports: [Number(port)], plain: true };
    const worker = new w.IngestWorker({ dir: os.tmpdir(), concurrency: 50, http });
    const job = (i) => ({ key: `k${i}`, source: { url: `${url}/${i}` } });
    ignore(Promise.resolve(worker.start()).then(() => worker.enqueueMany(many(job))));
    return { close: () => worker.stop({ timeoutMs: 0 }) };
  },
  uploadMany(url) {
    const abort = new AbortController();
    ignore(
      w.uploadMany(
        many(() => process.execPath).map((path, i) => ({ path, key: `k${i}` })),
        { s3: s3(url), concurrency: 16, signal: abort.signal },
      ),
    );
    return { close: () => abort.abort() };
  },
  Queue(_url, started) {
    const queues = [new w.Queue({ capacity: 1000 }), new w.Queue({ name: 'ends' })];
    for (const queue of queues) {
      queue.enqueueMany(many((i) => ({ item: { i } })));
      const waiting = new w.Queue();
      for (let i = 0; i < MANY; i++) ignore(waiting.dequeueWait());
    }
    started();
    return { close: () => queues.map((queue) => queue.close()) };
  },
  SigV4Signer(_url, started) {
    const signer = new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' });
    // A file that takes long to hash, on native threads.
    for (let i = 0; i < 8; i++) ignore(signer.hashPayload(process.execPath));
    signer.presignMany(many((i) => `https://h/${i}`));
    started();
    return { close() {} };
  },
};

/** Begins it, and resolves when it is in the middle: connected, or busy. */
async function begin(name) {
  const { server, url } = await silence();
  let handle;
  await new Promise((resolve) => {
    server.once('connection', resolve);
    handle = WORK[name](url, resolve);
  });
  server.unref();
  return { handle, server };
}

module.exports = { begin, NAMES: Object.keys(WORK) };
