'use strict';

// A named queue between worker threads: nothing lost, nothing twice, whoever dies.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const test = require('node:test');
const { Worker } = require('node:worker_threads');
const { Queue } = require('..');
const core = require('../lib/queue/core.js');
const { randomFrom } = require('./support/queue-model.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const root = path.join(__dirname, '..');

function thread(role, name, more = {}) {
  return new Worker(path.join(__dirname, 'support', 'queue-thread.js'), { workerData: { role, name, ...more } });
}

/** When the thread has ended, however. */
const ended = (worker) => new Promise((resolve) => worker.once('exit', resolve));

/** The next message, or the thread's error. */
const heard = async (worker) => (await once(worker, 'message'))[0];

/** Runs a script in a fresh process, from the package's folder. */
function child(script, flags = []) {
  return spawnSync(process.execPath, [...flags, '-e', script], { cwd: root, encoding: 'utf8', timeout: 120_000 });
}

test(`${LONG ? '2 M' : '100 k'} items of two threads reach two others, each once`, { timeout: 300_000 }, async () => {
  const name = 'exactly once';
  const options = { capacity: 1000 };
  const count = LONG ? 1_000_000 : 50_000;
  const queue = new Queue({ ...options, name });
  const consumers = [thread('consume', name, { options }), thread('consume', name, { options })];
  const reports = consumers.map(heard);
  const producers = [0, count].map((from) => thread('produce', name, { options, from, count }));
  const sent = await Promise.all(producers.map(heard));
  assert.deepEqual(sent, [{ sent: count }, { sent: count }]);
  queue.close();
  const seen = (await Promise.all(reports)).map((report) => report.seen);
  const times = new Uint8Array(2 * count);
  for (const item of seen.flat()) times[item]++;
  assert.ok(
    times.every((n) => n === 1),
    `${times.filter((n) => n !== 1).length} items not exactly once`,
  );
  const { enqueued, dequeued } = queue.stats();
  assert.deepEqual([enqueued, dequeued], [2 * count, 2 * count]);
});

test(`${LONG ? 200 : 20} consumers terminated at random moments: no crash, nothing lost but what was taken`, {
  timeout: 300_000,
}, async () => {
  const random = randomFrom(4);
  const rounds = LONG ? 200 : 20;
  const count = rounds * 2_000;
  const options = { capacity: count };
  const name = 'terminate';
  const noted = new SharedArrayBuffer(4 * count);
  const queue = new Queue({ ...options, name });
  let next = 0;
  let survivor = null;
  for (let round = 0; round < rounds; round++) {
    const victim = thread('takeUntilEnded', name, { options, noted });
    await heard(victim);
    // The victim may be waiting, being woken, or taking.
    for (let puts = random(20); puts >= 0; puts--) {
      const entries = Array.from({ length: 1 + random(50) }, () => ({ item: next++ }));
      queue.enqueueMany(entries);
      if (random(3) === 0) await new Promise(setImmediate);
    }
    await victim.terminate();
  }
  // A waiter that is served although wake-ups went to the dead.
  survivor = thread('takeUntilEnded', name, { options, noted });
  await heard(survivor);
  queue.enqueueMany(Array.from({ length: 100 }, () => ({ item: next++ })));
  queue.close();
  await once(survivor, 'exit');
  const marks = new Int32Array(noted).subarray(0, next);
  assert.ok(
    marks.every((n) => n <= 1),
    'an item was taken twice',
  );
  // A thread can end between taking an item and noting it: one for each that was ended.
  const lost = marks.filter((n) => n === 0).length;
  assert.ok(lost <= rounds, `${lost} of ${next} items were lost in ${rounds} ends`);
  assert.deepEqual([queue.stats().enqueued, queue.stats().dequeued], [next, next]);
});

for (const how of ['throw', 'exit', 'terminate']) {
  test(`a thread that was woken and ends by ${how} passes the wake-up on`, { timeout: 60_000 }, async () => {
    for (let round = 0; round < (LONG ? 60 : 5); round++) {
      const name = `end ${how} ${round}`;
      const gate = new SharedArrayBuffer(4);
      const queue = new Queue({ name });
      const dying = thread('end', name, { how, gate });
      dying.on('error', (err) => assert.equal(err.message, 'on purpose'));
      const gone = ended(dying);
      await heard(dying);
      // In line behind the other thread, which is woken for the only item and cannot look.
      const wait = queue.dequeueWait();
      queue.enqueue('for whoever lives');
      if (how === 'terminate') {
        dying.terminate();
      } else {
        Atomics.store(new Int32Array(gate), 0, 1);
        Atomics.notify(new Int32Array(gate), 0);
      }
      // Nothing else will ever be queued: were the wake-up lost, this would wait for ever.
      assert.equal(await wait, 'for whoever lives');
      await gone;
      queue.close();
    }
  });
}

test('what one thread puts, another takes in that order', async () => {
  const name = 'order';
  const count = 20_000;
  const options = { capacity: count };
  const consumer = thread('consume', name, { options });
  const report = heard(consumer);
  await heard(thread('produce', name, { options, from: 0, count }));
  new Queue({ ...options, name }).close();
  const { seen } = await report;
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, i) => i),
  );
});

test('close wakes every waiter in every thread', async () => {
  const name = 'close';
  const queue = new Queue({ name });
  const workers = [1, 2, 3].map((waits) => thread('wait', name, { waits }));
  await Promise.all(workers.map(heard));
  const reports = workers.map(heard);
  const own = queue.dequeueWait();
  queue.close();
  assert.equal(await own, null);
  assert.deepEqual(await Promise.all(reports), [{ got: [null] }, { got: [null, null] }, { got: [null, null, null] }]);
});

