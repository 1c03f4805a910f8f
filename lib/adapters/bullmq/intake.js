'use strict';

const { WarmpathError } = require('../../errors.js');
const { withDeadline } = require('../queue/deadline.js');
const { Connection } = require('./connection.js');
const { jobId, jobOptions } = require('./job-options.js');

// An unknown state (a newer BullMQ's) is one of a job that is there.
const STATUS_OF = { unknown: 'queued', failed: 'queued', active: 'processing', completed: 'cached' };

/**
 * The way into BullMQ: looks what is there under the ids, adds what is not, all inside one deadline. When the deadline
 * passes, nothing more is sent; what was sent already and comes through after all is told by `late()`.
 */
class Intake {
  #queue;
  #connection;
  #options;

  /** @param {object} options name, jobOptions, onCompleted, deadlineMs */
  constructor(queue, options) {
    this.#queue = queue;
    this.#connection = new Connection(queue);
    this.#options = options;
  }

  /** Resolves true as soon as Redis takes commands, false after `ms`. */
  async ready(ms) {
    try {
      return await this.#connection.ready(ms);
    } catch {
      return false;
    }
  }

  /**
   * @param {object[]} jobs checked, no two with one key
   * @param {(ids: string[]) => void} late called when the jobs with these ids were added after add() had rejected
   * @param {number} [deadlineMs] another one for this call
   * @returns {Promise<string[]>} one status per job
   * @throws {WarmpathError} ERR_WARMPATH_DATABASE; certainty `maybe-sent` when Redis may have taken the jobs
   */
  async add(jobs, late, deadlineMs = this.#options.deadlineMs) {
    const startedAt = performance.now();
    const run = { over: false, sent: false };
    const tooLate = () => failure(`within ${deadlineMs} ms`, run);
    let adding = null;
    try {
      if (!(await this.#connection.ready(deadlineMs))) throw tooLate();
      adding = this.#add(jobs, run);
      const leftMs = Math.max(0, deadlineMs - (performance.now() - startedAt));
      const { statuses } = await withDeadline(adding, leftMs, tooLate);
      return statuses;
    } catch (err) {
      run.over = true;
      adding?.then(({ added }) => added.length > 0 && late(added)).catch(() => {});
      throw err instanceof WarmpathError ? err : failure(reason(err), run, err);
    }
  }

  async #add(jobs, run) {
    const none = { statuses: [], added: [] };
    const ids = jobs.map(({ key }) => jobId(key));
    const states = await Promise.all(ids.map((id) => this.#queue.getJobState(id)));
    if (run.over) return none;
    // BullMQ takes no job under the id of one that is finished, and says nothing: the old one has to go first.
    const again = (state) => state === 'failed' || (state === 'completed' && this.#options.onCompleted === 'rerun');
    await Promise.all(ids.filter((_, i) => again(states[i])).map((id) => this.#queue.remove(id)));
    if (run.over) return none;
    const open = jobs.filter((_, i) => states[i] === 'unknown' || again(states[i]));
    run.sent = open.length > 0;
    if (run.sent) await this.#queue.addBulk(open.map((job) => this.#entry(job)));
    return {
      statuses: states.map((state) => (again(state) ? 'queued' : (STATUS_OF[state] ?? 'duplicate'))),
      added: open.map(({ key }) => jobId(key)),
    };
  }

  #entry(job) {
    const { name, jobOptions: given } = this.#options;
    // A plain object: what the checker makes inherits from nothing, and BullMQ clones with the methods of Object.
    return { name, data: { ...job }, opts: jobOptions(job, this.#queue, given) };
  }

  /** Takes jobs out again; one that runs already stays. @returns {Promise<number>} how many are out */
  async remove(ids) {
    const removed = await Promise.all(ids.map((id) => this.#queue.remove(id)));
    return removed.reduce((sum, n) => sum + n, 0);
  }
}

/** Errno names of the connection only: other text may hold its URL. */
function reason(err) {
  return /^[A-Z_]{1,40}$/.test(err?.code) ? `(${err.code})` : '';
}

function failure(why, { sent }, cause) {
  return new WarmpathError('ERR_WARMPATH_DATABASE', `the queue did not take the jobs ${why}`.trim(), {
    phase: 'queue',
    certainty: sent ? 'maybe-sent' : 'not-sent',
    cause,
  });
}

module.exports = { Intake };
