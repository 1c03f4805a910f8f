'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { Due } = require('../lib/store/postgres/due.js');

/** A `Due` whose database gives these answers, one after another. */
function dueOf(...answers) {
  const asked = { times: 0 };
  const due = new Due(async () => answers[asked.times++]);
  return { due, asked };
}

test('what the database said is believed for a while', async () => {
  const { due, asked } = dueOf(60_000, 1);
  const first = await due.readMs();
  assert.ok(first > 50_000 && first <= 60_000, `${first}`);
  assert.ok((await due.readMs()) > 50_000);
  assert.equal(asked.times, 1);
});

test('that none waits is believed, too', async () => {
  const { due, asked } = dueOf(null, 1);
  assert.equal(await due.readMs(), null);
  assert.equal(await due.readMs(), null);
  assert.equal(asked.times, 1);
});

test('who has heard of others asks again', async () => {
  const { due, asked } = dueOf(null, 60_000);
  assert.equal(await due.readMs(), null);
  due.forget();
  assert.ok((await due.readMs()) > 50_000);
  assert.equal(asked.times, 2);
});

test('a nearer row that is known here counts, a later one does not', async () => {
  const { due, asked } = dueOf(60_000);
  await due.readMs();
  due.in(20_000);
  due.in(40_000);
  const waits = await due.readMs();
  assert.ok(waits > 10_000 && waits <= 20_000, `${waits}`);
  assert.equal(asked.times, 1);
});

test('once a row is due, the database says which is the next', async () => {
  const { due, asked } = dueOf(-5, 60_000);
  assert.ok((await due.readMs()) <= 0);
  assert.ok((await due.readMs()) > 50_000);
  assert.equal(asked.times, 2);
});
