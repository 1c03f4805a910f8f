'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const LOOK_MS = 150;

/**
 * Looks at the table all the time, for what can only be seen while it happens: work that has begun without its attempt being
 * counted, and leases that are over and nobody takes up the job.
 */
class Watch {
  #stage;
  #patienceMs;
  #stopped = false;
  #done;
  /** Since when nothing has kept the living from their work: a database that was away is no fault of theirs. */
  since = Date.now();
  looks = 0;
  uncounted = 0;
  stuckMs = 0;

  /** @param {number} patienceMs how long a lease may be over before that counts as stuck */
  constructor(stage, patienceMs) {
    this.#stage = stage;
    this.#patienceMs = patienceMs;
    this.#done = this.#run();
  }

  async #run() {
    while (!this.#stopped) {
      await this.#look().catch(() => {
        this.since = Date.now();
      });
      await sleep(LOOK_MS);
    }
  }

  async #look() {
    const { rows } = await this.#stage.pool.query(
      `SELECT count(*) FILTER (WHERE lease_until > now() AND attempts < 1)::int AS uncounted,
         coalesce(extract(epoch FROM now() - min(lease_until) FILTER (WHERE lease_until < now())) * 1000, 0)::float8 AS over
       FROM media_cache WHERE status = 'warming'`,
    );
    const [{ uncounted, over }] = rows;
    this.looks++;
    this.uncounted = Math.max(this.uncounted, uncounted);
    this.stuckMs = Math.max(this.stuckMs, Math.min(over, Date.now() - this.since));
  }

  /** @returns {Promise<{ rule: string, text: string }[]>} */
  async stop() {
    this.#stopped = true;
    await this.#done;
    const found = [];
    if (this.uncounted > 0)
      found.push({ rule: 'uncounted', text: `${this.uncounted} jobs at work with no attempt counted` });
    if (this.stuckMs > this.#patienceMs) {
      found.push({ rule: 'stuck', text: `a lease was over for ${Math.round(this.stuckMs)} ms` });
    }
    return found;
  }
}

module.exports = { Watch };
