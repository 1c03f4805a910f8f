'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { prewarmEnv, s3Env, naming } = require('../lib/compat/env.js');
const { useCompat } = require('./support/compat.js');
const { until } = require('./support/prewarm.js');

const world = useCompat();

/** Runs `body` with these variables set, and puts the old ones back. */
function withEnv(values, body) {
  const before = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]));
  Object.assign(process.env, values);
  try {
    return body();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

test('environment: whole numbers, empty means default, anything else stops the start by name', () => {
  const defaults = { concurrency: 5, capacity: 500, intervalMs: 2000, retryWeakId: 0, store: 'memory' };
  assert.deepEqual(prewarmEnv({}), defaults);
  assert.deepEqual(prewarmEnv({ MEDIA_PREWARM_CONCURRENCY: '', MEDIA_PREWARM_RETRY_WEAK_ID: '' }), defaults);
  assert.equal(prewarmEnv({ MEDIA_PREWARM_CONCURRENCY: '12' }).concurrency, 12);
  assert.equal(prewarmEnv({ MEDIA_PREWARM_RETRY_WEAK_ID: '1' }).retryWeakId, 1);
  assert.equal(prewarmEnv({ MEDIA_PREWARM_STORE: 'postgres' }).store, 'postgres');
  assert.equal(prewarmEnv({ MEDIA_PREWARM_STORE: '' }).store, 'memory');
  for (const value of ['Postgres', 'redis', '1']) {
    assert.throws(() => prewarmEnv({ MEDIA_PREWARM_STORE: value }), { option: 'MEDIA_PREWARM_STORE' }, value);
  }
  const names = ['CONCURRENCY', 'MAX_QUEUE', 'INTERVAL_MS', 'RETRY_WEAK_ID'].map((name) => `MEDIA_PREWARM_${name}`);
  for (const name of names) {
    for (const value of ['abc', '5x', '1e3', '1.5', '-1', ' 5', '0x10', '99999999999', 'NaN', 'true']) {
      assert.throws(
        () => prewarmEnv({ [name]: value }),
        { code: 'ERR_WARMPATH_INVALID_OPTION', option: name },
        `${name}=${value}`,
      );
    }
  }
  for (const name of names.slice(0, 3)) assert.throws(() => prewarmEnv({ [name]: '0' }), { option: name });
  assert.throws(() => prewarmEnv({ MEDIA_PREWARM_RETRY_WEAK_ID: '2' }), { option: 'MEDIA_PREWARM_RETRY_WEAK_ID' });
  assert.throws(
    () => prewarmEnv(Object.fromEntries(names.map((name) => [name, 'x']))),
    (err) => names.every((name) => err.message.includes(name)),
  );
});

test('environment: the bucket, with every missing variable named', () => {
  const env = { R2_ACCOUNT_ID: 'acc', R2_ACCESS_KEY_ID: 'a', R2_SECRET_ACCESS_KEY: 's', R2_BUCKET: 'b' };
  assert.deepEqual(s3Env(env), { accountId: 'acc', accessKeyId: 'a', secretAccessKey: 's', bucket: 'b' });
  assert.deepEqual(s3Env({ ...env, R2_ENDPOINT: 'https://e' }), {
    endpoint: 'https://e',
    accessKeyId: 'a',
    secretAccessKey: 's',
    bucket: 'b',
  });
  assert.throws(
    () => s3Env({ R2_BUCKET: 'b' }),
    (err) =>
      ['R2_ENDPOINT', 'R2_ACCOUNT_ID', 'R2_ACCESS_KEY_ID', 'R2_SECRET_ACCESS_KEY'].every((name) =>
        err.message.includes(name),
      ),
  );
  const failing = () => {
    throw Object.assign(new Error('s3.bucket must be'), { option: 's3.bucket' });
  };
  assert.throws(() => naming(failing), /R2_BUCKET/);
});

test('a bad variable stops the start, not the queue or the metrics', async (t) => {
  const compat = world.fresh(t);
  const job = await world.params();
  withEnv({ MEDIA_PREWARM_CONCURRENCY: 'abc' }, () => {
    assert.throws(() => compat.startPrewarmWorker(world.db.pool), {
      code: 'ERR_WARMPATH_INVALID_OPTION',
      option: 'MEDIA_PREWARM_CONCURRENCY',
    });
    assert.equal(compat.getWorkerController().isRunning(), false);
    assert.equal(compat.getQueueMetrics().max_concurrency, 5);
    assert.equal(compat.enqueuePrewarm(job), true);
  });
});

test('everything from the environment', async (t) => {
  const compat = world.fresh(t, { s3: undefined, telegram: undefined });
  assert.throws(() => compat.startPrewarmWorker(world.db.pool), /R2_BUCKET is not set/);
  const { accessKeyId, secretAccessKey } = world.stage.r2.credentials[0];
  const env = {
    R2_ENDPOINT: world.stage.r2.url,
    R2_ACCESS_KEY_ID: accessKeyId,
    R2_SECRET_ACCESS_KEY: secretAccessKey,
    R2_BUCKET: 'media',
    TELEGRAM_API_ROOT: world.stage.tg.url,
    MEDIA_PREWARM_CONCURRENCY: '3',
    MEDIA_PREWARM_MAX_QUEUE: '7',
    MEDIA_PREWARM_INTERVAL_MS: '1234',
  };
  withEnv({ ...env, R2_BUCKET: 'not/a/bucket' }, () =>
    assert.throws(() => compat.startPrewarmWorker(world.db.pool), /R2_BUCKET/),
  );
  withEnv(env, () => {
    const controller = compat.startPrewarmWorker(world.db.pool);
    assert.equal(controller.getMaxConcurrency(), 3);
    assert.equal(compat.getQueueMetrics().max_queue_size, 7);
  });
  assert.deepEqual(compat.lines.find(({ tag }) => tag.endsWith('[WORKER][START]')).fields, {
    interval_ms: 1234,
    concurrency: 3,
    max_queue_size: 7,
  });
  const job = await world.params();
  compat.enqueuePrewarm(job);
  await until(() => world.isReady(job));
});

test('configure and start check what they are given', (t) => {
  const compat = world.fresh(t);
  const wrong = [
    [{ servces: {} }, 'servces'],
    [{ services: { getToken: () => {} } }, 'services.getToken'],
    [{ services: { observe: 5 } }, 'services.observe'],
    [{ logger: {} }, 'logger'],
    [{ concurrency: '5' }, 'concurrency'],
    [{ retry: { delaysMs: [-1] } }, 'retry.delaysMs[0]'],
    [{ s3: { bucket: 5 } }, 's3.bucket'],
    [{ onTooLarge: 'shrink' }, 'onTooLarge'],
    [{ onRejected: true }, 'onRejected'],
    [{ onOtherKind: 'document' }, 'onOtherKind'],
    [{ onLargePhoto: 'accept' }, 'onLargePhoto'],
    [{ probe: 1 }, 'probe'],
    [{ faststart: 'yes' }, 'faststart'],
    [{ concurrency: { min: 9, max: 3 } }, 'concurrency.min'],
  ];
  for (const [options, option] of wrong) {
    assert.throws(() => compat.configure(options), { code: 'ERR_WARMPATH_INVALID_OPTION', option });
  }
  for (const pool of [undefined, null, {}, 5]) {
    assert.throws(() => compat.startPrewarmWorker(pool), { code: 'ERR_WARMPATH_INVALID_ARGUMENT', option: 'pool' });
  }
  for (const intervalMs of ['2000', 0, -1, Number.NaN, null]) {
    assert.throws(() => compat.startPrewarmWorker(world.db.pool, intervalMs), { option: 'intervalMs' });
  }
});

test('what becomes of media that does not fit its kind can be configured', async (t) => {
  const compat = world.fresh(t, { onTooLarge: 'document', onRejected: 'document', concurrency: { min: 1, max: 6 } });
  assert.equal(compat.getQueueMetrics().max_concurrency, 6);
  world.stage.tg.faults.add({ name: 'photo-invalid-dimensions' });
  compat.startPrewarmWorker(world.db.pool);
  const job = await world.params({ kind: 'photo' });
  compat.enqueuePrewarm(job);
  await until(() => world.isReady(job));
  assert.equal(world.stage.tg.received.at(-1).kind, 'document');
});

test('environment: MEDIA_PREWARM_LIMITS switches pacing off, and nothing else does', () => {
  assert.equal(prewarmEnv({ MEDIA_PREWARM_LIMITS: 'off' }).limits, false);
  for (const value of ['on', '', undefined])
    assert.equal(prewarmEnv({ MEDIA_PREWARM_LIMITS: value }).limits, undefined);
  assert.throws(() => prewarmEnv({ MEDIA_PREWARM_LIMITS: '0' }), { option: 'MEDIA_PREWARM_LIMITS' });
});
