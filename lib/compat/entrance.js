'use strict';

const { Marks } = require('./marks.js');

/**
 * The way into a durable store for callers that wait for nothing: a job is accepted here, and written a moment later, with all
 * others of its turn; again and again while the database is away. Looks like the store in memory, as far as the module needs
 * that. Who waits in the table already is only known there: an equal job is accepted here, and found to be a duplicate then.
 */
class Entrance {
  #marks = new Marks();
  #acceptedAt = new WeakMap();
  #table = null;
  #capacity;

  /** @param {{ capacity: number }} options how many accepted jobs may wait to be written */
  constructor({ capacity }) {
    this.#capacity = capacity;
  }

  adjust({ capacity }) {
    this.#capacity = capacity;
  }

  enqueue(jobs) {
    return jobs.map((job) => {
      if (this.#marks.has(job.key)) return 'duplicate';
      if (this.#marks.size >= this.#capacity) return 'full';
      this.#acceptedAt.set(job, Date.now());
      this.#marks.add(job);
      return 'queued';
    });
  }

  /**
   * From now on jobs are written, those that were accepted before, too.
   *
   * @param {object} table the durable store
   * @param {{ onError: (err: Error) => void, onRefused: (job: object, status: string) => void }} hooks onRefused: the table had
   *   that job already
   */
  connect(table, { onError, onRefused }) {
    this.#table = table;
    const markWarming = async (jobs) => {
      const statuses = await table.enqueue(jobs);
      jobs.forEach((job, i) => {
        if (statuses[i] !== 'queued') onRefused(job, statuses[i]);
      });
    };
    this.#marks.connect({ markWarming }, onError);
  }

  /** Writes what is left, once. What the database does not take stays for the next connect(). */
  close() {
    return this.#marks.close();
  }

  /** Of the whole table, whoever works on it, as far as this process knows; and what is not there yet. */
  stats() {
    const { queued = 0, delayed = 0, running = 0 } = this.#table?.stats() ?? {};
    return { queued: queued + this.#marks.size, delayed, running, capacity: this.#capacity };
  }

  /** What is not in the table yet. */
  list() {
    return this.#marks.jobs().map((job) => {
      return { key: job.key, job, state: 'queued', enqueuedAt: this.#acceptedAt.get(job) };
    });
  }
}

module.exports = { Entrance };
