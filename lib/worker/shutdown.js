'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../errors.js');
const { Deadline } = require('./deadline.js');

// What was sent should be recorded, even when the time for sending is used up.
const RECORD_GRACE_MS = 2000;

/** The end of one run of a Worker: what was not begun is handed back, what was begun may finish for a while, and all of it is recorded. */
class Shutdown {
  #parts;
  #drain = null;

  /**
   * @param {object} parts executor, loop, outbox, store; handBack(): gives back what the executor was never given;
   *   onError(err)
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * Resolves when every result is recorded, or was given up two seconds after `timeoutMs`. To be called once.
   *
   * @param {number} timeoutMs for what runs, ms from now
   */
  async run(timeoutMs) {
    const { executor, loop, outbox, handBack, onError } = this.#parts;
    const drain = new Deadline(timeoutMs);
    this.#drain = drain;
    try {
      const loopEnded = loop.stop();
      handBack();
      this.#cancelUnbegun();
      // What this worker has for itself alone, as soon as it can be had: others need not wait for the end.
      this.#leave();
      await executor.close({ timeoutMs });
      const graceOver = drain.passed.then(() => grace());
      const recorded = await outbox.close(drain.leftMs + RECORD_GRACE_MS);
      if (!recorded) onError(lost(outbox.size));
      // A claim that was on its way may have got what was just handed back: that is to be free when the worker has stopped. One that
      // hangs in a dead database must not hold up the stop.
      await Promise.race([loopEnded, graceOver]);
      await Promise.race([this.#leave(), grace()]);
    } finally {
      drain.clear();
    }
  }

  /** At most so long from now; a longer time changes nothing. */
  shorten(timeoutMs) {
    const { executor, outbox } = this.#parts;
    this.#drain.shorten(timeoutMs);
    executor.close({ timeoutMs });
    outbox.close(timeoutMs + RECORD_GRACE_MS);
  }

  /**
   * What the executor has not begun goes back with the rest: begun now, it might be cut off at the deadline between its sending
   * and the answer, and be sent again by somebody else.
   */
  #cancelUnbegun() {
    const { executor } = this.#parts;
    if (typeof executor.pause !== 'function') return;
    // Nothing begins between the look and the cancelling.
    executor.pause();
    for (const { key, state } of executor.list()) if (state !== 'running') executor.cancel(key);
  }

  async #leave() {
    const { store, onError } = this.#parts;
    try {
      await store.leave?.();
    } catch (err) {
      onError(err);
    }
  }
}

const grace = () => sleep(RECORD_GRACE_MS, undefined, { ref: false });

function lost(count) {
  const message = `${count} results could not be recorded before the worker stopped`;
  return new WarmpathError('ERR_WARMPATH_DATABASE', message, { phase: 'settle' });
}

module.exports = { Shutdown };
