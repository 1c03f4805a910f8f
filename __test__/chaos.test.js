'use strict';

// The crash harness: real worker processes on a real Postgres, killed, blocked and cut off; the sandboxes count the truth. Every
// planted bug (chaos/plants.js) has to be found. `npm run test:chaos` is the long form.

const assert = require('node:assert/strict');
const test = require('node:test');
const { startPostgres } = require('../lib/cli/services/postgres');
const { blockedLoop, longJobs, orderlyStop, poison } = require('./chaos/scenarios.js');
const { prepareServer } = require('./chaos/stage.js');
const { storm } = require('./chaos/storm.js');
const { Restarts } = require('./support/pg-restart.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
const SEED = Number(process.env.WARMPATH_TEST_SEED || 20_261_122);

// Far below what the options allow, so that it can be waited for. The long form has leases as they are in earnest.
const LEASE_MS = 3000;
const STORM = LONG
  ? {
      jobs: 20_000,
      workers: 4,
      kills: 20,
      restarts: 3,
      concurrency: 16,
      leaseMs: 12_000,
      patienceMs: 4000,
      timeoutMs: 300_000,
    }
  : {
      jobs: 400,
      workers: 3,
      kills: 3,
      restarts: 1,
      concurrency: 8,
      leaseMs: 2 * LEASE_MS,
      patienceMs: 1500,
      timeoutMs: 60_000,
    };
const BLOCK = LONG ? { leaseMs: 30_000, blockMs: 60_000 } : { leaseMs: LEASE_MS, blockMs: 8000 };
const STOP = { leaseMs: 20_000 };
const POISON = LONG ? { leaseMs: 12_000, maxLostLeases: 5 } : { leaseMs: LEASE_MS, maxLostLeases: 2 };

// A machine that stood still for longer than that has let leases run out that nothing was wrong with.
const FIT_MS = LEASE_MS / 4;
const TRIES = 3;

test('worker processes in trouble', { concurrency: LONG ? 2 : true }, async (t) => {
  // One server is crashed by the storm; the other scenarios have theirs.
  const [rough, calm] = await Promise.all([startPostgres({ fsync: true }), startPostgres()]);
  const restarts = new Restarts(rough);
  t.after(() => Promise.all([restarts.stop().then(() => rough.stop()), calm.stop()]));
  await Promise.all([rough, calm].map(({ url }) => prepareServer(url)));
  const scenarios = [];

  const clean = (name, run, check) =>
    scenarios.push(
      t.test(name, async (sub) => {
        let result = await run();
        for (let tries = 1; tries < TRIES && result.violations.length > 0; tries++) {
          const { standstillMs } = result.counts;
          if (standstillMs < FIT_MS) break;
          sub.diagnostic(`again: the machine stood still for ${standstillMs} ms`);
          result = await run();
        }
        sub.diagnostic(JSON.stringify(result.counts));
        assert.deepEqual(result.violations, []);
        check(result.counts);
      }),
    );
  /** The same scenario has to find the bug, by one of the rules that are meant for it. */
  const found = (plant, rules, run) =>
    scenarios.push(
      t.test(`found: ${plant}`, async (sub) => {
        const { violations } = await run(plant);
        const seen = [...new Set(violations.map(({ rule }) => rule))];
        sub.diagnostic(`${seen.join(', ')}: ${violations[0]?.text}`);
        assert.ok(
          seen.some((rule) => rules.includes(rule)),
          `it was not noticed: ${JSON.stringify(violations)}`,
        );
      }),
    );

  clean(
    'a storm: mix F, kills, a database that crashes',
    () => storm({ url: rough.url, restarts }, { ...STORM, seed: SEED }),
    ({ kills, restarts: crashes, inFlight, bites }) => {
      assert.deepEqual([kills, crashes], [STORM.kills, STORM.restarts]);
      assert.ok(inFlight > 0, 'no kill hit anything');
      assert.ok(bites.resetBeforeHead.every((n) => n > 0));
    },
  );
  clean(
    'an event loop that stands still: another process takes over, and nothing runs twice',
    () => blockedLoop(calm.url, BLOCK),
    ({ ready, sends, stalled, processes }) => assert.deepEqual([ready, sends, stalled, processes], [4, 4, 4, 2]),
  );
  clean(
    'SIGTERM with 64 in flight: nothing new, all finished or handed back, uncharged',
    () => orderlyStop(calm.url, STOP),
    ({ ready, back }) => assert.ok(ready >= 32 && back >= 32, `${ready} ready, ${back} handed back`),
  );
  clean(
    'a job that ends its process is put aside, and only that one',
    () => poison(calm.url, POISON),
    ({ deaths, ready }) => assert.deepEqual([deaths, ready], [POISON.maxLostLeases, 40]),
  );
  found('no fence', ['duplicate', 'overlap'], (plant) => blockedLoop(calm.url, { ...BLOCK, plant }));
  found('lease shorter than the job, without heartbeat', ['duplicate', 'overlap'], (plant) =>
    longJobs(calm.url, { leaseMs: LEASE_MS, plant }),
  );
  found('attempt counted after', ['uncounted'], (plant) => longJobs(calm.url, { leaseMs: LEASE_MS, plant }));
  found('release charges an attempt', ['charged'], (plant) => orderlyStop(calm.url, { ...STOP, plant }));
  if (LONG) {
    found('attempt counted after', ['poison'], (plant) => poison(calm.url, { ...POISON, plant }));
    found('engine without leases', ['overlap'], (plant) => blockedLoop(calm.url, { ...BLOCK, plant }));
    clean(
      'jobs longer than their lease',
      () => longJobs(calm.url, { leaseMs: LEASE_MS }),
      ({ ready, sends, slow }) => assert.deepEqual([ready, sends, slow], [4, 4, 4]),
    );
  }
  await Promise.all(scenarios);
});
