'use strict';

const NAME = 'ProcessMedia';

// An outage makes one failure per batch: one of a kind is told in this time, with how many there were.
const QUIET_MS = 10_000;
const MOST_KINDS = 100;

/** Tells an error tracker, in Sentry's shape: `captureException(err, { tags, extra })`. What it throws is ignored. */
class Capture {
  #hook;
  #now;
  #quiet = new Map();

  constructor(hook, now = () => performance.now()) {
    this.#hook = hook;
    this.#now = now;
  }

  /**
   * @param {Error} err
   * @param {{ key?: string, session?: string, attempt?: number, via?: string, jobs?: number }} about with a key it is of one job,
   *   and always told
   */
  take(err, { key, session, attempt, via, jobs }) {
    if (this.#hook === undefined) return;
    let suppressed = 0;
    if (key === undefined) {
      const kind = `${err.code}:${via}`;
      const known = this.#quiet.get(kind);
      if (known !== undefined && this.#now() < known.until) {
        known.suppressed++;
        return;
      }
      suppressed = known?.suppressed ?? 0;
      if (this.#quiet.size >= MOST_KINDS) this.#quiet.clear();
      this.#quiet.set(kind, { until: this.#now() + QUIET_MS, suppressed: 0 });
    }
    const tags = present({ queue: NAME, code: err.code, class: err.class, via, session });
    try {
      const answer = this.#hook(err, { tags, extra: present({ key, attempt, jobs, suppressed }) });
      if (typeof answer?.then === 'function') answer.then(undefined, () => {});
    } catch {}
  }
}

const present = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

module.exports = { Capture };
