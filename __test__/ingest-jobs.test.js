'use strict';

// What a job of an ingest may say, and what becomes of it before anything is fetched.

const assert = require('node:assert/strict');
const test = require('node:test');
const { IngestWorker } = require('..');
const { IngestAfter } = require('../lib/worker/ingest-after.js');
const { startIngest, refusal, sha256 } = require('./support/ingest.js');

test('an id of which nothing is left in a name still makes one name', async (t) => {
  const { executor, stored } = startIngest(t);
  const run = (id, key) => executor.run({ id, key, timestamp: 5, source: { base64: 'AAAA' } });
  const [first, again, other] = [await run('日本', 'a'), await run('日本', 'b'), await run('日', 'c')];
  assert.equal(again.location.path, first.location.path);
  assert.notEqual(other.location.path, first.location.path);
  assert.equal(stored().length, 2);
});

test('headers that are not for jobs are refused when they are submitted', (t) => {
  const { executor } = startIngest(t);
  for (const name of ['Content-Type', 'via', 'forwarded', 'if-modified-since', 'if-unmodified-since', 'range']) {
    const job = { source: { url: 'https://a.test/', headers: { [name]: 'x' } } };
    assert.throws(() => executor.submit(job), {
      code: 'ERR_WARMPATH_INVALID_JOB',
      option: `job.source.headers.${name}`,
    });
  }
});

test('data URLs are read as browsers read them', async (t) => {
  const { executor } = startIngest(t);
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
  const text = png.toString('base64');
  for (const dataUrl of [
    `data:image/png;base64,${text}`,
    `data:image/png; base64,${text}`,
    `DATA: image/png ;name="a,b;c";Base64 ,${text.replaceAll('=', '%3D')}`,
    `data:;base64,${encodeURIComponent(text)}`,
  ]) {
    assert.equal((await executor.run({ source: { dataUrl } })).sha256, sha256(png), dataUrl);
  }
  for (const dataUrl of [
    `data:image/png,${text}`,
    'data:;name="base64,AAAA',
    'data:;base64,AA%3',
    'data:;xbase64,AAAA',
  ]) {
    assert.throws(() => executor.submit({ source: { dataUrl } }), { option: 'job.source.dataUrl' }, dataUrl);
  }
});

test('base64 that was altered at its end is told from one that was cut', async (t) => {
  const { executor } = startIngest(t);
  assert.match((await refusal(executor, { source: { base64: 'AB==' } })).message, /has bits that make no byte before/);
  assert.match((await refusal(executor, { source: { base64: 'AAA=A' } })).message, /is wrong at character 4/);
  assert.match((await refusal(executor, { source: { base64: 'AAAAA' } })).message, /ends too early, at character 5/);
});

test('a job without a session has none in a list', async (t) => {
  const { executor } = startIngest(t);
  executor.pause();
  executor.submit({ key: 'a', source: { base64: 'AAAA' } });
  executor.submit({ key: 'b', session: 's', source: { base64: 'AAAA' } });
  const sessions = Object.fromEntries(executor.list().map(({ key, ...job }) => [key, 'session' in job && job.session]));
  assert.deepEqual(sessions, { a: false, b: 's' });
});

test('what meta is as JSON decides, also where it says that there is nothing', async (t) => {
  const { dir } = startIngest(t);
  const worker = new IngestWorker({ dir });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const thrower = () => {
    throw new Error('of the app');
  };
  for (const meta of [{ toJSON: () => undefined }, { toJSON: thrower }, { a: { toJSON: thrower } }]) {
    await assert.rejects(worker.enqueue({ source: { path: '/a' }, meta }), {
      code: 'ERR_WARMPATH_INVALID_JOB',
      option: 'job.meta',
    });
  }
});

test('a prewarm gets the name that is harmless, or none', async () => {
  const jobs = [];
  const prewarm = { enqueueMany: (list) => jobs.push(...list) && list.map(() => 'queued') };
  const after = new IngestAfter({ prewarm, onError: assert.fail });
  const value = (fileName) => ({ location: { path: '/a' }, kind: 'photo', ...(fileName && { fileName }) });
  const job = { fileName: '\u202e\u200b', prewarm: [{ botSlug: 'shop' }] };
  await after.saveReady([
    { job, value: value() },
    { job, value: value('cat.jpg') },
  ]);
  assert.deepEqual(
    jobs.map(({ fileName }) => fileName),
    [undefined, 'cat.jpg'],
  );
});
