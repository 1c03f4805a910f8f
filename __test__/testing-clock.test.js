'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ManualClock } = require('../lib/testing');
const { sleep } = require('../lib/testing/clock');

describe('ManualClock', () => {
  it('runs timers in the order of their times, then of their age, at their own time', () => {
    const clock = new ManualClock(500);
    const ran = [];
    const note = (name) => () => ran.push([name, clock.now()]);
    clock.setTimeout(note('late'), 30);
    clock.setTimeout(note('first'), 10);
    clock.setTimeout(note('second'), 10);
    const gone = clock.setTimeout(note('gone'), 10);
    clock.clearTimeout(gone);
    clock.clearTimeout(gone);
    assert.deepEqual([clock.pending, clock.next], [3, 510]);
    clock.advance(9);
    assert.deepEqual(ran, []);
    clock.advance(11);
    assert.deepEqual(ran, [
      ['first', 510],
      ['second', 510],
    ]);
    assert.equal(clock.now(), 520);
    clock.advance(100);
    assert.deepEqual([ran.at(-1), clock.now(), clock.next], [['late', 530], 620, null]);
  });

  it('runs timers that timers set, where they come due in time', async () => {
    const clock = new ManualClock();
    const times = [];
    const again = () => {
      times.push(clock.now());
      clock.setTimeout(again, 10);
    };
    clock.setTimeout(again, 10);
    clock.advance(35);
    assert.deepEqual(times, [10, 20, 30]);
    const chain = (async () => {
      await sleep(clock, 5);
      await sleep(clock, 5);
      return clock.now();
    })();
    await clock.advanceAsync(10);
    assert.equal(await chain, 45);
  });

  it('lets a wait be given up, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const waiting = sleep(clock, 10, abort.signal);
    abort.abort(new Error('closed'));
    await assert.rejects(waiting, /closed/);
    assert.equal(clock.pending, 0);
    await assert.rejects(sleep(clock, 10, abort.signal), /closed/);
    assert.throws(() => clock.advance(-1), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    assert.throws(() => clock.advance(Number.NaN), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  });
});