test('one item wakes one waiter, the next the next', async () => {
  const name = 'one each';
  const queue = new Queue({ name });
  const workers = [1, 2].map(() => thread('wait', name));
  await Promise.all(workers.map(heard));
  const reports = workers.map(heard);
  queue.enqueue('a');
  queue.enqueue('b');
  const got = (await Promise.all(reports)).map((report) => report.got[0]);
  assert.deepEqual(got.sort(), ['a', 'b']);
  assert.equal(queue.length, 0);
});

test('a thread that waits stays, an idle queue keeps nobody', () => {
  const idle = child(`const { Queue } = require('.');
    globalThis.kept = [new Queue(), new Queue({ name: 'idle' })];
    kept[1].enqueue('x'); kept[0].dequeueWait();`);
  assert.deepEqual([idle.status, idle.signal, idle.stderr], [0, null, '']);
  const waits = child(`const { Queue } = require('.'); const { Worker } = require('node:worker_threads');
    const worker = new Worker("const { Queue } = require('.'); new Queue({ name: 'w' }).dequeueWait().then(console.log)", { eval: true });
    worker.once('online', () => setTimeout(() => new Queue({ name: 'w' }).enqueue('late'), 100));`);
  assert.deepEqual([waits.status, waits.stdout], [0, 'late\n'], waits.stderr);
  const timed = child(`const { Queue } = require('.');
    new Queue({ name: 'w' }).dequeueWait({ timeoutMs: 50 }).then((item) => console.log(item));`);
  assert.equal(timed.stdout, 'null\n');
});

test('a name goes with its last handle, whichever thread had it', async () => {
  const script = `const { Queue } = require('.'); const { Worker } = require('node:worker_threads');
    const core = require('./lib/queue/core.js'); const { once } = require('node:events');
    const settle = async () => { for (let i = 0; i < 10; i++) { gc(); await new Promise(setImmediate); } };
    const open = () => core.sharedDoor().names();
    (async () => {
      (() => { const queue = new Queue({ name: 'a' }); queue.enqueue('x'.repeat(1000)); })();
      const worker = new Worker('./__test__/support/queue-thread.js', { workerData: { role: 'wait', name: 'a', waits: 2 } });
      await once(worker, 'message');
      console.log('open', open());
      await settle();
      console.log('held by the thread', open());
      await worker.terminate();
      await settle();
      console.log('gone', open());
      const again = new Queue({ name: 'a', capacity: 3 });
      console.log(again.length);
    })();`;
  const { stdout, stderr } = child(script, ['--expose-gc']);
  assert.equal(stdout, 'open 1\nheld by the thread 1\ngone 0\n0\n', stderr);
});

test('1,000 queues made and dropped with items in them: counters and memory flat', () => {
  const script = `const { Queue } = require('.'); const core = require('./lib/queue/core.js');
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); } };
    const make = (from, count) => {
      for (let i = from; i < from + count; i++) {
        const local = new Queue({ capacity: 1000 });
        const shared = new Queue({ name: 'n' + i, capacity: 1000 });
        for (let j = 0; j < 200; j++) {
          local.enqueue({ j, text: 'x'.repeat(100) + j }, { key: 'k' + j });
          shared.enqueue('x'.repeat(500) + j, { key: 'k' + j });
        }
      }
    };
    (async () => {
      for (let i = 0; i < 3; i++) { make(i * 100, 100); await settle(); }
      const before = process.memoryUsage().rss;
      for (let i = 3; i < 13; i++) { make(i * 100, 100); await settle(); }
      console.log(core.sharedDoor().names(), Math.round((process.memoryUsage().rss - before) / 1e6));
    })();`;
  const { stdout, stderr } = child(script, ['--expose-gc', '--max-semi-space-size=1']);
  const [names, grown] = stdout.trim().split(' ').map(Number);
  assert.equal(names, 0, stderr);
  // What 1,000 queues of each form hold is some 300 MB.
  assert.ok(grown < 16, `grew by ${grown} MB`);
});

test('V8 collects handles because of the bytes that hang on them', () => {
  const script = `const { Queue } = require('.'); const core = require('./lib/queue/core.js');
    const item = new Uint8Array(2e6).fill(1);
    (async () => {
      let most = 0;
      for (let i = 0; i < 300; i++) {
        new Queue({ name: 'n' + i }).enqueue(item);
        // Finalizers have a turn of their own.
        await new Promise(setImmediate);
        most = Math.max(most, core.sharedDoor().names());
      }
      console.log(most);
    })();`;
  const { stdout, stderr } = child(script);
  // The handles themselves are some kilobytes: without the accounting, all 300 queues (600 MB) are there at the end.
  assert.ok(Number(stdout) > 0 && Number(stdout) < 150, `${stdout} queues at once ${stderr}`);
});

test('a copy of the addon has names of its own', () => {
  assert.ok(core.sharedDoor().names() >= 0);
  const script = `const fs = require('node:fs'), os = require('node:os'), path = require('node:path');
    const { Queue } = require('.');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wp-queue-'));
    const first = new Queue({ name: 'copies' });
    const file = Object.keys(require.cache).find((name) => name.endsWith('.node'));
    const copy = path.join(folder, 'copy.node');
    fs.copyFileSync(file, copy);
    first.enqueue('x');
    for (const name of Object.keys(require.cache)) delete require.cache[name];
    process.env.WARMPATH_NATIVE_PATH = copy;
    console.log(new (require('.').Queue)({ name: 'copies' }).length, first.length);
    fs.rmSync(folder, { recursive: true });`;
  const { stdout, stderr } = child(script);
  assert.equal(stdout, '0 1\n', stderr);
});
