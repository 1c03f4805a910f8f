'use strict';

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { PrewarmExecutor, WarmpathError } = require('..');
const { Locks } = require('../lib/adapters/bullmq/locks');
const { processor, producer, closeWorker } = require('../lib/adapters/bullmq');
const { verdict } = require('../lib/adapters/queue/verdict');
const { native } = require('../lib/native');
const { until } = require('./support/prewarm');

const once = (signal) => new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

test('a renewed lock renews the lease of its job, and only that', async () => {
  const extended = [];
  const locks = new Locks({ extend: (keys, leaseMs) => extended.push([keys, leaseMs]) }, 60);
  const answers = [1, new Error('Redis is away'), 1];
  const job = {
    extendLock: async (token, ms) => {
      assert.deepStrictEqual([token, ms], ['token', 60]);
      const answer = answers.shift() ?? 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const held = locks.hold(job, 'token', 'key');
  await until(() => extended.length >= 2);
  held.release();
  assert.ok(extended.every(([keys, leaseMs]) => keys[0] === 'key' && leaseMs > 0 && leaseMs <= 60));
  assert.strictEqual(held.lost, false);
});

test('a lost lock ends its job', async () => {
  const locks = new Locks({ extend: () => assert.fail('no lease without a lock') }, 30);
  const held = locks.hold({ extendLock: async () => 0 }, 'token', 'key');
  await once(held.signal);
  assert.strictEqual(held.lost, true);
  held.release();
});

test('the lease counts from when the lock was asked for, and never beyond it', () => {
  const locks = new Locks({ extend() {} }, 30_000);
  const holds = [Date.now(), Date.now() - 20_000, Date.now() - 40_000, Date.now() + 1e9].map((processedOn) =>
    locks.hold({ processedOn }, 'token', 'key'),
  );
  const [fresh, old, over, ahead] = holds.map((held) => held.lease().leaseMs);
  for (const held of holds) held.release();
  assert.ok(fresh > 20_000 && fresh <= 30_000 && ahead <= 30_000);
  assert.ok(old > 1 && old <= 10_000);
  assert.strictEqual(over, 1);
  const unfenced = new Locks({}, 30_000).hold({}, 'token', 'key');
  assert.deepStrictEqual(unfenced.lease(), {});
  unfenced.release();
});

test('BullMQ cancels by its signal, also one that has fired already', () => {
  const locks = new Locks({}, 30_000);
  const later = new AbortController();
  const held = locks.hold({}, 'token', 'key', later.signal);
  later.abort('why');
  assert.deepStrictEqual([held.signal.aborted, held.signal.reason, held.lost], [true, 'why', false]);
  held.release();
  const fired = locks.hold({}, 'token', 'key', AbortSignal.abort('before'));
  assert.strictEqual(fired.signal.aborted, true);
  fired.release();
});

test('every code of the package has one verdict, that of its class', () => {
  const later = ['QUEUE_FULL', 'CLOSED', 'DATABASE'].map((name) => `ERR_WARMPATH_${name}`);
  const actions = {
    transient: 'retry',
    ambiguous: 'retry',
    bug: 'retry',
    permanent: 'fail',
    config: 'fail',
    throttled: 'later',
    cancelled: 'later',
  };
  const table = JSON.parse(native().errorTable());
  assert.ok(table.length > 30);
  for (const { code, class: kind } of table) {
    const { action, delayMs } = verdict(new WarmpathError(code, 'x', { class: kind }));
    assert.strictEqual(action, later.includes(code) ? 'later' : actions[kind], code);
    if (action === 'later') assert.ok(delayMs >= 1);
  }
  const asked = new WarmpathError('ERR_WARMPATH_S3_THROTTLED', 'x', { class: 'throttled', retryAfterMs: 7777 });
  assert.deepStrictEqual(verdict(asked), { action: 'later', delayMs: 7777 });
  // For ever is too long: after a day each such wait is one of the job's attempts.
  const source = new WarmpathError('ERR_WARMPATH_SOURCE_THROTTLED', 'x', { class: 'throttled', retryAfterMs: 7777 });
  for (const ageMs of [undefined, Number.NaN, 86_399_000]) assert.equal(verdict(source, ageMs).action, 'later');
  assert.deepStrictEqual(verdict(source, 86_401_000), { action: 'retry' });
  assert.equal(verdict(asked, 86_401_000).action, 'later', 'what is ours to wait for is waited for');
});

test('wrong options are refused by name', async () => {
  const executor = { run() {}, submitMany() {} };
  const queue = { addBulk() {}, getJobState() {}, remove() {}, waitUntilReady() {} };
  const refused = (option) => ({ code: 'ERR_WARMPATH_INVALID_OPTION', option });
  const hook = () => {};
  assert.throws(() => processor({}), refused('executor'));
  assert.throws(() => processor(executor, { lockDurationMs: 9999 }), refused('lockDurationMs'));
  assert.throws(() => processor(executor, { resolveBot: hook, prepare: hook }), refused('prepare'));
  assert.throws(() => processor(executor, { bullmq: {} }), refused('bullmq.UnrecoverableError'));
  assert.throws(() => processor(executor, { token: 'x' }), refused('token'));
  assert.throws(() => producer({}), refused('queue'));
  assert.throws(() => producer(queue, { deadlineMs: Number.NaN }), refused('deadlineMs'));
  assert.throws(() => producer(queue, { fallback: 'store' }), refused('store'));
  assert.throws(() => producer(queue, { fallback: 'inline' }), refused('executor'));
  await assert.rejects(closeWorker({ close() {} }), refused('worker'));
});

test('without the package bullmq the processor says how to install it', () => {
  // A copy of the package where no peer can be found.
  const root = path.join(__dirname, '..');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-peer-'));
  try {
    fs.cpSync(path.join(root, 'lib'), path.join(dir, 'lib'), { recursive: true });
    const script = `try { require('./lib/adapters/bullmq').processor({ run() {} }); }
      catch ({ code, message }) { console.log(code + ' ' + message); }`;
    const said = execFileSync(process.execPath, ['-e', script], { cwd: dir, encoding: 'utf8' });
    assert.strictEqual(
      said.trim(),
      'ERR_WARMPATH_PEER_MISSING warmpath/bullmq needs the package bullmq: npm install bullmq',
    );
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test('a process that stands still has its jobs ended before their locks are over', async (t) => {
  // A server that never answers: the job would run for ever.
  const silent = require('node:net').createServer(() => {});
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const s3 = {
    endpoint: `http://127.0.0.1:${silent.address().port}`,
    bucket: 'b',
    accessKeyId: 'a',
    secretAccessKey: 's',
  };
  const executor = new PrewarmExecutor({ s3 });
  t.after(() => executor.close({ timeoutMs: 0 }));
  let movedTo = null;
  const job = {
    id: '1',
    data: { botSlug: 'bot', sha256: '0'.repeat(64), kind: 'photo', r2Key: 'x' },
    // The lock of 10 s was taken 4.5 s ago: half a second is left to the engine.
    processedOn: Date.now() - 4500,
    timestamp: 1,
    extendLock: () => new Promise(() => {}),
    moveToDelayed: async (at) => {
      movedTo = at;
    },
  };
  const run = processor(executor, { resolveBot: async () => ({ token: '1:x', chatIds: [1] }), lockDurationMs: 10_000 });
  await assert.rejects(run(job, 'token'), { name: 'DelayedError' });
  assert.ok(movedTo > Date.now());
  assert.strictEqual(executor.stats().byClass.cancelled, 1);
});
