'use strict';

// Processes in the plural: one whose event loop is blocked, and one that is told to end.

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { onServers } = require('./support/pg-servers.js');
const { makeWorker } = require('./support/pg-worker.js');
const { storeWorld } = require('./support/pg-store.js');
const { startStage, events, until } = require('./support/prewarm.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
// The engine stops a job 5 s before its lease ends: the shortest lease under which work is possible, a little above.
const LEASE_MS = LONG ? 40_000 : 5500;

/** The next message that has the field. */
async function hear(child, field) {
  for (;;) {
    const [message] = await once(child, 'message');
    if (message[field] !== undefined) return message;
  }
}

/** A plain forwarder that knows which of its connections are open, and when the last one closed. */
async function countingProxy(target) {
  const { hostname, port } = new URL(target);
  const state = { open: 0, lastClosedAt: 0 };
  const server = net.createServer((socket) => {
    state.open++;
    const other = net.connect(Number(port), hostname);
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ]) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
    socket.on('close', () => {
      state.open--;
      state.lastClosedAt = performance.now();
      other.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

onServers(
  'several processes',
  async (servers, t) => {
    const world = await storeWorld(servers, t);
    const stage = await startStage();
    t.after(() => stage.close());
    const children = [];
    t.after(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    const start = async (settings, env = {}) => {
      const child = fork(path.join(__dirname, 'support', 'pg-worker.js'), {
        env: { ...process.env, ...env, WORKER: JSON.stringify({ url: servers.url, ...settings }) },
      });
      children.push(child);
      await hear(child, 'ready');
      return child;
    };

    await t.test('SIGTERM with 64 in flight: nothing new, all finished or handed back, uncharged', async () => {
      const CONCURRENCY = 64;
      const jobs = await Promise.all(Array.from({ length: 200 }, () => stage.workerJob()));
      const feeder = world.open();
      await feeder.enqueue(jobs);
      // Half of the sends under way end in time, half never.
      const slow = stage.tg.faults.add({ kind: 'delay', ms: 300, times: 32 });
      const stuck = stage.r2.faults.add({ kind: 'stallBeforeHead', times: 32, after: 32 });
      const child = await start(
        { options: stage.options(), leaseMs: 60_000, concurrency: CONCURRENCY },
        { GRACE_MS: '2500' },
      );
      await stuck.bitten(32);
      assert.ok(slow.bites > 0);
      child.kill('SIGTERM');
      const { late, settled } = await hear(child, 'late');
      assert.deepEqual(late, [], 'claims begun after the signal');
      assert.ok(settled.every(({ applied }) => applied));
      const rows = await world.rows();
      const ready = rows.filter(({ status }) => status === 'ready');
      const waiting = rows.filter(({ status }) => status === 'warming');
      assert.equal(ready.length + waiting.length, jobs.length);
      assert.ok(waiting.length >= 32);
      assert.ok(ready.every(({ attempts }) => attempts === 1));
      assert.deepEqual([...new Set(waiting.map(({ attempts }) => attempts))], [0]);
      assert.deepEqual([...new Set(waiting.map(({ lease_until: until }) => until))], [null]);
      assert.equal(stage.tg.received.length, ready.length, 'sent and recorded');
      assert.deepEqual(await feeder.instances(), []);
      // Somebody else goes on at once.
      assert.equal((await world.claim(feeder, 500)).length, waiting.length);
      await world.clear();
    });

    await t.test(
      'a blocked event loop: another process takes over when the engine has long stopped, and nothing runs twice at once',
      async (sub) => {
        stage.tg.reset();
        const proxy = await countingProxy(stage.r2.url);
        sub.after(() => proxy.close());
        const options = stage.options();
        const stalled = stage.r2.faults.add({ kind: 'stallBeforeHead' });
        const blocked = await start({
          options: { ...options, s3: { ...options.s3, endpoint: proxy.url } },
          leaseMs: LEASE_MS,
        });
        const feeder = world.open();
        const job = await stage.workerJob();
        await feeder.enqueue([job]);
        await stalled.bitten();
        const awake = hear(blocked, 'awake');
        blocked.send({ block: LONG ? 60_000 : 9000 });
        const heir = makeWorker({ url: servers.url, options, leaseMs: LEASE_MS });
        sub.after(async () => {
          await heir.worker.stop({ timeoutMs: 0 });
          await heir.store.close();
          heir.pool.on('error', () => {});
          await heir.pool.end();
        });
        const done = events(heir.worker, 'succeeded');
        let openAtClaim = null;
        const { claim } = heir.store;
        heir.store.claim = async (request) => {
          const claims = await claim(request);
          if (claims.length > 0) openAtClaim ??= proxy.state.open;
          return claims;
        };
        heir.worker.begin();
        const [result] = await done;
        assert.equal(result.attempt, 2);
        assert.equal(openAtClaim, 0, 'the connection of the first run was closed before the second was claimed');
        const { seen } = await awake;
        // It woke up with the outcome of a run that was stopped, and changed nothing with it.
        assert.ok(
          seen.settled.every(({ applied }) => !applied),
          JSON.stringify(seen.settled),
        );
        assert.equal(stage.tg.received.length, 1);
        const [row] = await until(async () => {
          const rows = await world.rows();
          return rows[0].status === 'ready' && rows;
        });
        assert.deepEqual([row.attempts, Number(row.fence), row.lease_until], [2, 2, null]);
      },
    );
  },
  { only: LONG ? undefined : 'first' },
);
