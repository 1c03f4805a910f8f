'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { exitOf, startWorld, until } = require('./support/example');
const { realMedia } = require('./support/media');

const DEADLINE_MS = 1000;
/** What Node and pg may add to the deadline on a busy machine; far from the answers' own time-outs (two minutes). */
const SLACK_MS = 15_000;

describe('SIGTERM to examples/express-app in the middle of a run', () => {
  let world;
  before(async () => {
    world = await startWorld();
  });
  after(() => world?.stop());

  it('exits 0 inside its deadline, leaves no row stuck, and the next start finishes them', async () => {
    const media = await realMedia(9);
    const settings = { MEDIA_PREWARM_CONCURRENCY: '2', SHUTDOWN_TIMEOUT_MS: String(DEADLINE_MS) };
    const first = await world.app(settings);
    const items = [];
    for (const bot of world.bots) for (const file of media) items.push(await world.upload(first, bot, file));

    // The third and all later answers never come: two transfers hang, the others wait for their slots.
    const hang = world.telegram.faults.add({ kind: 'stallBeforeHead', after: 2, times: Number.POSITIVE_INFINITY });
    const { body } = await first.json('POST', '/api/media/prewarm', { items });
    assert.equal(body.queued, items.length);
    await hang.bitten(2);
    await until(
      async () => (await world.rows()).filter((row) => row.status === 'ready').length === 2,
      'two rows to be ready',
    );

    first.process.child.kill('SIGTERM');
    const exit = await exitOf(first.process.child, DEADLINE_MS + SLACK_MS);
    assert.deepEqual(exit, { code: 0, signal: null }, first.output.slice(-5).join('\n'));
    await assert.rejects(fetch(`${first.url}/healthz`), 'it must not listen any more');

    const left = await world.rows();
    assert.equal(left.length, items.length);
    assert.deepEqual([...new Set(left.map((row) => row.status))].sort(), ['ready', 'warming']);
    assert.equal(left.filter((row) => row.status === 'ready').length, 2);
    assert.ok(left.every((row) => (row.status === 'ready') === (row.file_id !== null)));

    world.telegram.faults.clear();
    const second = await world.app(settings);
    await until(
      async () => (await world.rows()).every((row) => row.status === 'ready'),
      'the rest to be taken up again',
    );
    for (const row of await world.rows()) assert.equal(world.telegram.issued(row.file_id)?.sha256, row.sha256);
    second.process.child.kill('SIGTERM');
    assert.deepEqual(await exitOf(second.process.child), { code: 0, signal: null });
  });
});
