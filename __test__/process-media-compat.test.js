'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const path = require('node:path');
const test = require('node:test');
const { promisify } = require('node:util');
const bullmq = require('bullmq');
const { folder, startOrigin, hashes } = require('./support/ingest-media.js');
const { until } = require('./support/prewarm.js');
const { startRedis, redisMissing } = require('./support/redis.js');

const skip = redisMissing() ?? false;
const MODULE = require.resolve('../lib/compat/processMedia.js');

let redis;
let origin;
if (!skip) {
  test.before(async () => {
    [redis, origin] = await Promise.all([startRedis(), startOrigin()]);
  });
  test.after(() => {
    origin?.close();
    return redis?.stop();
  });
}

/** A fresh copy of the module: it is one queue per process, and each test wants its own. */
function fresh(t, { services, connection = redis.connection, ...config } = {}) {
  delete require.cache[MODULE];
  const compat = require('warmpath/compat/processMedia');
  const lines = [];
  const log = (level) => (text) => lines.push(`${level} ${text}`);
  const place = folder(t);
  compat.configure({
    ...{ dir: place.dir, http: origin.http, fsync: false, retry: { quick: 0 }, prefix: `p-${randomUUID()}` },
    connection: { ...connection, retryStrategy: () => 50 },
    ...{ deadlineMs: 10_000, redisDeadlineMs: 10_000 },
    logger: { info: log('info'), warn: log('warn'), error: log('error') },
    services,
    ...config,
  });
  t.after(() => compat.stop({ timeoutMs: 0 }));
  return Object.assign({}, compat, { lines, place });
}

const inOrder = (lines, wanted) => lines.filter((line) => wanted.includes(line));

test("a listener's media goes through the queue, in the words of the log it had", { skip }, async (t) => {
  const saved = [];
  const told = [];
  const services = { saveMedia: async (stored) => saved.push(stored), notify: (notice) => told.push(notice) };
  const { processMediaAsync, Queue, getQueueStats, lines, place } = fresh(t, { services });
  const one = origin.medium();
  const contact = { id: { _serialized: '55@c.us' }, pushname: 'Ana', number: '55', save() {} };
  const added = await processMediaAsync(one.job, { id: 7, name: 'session123' }, contact);
  assert.deepEqual([added.status, added.via, added.key], ['queued', 'bullmq', one.job.key]);
  Queue.process();
  await until(() => lines.some((line) => line.includes('concluído')));
  const [{ value, meta, session }] = saved;
  assert.deepEqual([meta.contact, session], [{ id: '55@c.us', name: 'Ana', number: '55' }, 's1']);
  const file = value.location.path.slice(place.dir.length + 1);
  const wanted = [
    'info [MessagesListener] Adicionando mídia à fila para sessão s1',
    `info [MessagesListener] Job de mídia criado: ${one.job.key} para sessão s1`,
    'info [ProcessMedia] Iniciando processamento de mídia para sessão s1',
    `info [ProcessMedia] Mídia salva: ${file}`,
    'info [ProcessMedia] Processamento concluído para sessão s1',
  ];
  assert.deepEqual(inOrder(lines, wanted), wanted);
  assert.match(file, /^\d{10}_[\w-]+\.\w+$/);
  assert.deepEqual(place.hashes(), hashes([one]));
  assert.ok(told.some(({ type }) => type === 'media:stored'));
  assert.equal((await getQueueStats()).completed, 1);
});

test('messages are told apart by their shape; what has no media is none of ours, and nothing is ever thrown', {
  skip,
}, async (t) => {
  const captured = [];
  const services = { captureException: (err, context) => captured.push([err.code, context.tags.session]) };
  const { processMediaAsync, lines } = fresh(t, { services });
  const key = { remoteJid: '55@s.whatsapp.net', id: 'A1', fromMe: false };
  const imageMessage = { directPath: '/v/1', mediaKey: new Uint8Array(32) };
  const baileys = await processMediaAsync({ key, message: { imageMessage } }, 'session123');
  assert.equal(baileys.key, 'wa:session123:55%40s.whatsapp.net::A1');
  const data = { directPath: '/v/2', mediaKey: Buffer.alloc(32).toString('base64') };
  const id = { id: 'B2', remote: '55@c.us', fromMe: true };
  const web = await processMediaAsync({ id, type: 'ptt', hasMedia: true, _data: data }, 123);
  assert.equal(web.key, 'wa:123:55%40c.us:me:B2');
  assert.equal(await processMediaAsync({ key, message: { conversation: 'hi' } }, 's'), null);
  assert.deepEqual(captured, []);
  for (const wrong of [undefined, null, 7, {}, { source: {} }, { source: { url: 'ftp://x' } }]) {
    assert.equal(await processMediaAsync(wrong, 'session123'), null);
  }
  assert.equal(captured.length, 6);
  assert.ok(captured.every(([code]) => /^ERR_WARMPATH_INVALID_(JOB|ARGUMENT)$/.test(code)));
  assert.equal(lines.filter((line) => line.startsWith('error [MessagesListener]')).length, 6);
});

