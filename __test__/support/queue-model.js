'use strict';

// The simplest queue that does what docs/queue.md says, and random histories that hold a Queue against it.

const assert = require('node:assert/strict');

/** A small seeded generator (mulberry32), so that a history that fails can be played again. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

class Model {
  #entries = [];
  #arrivals = 0;
  dropped = [];

  constructor({ capacity, full = 'reject' }) {
    Object.assign(this, { capacity, full });
  }

  #sorted() {
    return this.#entries.sort((a, b) => b.priority - a.priority || a.arrival - b.arrival);
  }

  enqueue(item, key, priority = 0) {
    if (key !== undefined && this.has(key)) return 'duplicate';
    if (this.#entries.length === this.capacity) {
      const sorted = this.#sorted();
      let gone = null;
      if (this.full === 'drop-oldest') gone = sorted.reduce((a, b) => (a.arrival < b.arrival ? a : b));
      if (this.full === 'drop-lowest' && sorted.at(-1).priority < priority) gone = sorted.at(-1);
      if (gone === null) return 'full';
      this.#entries = sorted.filter((entry) => entry !== gone);
      this.dropped.push(gone.item);
    }
    this.#entries.push({ item, key, priority, arrival: this.#arrivals++ });
    return 'queued';
  }

  dequeueMany(max) {
    const sorted = this.#sorted();
    this.#entries = sorted.slice(max);
    return sorted.slice(0, max).map((entry) => entry.item);
  }

  remove(key) {
    const found = this.#entries.find((entry) => entry.key === key);
    this.#entries = this.#entries.filter((entry) => entry !== found);
    return found === undefined ? null : found.item;
  }

  has(key) {
    return this.#entries.some((entry) => entry.key === key);
  }

  clear() {
    const { length } = this.#entries;
    this.#entries = [];
    return length;
  }

  toArray() {
    return this.#sorted().map((entry) => entry.item);
  }
}

/** Plays `steps` random operations on both; every answer must be the same. */
function play(queue, options, seed, steps, makeItem) {
  const random = randomFrom(seed);
  const model = new Model(options);
  const dropped = [];
  queue.on('dropped', (item) => dropped.push(item));
  // Some histories know no keys, some no priorities: other structures carry those.
  const keyed = random(3) > 0;
  const ranked = random(3) > 0;
  const entry = (step) => ({
    item: makeItem(step, random),
    ...(keyed && random(2) ? { key: ['k', 'chave-é-', '钥匙', '🗝'][random(4)] + random(30) } : {}),
    ...(ranked && random(2) ? { priority: random(5) - 2 } : {}),
  });
  for (let step = 0; step < steps; step++) {
    const at = `seed ${seed}, step ${step}`;
    const action = random(20);
    if (action < 8) {
      const { item, ...rest } = entry(step);
      assert.equal(queue.enqueue(item, rest), model.enqueue(item, rest.key, rest.priority), at);
    } else if (action < 10) {
      // A third of the batches have neither keys nor priorities, in another everybody has a key: they go in as one, and are cut
      // where fewer are asked for, or one by its key.
      const form = random(3);
      const key = () => (random(4) ? 'k' : 'chave-é-') + random(30);
      const entries = Array.from({ length: random(options.capacity + 3) }, (_, i) => {
        if (form === 0) return entry(step + i / 1000);
        const item = makeItem(step + i / 1000, random);
        return form === 1 || !keyed ? { item } : { item, key: key() };
      });
      const expected = entries.map(({ item, key, priority }) => model.enqueue(item, key, priority));
      assert.deepEqual(queue.enqueueMany(entries), expected, at);
    } else if (action < 15) {
      assert.deepEqual(queue.dequeue(), model.dequeueMany(1)[0] ?? null, at);
    } else if (action < 17) {
      const max = 1 + random(options.capacity);
      assert.deepEqual(queue.dequeueMany(max), model.dequeueMany(max), at);
    } else if (action < 19) {
      const key = `k${random(30)}`;
      assert.equal(queue.has(key), model.has(key), at);
      assert.deepEqual(queue.remove(key), model.remove(key), at);
    } else if (random(10) === 0) {
      assert.equal(queue.clear(), model.clear(), at);
    }
    const order = model.toArray();
    assert.equal(queue.length, order.length, at);
    assert.deepEqual(queue.peek(), order[0] ?? null, at);
    if (step % 16 === 0) assert.deepEqual(queue.toArray(), order, at);
  }
  assert.deepEqual(dropped, model.dropped, `seed ${seed}`);
  assert.equal(queue.stats().dropped, dropped.length);
}

module.exports = { randomFrom, play };
