'use strict';

const assert = require('node:assert');
const test = require('node:test');
const { PrewarmExecutor, WarmpathError } = require('..');
const { task } = require('../lib/adapters/pg-boss');
const { startPostgres } = require('./support/postgres');
const { startStage, until, TOKEN, CHAT } = require('./support/prewarm');
const { scripted } = require('./support/scripted');

const resolveBot = async () => ({ token: TOKEN, chatIds: [CHAT] });
const job = (n = 1) => ({ botSlug: 'bot', sha256: String(n).padStart(64, '0'), kind: 'photo', r2Key: `${n}.jpg` });
const failing = (code, fields) => new WarmpathError(code, 'as the test says', fields);

let server;
let stage;
test.before(async () => {
  [server, stage] = await Promise.all([startPostgres(), startStage()]);
});
test.after(() => Promise.all([server.stop(), stage.close()]));

const MAJORS = [
  ['pg-boss 10', 'pgboss', async () => require('pg-boss')],
  ['pg-boss 12', 'boss12', async () => (await import('pg-boss-v12')).PgBoss],
];

for (const [name, schema, load] of MAJORS) {
  test.describe(name, () => {
    let boss;
    let made = 0;
    test.before(async () => {
      const PgBoss = await load();
      boss = new PgBoss({ connectionString: server.url, schema, supervise: false, schedule: false });
      boss.on('error', () => {});
      await boss.start();
    });
    test.after(() => boss.stop({ graceful: false }));

    async function queue(options) {
      const queueName = `q${++made}`;
      await boss.createQueue(queueName, { name: queueName, ...options });
      return queueName;
    }
    const state = async (queueName, id) => (await boss.getJobById(queueName, id)).state;
    const work = (queueName, executor, options) =>
      boss.work(queueName, { pollingIntervalSeconds: 0.5, ...options }, task(boss, executor, { resolveBot, schema }));
    /** Waits for the states, and spares the worker its pauses meanwhile. */
    async function settled(worker, queueName, ids) {
      await until(async () => {
        boss.notifyWorker(worker);
        const states = await Promise.all(ids.map((id) => state(queueName, id)));
        return states.every((one) => ['completed', 'failed'].includes(one));
      });
      return Promise.all(ids.map((id) => boss.getJobById(queueName, id)));
    }

    test('a job is sent, and its value is the output', async (t) => {
      const executor = new PrewarmExecutor(stage.options());
      t.after(() => executor.close({ timeoutMs: 0 }));
      const jobs = await queue();
      const id = await boss.send(jobs, await stage.workerJob());
      const [done] = await settled(await work(jobs, executor), jobs, [id]);
      assert.strictEqual(done.state, 'completed');
      assert.match(done.output.fileId, /./);
    });

    test('single jobs: retried and charged, later and uncharged, or the last', async () => {
      const jobs = await queue({ retryLimit: 1, retryDelay: 0 });
      const executor = scripted(({ r2Key }, nth) => {
        if (r2Key === '1.jpg' && nth === 1) throw failing('ERR_WARMPATH_SEND_FAILED', { class: 'transient' });
        if (r2Key === '2.jpg' && nth === 1) {
          throw failing('ERR_WARMPATH_TELEGRAM_THROTTLED', { class: 'throttled', retryAfterMs: 1 });
        }
        if (r2Key === '3.jpg') throw failing('ERR_WARMPATH_SOURCE_NOT_FOUND', { class: 'permanent' });
        return { nth };
      });
      const ids = [];
      for (const data of [job(1), job(2), job(3), { ...job(4), token: '1:x' }]) ids.push(await boss.send(jobs, data));
      const [retried, throttled, permanent, invalid] = await settled(await work(jobs, executor), jobs, ids);
      assert.deepStrictEqual([retried.state, retried.output, retried.retryCount], ['completed', { nth: 2 }, 1]);
      assert.deepStrictEqual([throttled.state, throttled.output, throttled.retryCount], ['completed', { nth: 2 }, 0]);
      assert.deepStrictEqual([permanent.state, permanent.retryCount], ['failed', 0]);
      assert.strictEqual(permanent.output.message, 'ERR_WARMPATH_SOURCE_NOT_FOUND: as the test says');
      assert.match(invalid.output.message, /^ERR_WARMPATH_INVALID_JOB: job.token is unknown/);
    });

    test('jobs of a batch are settled each for itself; the last failure goes to the dead letter queue', async () => {
      const dead = await queue();
      const jobs = await queue({ retryLimit: 2, retryDelay: 0, deadLetter: dead });
      const executor = scripted(({ r2Key }, nth) => {
        if (r2Key === '2.jpg' && nth === 1) throw failing('ERR_WARMPATH_SEND_FAILED', { class: 'transient' });
        if (r2Key === '3.jpg' && nth === 1) {
          throw failing('ERR_WARMPATH_TELEGRAM_THROTTLED', { class: 'throttled', retryAfterMs: 1 });
        }
        if (r2Key === '4.jpg') throw failing('ERR_WARMPATH_S3_ACCESS', { class: 'config' });
        return { r2Key };
      });
      const ids = [];
      for (const n of [1, 2, 3, 4]) ids.push(await boss.send(jobs, job(n)));
      const all = await settled(await work(jobs, executor, { batchSize: 10 }), jobs, ids);
      assert.deepStrictEqual(
        all.map(({ state: one, retryCount }) => [one, retryCount]),
        [
          ['completed', 0],
          ['completed', 1],
          ['completed', 0],
          ['failed', 0],
        ],
      );
      assert.deepStrictEqual(all[1].output, { r2Key: '2.jpg' });
      assert.strictEqual(all[3].output.code, 'ERR_WARMPATH_S3_ACCESS');
      const [letter] = await until(async () => {
        const letters = await boss.fetch(dead);
        return letters.length > 0 && letters;
      });
      assert.strictEqual(letter.data.r2Key, '4.jpg');
    });
  });
}

test('what is no pg-boss, or no schema, is refused', () => {
  const executor = { run() {} };
  assert.throws(() => task({}, executor), { code: 'ERR_WARMPATH_INVALID_OPTION', option: 'boss' });
  const boss = { complete() {}, fail() {}, getDb() {} };
  assert.throws(() => task(boss, {}), { code: 'ERR_WARMPATH_INVALID_OPTION', option: 'executor' });
  assert.throws(() => task(boss, executor, { schema: 'a"; DROP' }), { option: 'schema' });
});