test('Redis away: the log, the error hook, and the medium all the same', { skip }, async (t) => {
  const mine = await startRedis();
  t.after(() => mine.stop());
  const captured = [];
  const services = { captureException: (err, { tags }) => captured.push(`${err.code} ${tags.via}`) };
  const { processMediaAsync, Queue, lines, place } = fresh(t, {
    ...{ services, connection: mine.connection, deadlineMs: 250, redisDeadlineMs: 150 },
  });
  Queue.process();
  await mine.kill();
  const one = origin.medium();
  const added = await processMediaAsync(one.job, 'session123');
  assert.ok(['inline', 'memory'].includes(added.via));
  await until(() => place.names().length === 1);
  assert.deepEqual(place.hashes(), hashes([one]));
  assert.ok(captured.includes('ERR_WARMPATH_DATABASE inline'));
  assert.ok(lines.includes('warn [MessagesListener] Fila indisponível (ERR_WARMPATH_DATABASE): 1 mídia(s) por inline'));
});

test('the job module fits a queue of the app’s own', { skip }, async (t) => {
  const job = fresh(t, {});
  assert.equal(job.key, 'ProcessMedia');
  const { attempts, backoff, removeOnComplete, removeOnFail } = job.options;
  assert.deepEqual(
    [attempts, backoff.type, backoff.delay, removeOnComplete, removeOnFail],
    [3, 'exponential', 2000, 100, 50],
  );
  // As apps have it: one queue and one worker per job module.
  const { connection } = redis;
  const own = new bullmq.Queue(`own-${randomUUID()}`, { connection });
  const worker = new bullmq.Worker(own.name, job.handle, { connection: { ...connection, maxRetriesPerRequest: null } });
  worker.on('error', () => {});
  t.after(() => Promise.all([worker.close(true), own.close()]));
  const [one, other, bad] = [origin.medium(), origin.medium(), origin.medium({}, { play: () => ({ status: 404 }) })];
  await own.add(job.key, { msg: one.job, session: 'session123', msgContact: { name: 'Ana' } }, job.options);
  await own.add(job.key, other.job, job.options);
  const text = { key: { remoteJid: 'a', id: 'b' }, message: { conversation: 'hi' } };
  const none = await own.add(job.key, { msg: text }, job.options);
  const failed = await own.add(job.key, bad.job, job.options);
  await until(async () => (await own.getCompletedCount()) === 3 && (await own.getFailedCount()) === 1);
  assert.deepEqual(job.place.hashes(), hashes([one, other]));
  assert.equal((await bullmq.Job.fromId(own, none.id)).returnvalue, null);
  const { attemptsMade, failedReason } = await bullmq.Job.fromId(own, failed.id);
  assert.equal(attemptsMade, 1, 'what is not there is not tried again');
  assert.match(failedReason, /^ERR_WARMPATH_/);
});

test('Queue.add takes what a queue of the app took', { skip }, async (t) => {
  const { Queue, place } = fresh(t, { toJob: (msg, { session, meta }) => msg.mine && { ...msg.mine, session, meta } });
  const one = origin.medium();
  const { source, key } = one.job;
  Queue.process();
  const added = await Queue.add('ProcessMedia', { msg: { mine: { source, key } }, session: 's9' });
  assert.equal(added.key, key);
  assert.equal(await Queue.add('ProcessMedia', { msg: {} }), null);
  await assert.rejects(Queue.add('Other', {}), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'name' });
  await until(() => place.names().length === 1);
});

test('the queue is not made in the turn of a listener, and BullMQ is loaded before its first message', async (t) => {
  let made = 0;
  class Queue extends bullmq.Queue {
    constructor(...args) {
      super(...args);
      made++;
    }
  }
  const compat = fresh(t, {
    connection: { host: '127.0.0.1', port: 1 },
    bullmq: { ...bullmq, Queue },
    deadlineMs: 200,
    redisDeadlineMs: 50,
  });
  const added = compat.processMediaAsync({ source: { base64: 'AAAA' } }, 's');
  assert.equal(made, 0);
  assert.equal((await added).via, 'inline');
  assert.equal(made, 1);

  const code = `
    require('./lib/compat/processMedia.js').configure({});
    const file = require.resolve('bullmq');
    const isLoaded = () => console.log(file in require.cache);
    isLoaded();
    setImmediate(() => setImmediate(isLoaded));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], { cwd: path.join(__dirname, '..') });
  assert.equal(stdout, 'false\ntrue\n');
});

test('settings: from the environment, checked, and only while the queue is not in use', { skip }, async (t) => {
  const compat = fresh(t, { dir: undefined });
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  assert.throws(() => compat.Queue.process(), { code: 'ERR_WARMPATH_INVALID_OPTION', option: 'dir' });
  assert.throws(() => compat.configure({}), { code: 'ERR_WARMPATH_CLOSED' });
  await compat.stop();
  assert.throws(() => compat.configure({ services: { saveMedia: 1 } }), { option: 'services.saveMedia' });
  assert.throws(() => compat.configure({ logger: {} }), { option: 'logger' });
  process.env.MEDIA_INGEST_DIR = compat.place.dir;
  process.env.MEDIA_INGEST_CONCURRENCY = 'x';
  process.env.REDIS_PORT = String(redis.connection.port);
  process.env.REDIS_HOST = '127.0.0.1';
  compat.configure({ http: origin.http, logger: { info() {}, warn() {}, error() {} } });
  assert.throws(() => compat.Queue.process(), { option: 'MEDIA_INGEST_CONCURRENCY' });
  process.env.MEDIA_INGEST_CONCURRENCY = '';
  compat.Queue.process();
  const one = origin.medium();
  await compat.Queue.add('ProcessMedia', one.job);
  await until(() => compat.place.names().length === 1);
});
