'use strict';

const { Executor } = require('./executor.js');
const { Pacing } = require('./pacing.js');

/** An executor whose jobs count against the limits of bots and chats. */
class PacedExecutor extends Executor {
  #pacing;

  /** As Executor's. */
  constructor(create, checkJob, outcomesOf) {
    let native;
    super(
      (wake) => {
        native = create(wake);
        return native;
      },
      checkJob,
      outcomesOf,
    );
    this.#pacing = new Pacing(native);
  }

  /** @protected */
  submitted(jobs) {
    this.#pacing.saw(jobs);
  }

  stats() {
    const stats = super.stats();
    if (stats.limits !== null) stats.limits = this.limits();
    return stats;
  }

  /** The limits in force, or false where nothing is paced. */
  limits() {
    return this.#pacing.limits();
  }

  /** Other limits from now on: false, or what is to change. What was sent before still counts. */
  setLimits(limits) {
    this.#pacing.setLimits(limits);
  }

  /** The bots and chats that a 429 has slowed down, or still holds. */
  throttled() {
    return this.#pacing.throttled();
  }

  /** When a batch would be done under the limits, and what decides that. */
  plan(jobs, options) {
    return this.#pacing.plan(jobs, options);
  }

  /** Something the bot sent, or was refused, beside these jobs: it counts against the same limits. */
  report(live) {
    return this.#pacing.report(live);
  }
}

module.exports = { PacedExecutor };
