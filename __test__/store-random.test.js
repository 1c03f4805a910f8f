'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Pool } = require('pg');
const { MemoryStore } = require('..');
const { MediaCache } = require('../lib/store/media-cache.js');
const { startTables } = require('./support/tables.js');

/** Reproducible chance: the seed is in the name of a failing history. */
function chance(seed) {
  let state = seed;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return { next, below: (n) => Math.floor(next() * n), one: (list) => list[Math.floor(next() * list.length)] };
}

const CLASSES = ['transient', 'throttled', 'ambiguous', 'bug', 'permanent', 'config', 'cancelled'];

/**
 * One random history against a model that knows only the contract: which jobs exist, who holds them until when, how many
 * attempts were charged.
 */
class History {
  #random;
  #clock = { now: 0 };
  #store;
  #held = new Map();
  #past = [];
  #alive = new Map();
  #order = 0;
  #capacity;

  constructor(seed) {
    this.#random = chance(seed);
    this.#capacity = 1 + this.#random.below(12);
    const options = { capacity: this.#capacity, delaysMs: [100, 200, 400] };
    this.#store = new MemoryStore(options, { now: () => this.#clock.now, random: this.#random.next });
  }

  run(steps) {
    const moves = ['enqueue', 'enqueue', 'claim', 'claim', 'settle', 'settle', 'release', 'extend', 'stale', 'pass'];
    for (let i = 0; i < steps; i++) this[this.#random.one(moves)]();
    this.finish();
  }

  enqueue() {
    const i = this.#random.below(30);
    const job = { key: `k${i}`, priority: this.#random.below(3) - 1, order: this.#order++ };
    const { queued } = this.#store.stats();
    const [status] = this.#store.enqueue([job]);
    if (this.#held.get(job.key)?.until > this.#clock.now) assert.equal(status, 'processing');
    else if (this.#alive.has(job.key)) assert.ok(['duplicate', 'processing'].includes(status), status);
    else assert.equal(status, queued >= this.#capacity ? 'full' : 'queued');
    if (status === 'queued') this.#alive.set(job.key, job);
  }

  claim() {
    const limit = 1 + this.#random.below(4);
    const leaseMs = 50 + this.#random.below(300);
    const claims = this.#store.claim({ limit, leaseMs, owner: 'me' });
    assert.ok(claims.length <= limit);
    for (let i = 1; i < claims.length; i++) {
      assert.ok(claims[i - 1].job.priority >= claims[i].job.priority, 'better first');
    }
    for (const claim of claims) {
      const before = this.#held.get(claim.key);
      assert.equal(claim.job, this.#alive.get(claim.key), 'the job that was accepted');
      assert.ok(before === undefined || before.until <= this.#clock.now, 'never held twice at once');
      if (before !== undefined) this.#past.push(before);
      this.#held.set(claim.key, { ...claim, until: this.#clock.now + leaseMs });
    }
  }

  #take() {
    if (this.#held.size === 0) return null;
    const held = this.#random.one([...this.#held.values()]);
    this.#held.delete(held.key);
    this.#past.push(held);
    return held;
  }

  settle() {
    const held = this.#take();
    if (held === null) return;
    const ok = this.#random.next() < 0.4;
    const kind = this.#random.one(CLASSES);
    const charged = this.#random.next() < 0.7;
    const retryAfterMs = this.#random.next() < 0.3 ? this.#random.below(1000) : undefined;
    const outcome = ok
      ? { status: 'succeeded', charged: true }
      : { status: 'failed', error: { class: kind }, charged, retryAfterMs };
    const [{ applied, state }] = this.#store.settle([{ key: held.key, fence: held.fence, ...outcome }]);
    if (!applied) {
      assert.ok(held.until <= this.#clock.now, 'within its lease a holder is always heard');
      return;
    }
    const waits = kind === 'config' && !charged && retryAfterMs > 0;
    const dead = kind === 'permanent' || (kind === 'config' && !waits) || (charged && held.attempt > 3);
    assert.equal(state, ok ? 'done' : dead ? 'dead' : 'retry');
    if (state === 'retry') return;
    this.#alive.delete(held.key);
  }

  release() {
    const held = this.#take();
    if (held !== null) this.#store.release([held]);
  }

  extend() {
    const held = [...this.#held.values()];
    const leaseMs = 50 + this.#random.below(300);
    this.#store.extend(held, leaseMs).forEach((kept, i) => {
      assert.ok(kept || held[i].until <= this.#clock.now, 'within its lease a holder keeps it');
      if (kept) {
        held[i].until = this.#clock.now + leaseMs;
      } else {
        this.#held.delete(held[i].key);
        this.#past.push(held[i]);
      }
    });
  }

  /** A former holder comes back late, and must not be able to change anything. */
  stale() {
    if (this.#past.length === 0) return;
    const { key, fence } = this.#random.one(this.#past);
    const before = JSON.stringify([this.#store.stats(), this.#store.list()]);
    assert.deepEqual(this.#store.extend([{ key, fence }], 1e6), [false]);
    assert.deepEqual(this.#store.settle([{ key, fence, status: 'succeeded', charged: true }]), [{ applied: false }]);
    this.#store.release([{ key, fence }]);
    assert.equal(JSON.stringify([this.#store.stats(), this.#store.list()]), before);
  }

  pass() {
    this.#clock.now += this.#random.below(150);
  }

  /** Whatever happened: time and a willing worker bring every accepted job to an end. */
  finish() {
    const { queued, delayed, running } = this.#store.stats();
    assert.equal(queued + delayed + running, this.#alive.size, 'nothing lost, nothing double');
    this.#held.clear();
    for (let guard = 0; this.#alive.size > 0; guard++) {
      assert.ok(guard < 1000, `left over: ${[...this.#alive.keys()]}`);
      this.#clock.now += this.#store.nextDueMs();
      for (const { key, fence } of this.#store.claim({ limit: 100, leaseMs: 1e6, owner: 'last' })) {
        const [{ applied, state }] = this.#store.settle([{ key, fence, status: 'succeeded', charged: true }]);
        assert.deepEqual([applied, state], [true, 'done']);
        assert.ok(this.#alive.delete(key), `${key} came twice`);
      }
    }
    assert.equal(this.#store.nextDueMs(), null);
  }
}

test('random histories: nothing lost, nothing held twice at once, no stale owner heard', () => {
  for (let seed = 1; seed <= 300; seed++) {
    try {
      new History(seed).run(200);
    } catch (err) {
      err.message = `history ${seed}: ${err.message}`;
      throw err;
    }
  }
});

test('the default delays are 1, 2, 4, 8, 16 min: five retries, then dead', () => {
  let now = 0;
  const store = new MemoryStore({}, { now: () => now, random: () => 0 });
  store.enqueue([{ key: 'k' }]);
  const waits = [];
  let state = 'retry';
  while (state === 'retry') {
    const [{ key, fence }] = store.claim({ limit: 1, leaseMs: 60_000, owner: 'me' });
    const outcome = { key, fence, status: 'failed', error: { class: 'transient' }, charged: true };
    [{ state }] = store.settle([outcome]);
    if (state === 'retry') {
      waits.push(store.nextDueMs() / 60_000);
      now += store.nextDueMs();
    }
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16]);
  assert.equal(state, 'dead');
});

test('batches that meet in opposite order do not deadlock', async (t) => {
  const db = await startTables();
  const pools = [1, 2].map(() => new Pool({ connectionString: db.server.url, max: 1 }));
  // The server may end its side of a connection before end() has.
  for (const pool of pools) pool.on('error', () => {});
  t.after(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await db.stop();
  });
  const jobs = Array.from({ length: 400 }, (_, i) => ({
    botSlug: 'bot',
    sha256: String(i).padStart(64, '0'),
    kind: 'photo',
    r2Key: 'k',
  }));
  const backwards = jobs.toReversed();
  const value = (i) => ({ fileId: `f${i}`, fileUniqueId: `u${i}`, messageId: 1, chatId: '1' });
  const writes = [
    (cache, list) => cache.markWarming(list),
    (cache, list) => cache.saveError(list.map((job) => ({ job, error: { code: 'C', message: 'm' } }))),
    (cache, list) => cache.saveReady(list.map((job, i) => ({ job, value: value(i) }))),
  ];
  for (const write of writes) {
    for (let round = 0; round < 15; round++) {
      await Promise.all(pools.map((pool, i) => write(new MediaCache(pool), i === 0 ? jobs : backwards)));
    }
  }
  assert.equal((await db.rows()).length, 400);
});
