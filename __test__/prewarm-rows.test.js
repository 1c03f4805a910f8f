'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const test = require('node:test');
const { PrewarmExecutor } = require('..');
const { outcomesOf } = require('../lib/executor/prewarm-rows.js');
const { startStage } = require('./support/prewarm.js');

// Outcomes cross without the names of their fields: here they are as index.d.ts says, whatever became of the job.

let stage;
test.before(async () => {
  stage = await startStage();
});
test.after(() => stage.close());

const NAMES = ['key', 'status', 'attempts', 'charged', 'possibleDuplicates', 'bytes', 'timings'];
const PHASES = ['queue', 'download', 'upload', 'answer', 'total'];

async function outcomeOf(t, fields, options) {
  stage.tg.reset();
  const executor = new PrewarmExecutor(stage.options(options));
  t.after(() => executor.close({ timeoutMs: 0 }));
  const job = await stage.job(fields, randomBytes(5000));
  executor.submit(job);
  const [[outcome]] = await once(executor, 'settled');
  assert.deepEqual(Object.keys(outcome.timings), PHASES);
  for (const ms of Object.values(outcome.timings)) assert.equal(Math.round(ms * 1000) / 1000, ms);
  const { queue, download, total } = outcome.timings;
  assert.ok(queue >= 0 && download > 0 && total >= queue + download, JSON.stringify(outcome.timings));
  return { job, outcome };
}

test('a job that succeeded', async (t) => {
  const { job, outcome } = await outcomeOf(t, { key: 'näme', fileName: 'x.bin' });
  const { value, timings: _timings, ...rest } = outcome;
  assert.deepEqual(new Set(Object.keys(outcome)), new Set([...NAMES, 'value']));
  const counted = { attempts: 1, charged: true, possibleDuplicates: 0, bytes: 5000 };
  assert.deepEqual(rest, { key: 'näme', status: 'succeeded', ...counted });
  const { fileId, fileUniqueId, messageId } = stage.tg.issued(value.fileId);
  const way = { kind: 'document', bytes: 5000, route: 'stream', routeReason: 'unverified' };
  assert.deepEqual(value, { fileId, fileUniqueId, messageId, chatId: String(job.chatIds[0]), ...way });
});

test('what only some values have', async (t) => {
  const { outcome } = await outcomeOf(t, { kind: 'video', width: 640, height: 360, duration: 3, fileName: 'x.mp4' });
  const { width, height, duration } = outcome.value;
  assert.deepEqual({ width, height, duration }, { width: 640, height: 360, duration: 3 });
});

test('a job that failed', async (t) => {
  const { outcome } = await outcomeOf(t, { sha256: '0'.repeat(64) });
  assert.deepEqual(new Set(Object.keys(outcome)), new Set([...NAMES, 'error']));
  assert.equal(outcome.status, 'failed');
  assert.equal(outcome.error.code, 'ERR_WARMPATH_SHA256_MISMATCH');
  assert.equal(typeof outcome.error.message, 'string');
});

test('rows, in the order in which they came', () => {
  const text =
    '[["a",["f","u",7,"-100","photo",9,"url","direct",{"kindReason":"rejected","migratedChat":{"from":"1","to":"2"}}],2,true,1,0,1,20,300,4000,50000],' +
    '["b",{"code":"C","class":"bug"},0,false,0,0,0,0,0,0,18446744073709551615]]';
  const [first, second] = outcomesOf(text);
  assert.deepEqual(first.value, {
    ...{ fileId: 'f', fileUniqueId: 'u', messageId: 7, chatId: '-100', kind: 'photo', bytes: 9 },
    ...{ route: 'url', routeReason: 'direct', kindReason: 'rejected', migratedChat: { from: '1', to: '2' } },
  });
  assert.deepEqual(first.timings, { queue: 0.001, download: 0.02, upload: 0.3, answer: 4, total: 50 });
  assert.deepEqual([first.key, first.status, first.attempts, first.possibleDuplicates], ['a', 'succeeded', 2, 1]);
  assert.deepEqual([second.key, second.status, second.error.code, second.charged], ['b', 'failed', 'C', false]);
});
