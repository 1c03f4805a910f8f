'use strict';

// What is let go of goes: every class made and dropped again and again, closed or not, empty or not.

const assert = require('node:assert/strict');
const test = require('node:test');
const { runScript } = require('./support/child-script.js');

const ROUNDS = process.env.WARMPATH_TEST_LONG === '1' ? 1000 : 100;

/** Runs a script with a garbage collector that can be called; what it prints, as JSON. */
async function measure(script) {
  const { code, signal, out, err } = await runScript(script, { args: ['--expose-gc'] });
  assert.deepEqual([code, signal], [0, null], err);
  return JSON.parse(out);
}

const SETUP = `
  const fs = require('node:fs');
  const w = require('warmpath');
  const s3 = { endpoint: 'http://127.0.0.1:1', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's' };
  const items = Array.from({ length: 1000 }, (_, i) => ({ item: { i } }));
  const filled = (queue) => { queue.enqueueMany(items); return queue; };
  let names = 0;
  const MAKE = {
    Queue: () => filled(new w.Queue({ capacity: 2000 })),
    'shared Queue': () => filled(new w.Queue({ name: 'leak ' + ++names, capacity: 2000 })),
    SigV4Signer: () => { const s = new w.SigV4Signer({ accessKeyId: 'a', secretAccessKey: 's' }); s.sign({ method: 'GET', url: 'https://h/' }); return s; },
    PrewarmExecutor: () => new w.PrewarmExecutor({ s3 }),
    IngestExecutor: () => new w.IngestExecutor({ dir: '/tmp' }),
    CampaignExecutor: () => new w.CampaignExecutor({ llm: { apiKey: 'k', models: ['m'] } }),
    PrewarmWorker: () => new w.PrewarmWorker({ s3, resolveBot: () => null }),
    IngestWorker: () => new w.IngestWorker({ dir: '/tmp' }),
  };
  const end = async (one) => { await (one.stop ? one.stop({ timeoutMs: 0 }) : one.close?.()); };
  const count = (folder) => (process.platform === 'linux' ? fs.readdirSync('/proc/self/' + folder).length : 0);
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  const collect = async (wanted) => {
    // Finalizers run some turns later, and what they free may hold more.
    for (let i = 0; i < 200 && (gone < wanted || i < 5); i++) {
      global.gc();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const made = (make) => { const one = make(); registry.register(one); return one; };
  // Apart: an async function that waits keeps what its variables held last, also where they are out of scope.
  const drop = (make, times) => { for (let i = 0; i < times; i++) made(make); };
  const close = async (one) => { await one.start?.(); await end(one); };
  const round = async (make, times, closed) => {
    gone = 0;
    if (closed) for (let i = 0; i < times; i++) await close(made(make));
    else drop(make, times);
    await collect(times);
    return gone;
  };`;

test('every class, made and dropped: objects, file descriptors, threads, memory', async () => {
  const told = await measure(`${SETUP}
    (async () => {
      const told = [];
      for (const [name, make] of Object.entries(MAKE)) {
        for (const closed of [true, false]) {
          await round(make, ${ROUNDS}, closed);
          const before = { fds: count('fd'), threads: count('task'), rss: process.memoryUsage().rss };
          const left = ${ROUNDS} - (await round(make, ${ROUNDS}, closed));
          const rss = process.memoryUsage().rss - before.rss;
          told.push({ name, closed, left, fds: count('fd') - before.fds, threads: count('task') - before.threads, rss });
        }
      }
      console.log(JSON.stringify(told));
      process.exit();
    })();`);
  assert.equal(told.length, 16);
  for (const { name, closed, left, fds, threads, rss } of told) {
    const what = `${name}, ${closed ? 'closed' : 'dropped'}: ${JSON.stringify({ left, fds, threads, rss })}`;
    assert.equal(left, 0, what);
    // A timer's or a pool's own, one time; a leak would be one for each.
    assert.ok(fds <= 4 && threads <= 20, what);
    // An item takes some 100 bytes, and a hundred queues hold 100,000: what stays is what the allocators keep.
    assert.ok(rss < 48 * 2 ** 20, what);
  }
});

test('an executor that nobody holds still tells of its job', async () => {
  const told = await measure(`${SETUP}
    (async () => {
      const outcome = new Promise((resolve) => {
        const executor = new w.PrewarmExecutor({ s3, retry: { quick: 3, baseMs: 20, maxMs: 40 } });
        executor.on('settled', ([one]) => resolve(one.error.code));
        executor.submit({ botSlug: 'bot', sha256: '0'.repeat(64), kind: 'photo', r2Key: 'k', token: '1:a', chatIds: ['1'] });
        registry.register(executor);
      });
      const collecting = setInterval(() => global.gc(), 1);
      const code = await outcome;
      await collect(1);
      clearInterval(collecting);
      console.log(JSON.stringify({ code, gone }));
    })();`);
  assert.deepEqual(told, { code: 'ERR_WARMPATH_DOWNLOAD_FAILED', gone: 1 });
});
