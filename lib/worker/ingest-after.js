'use strict';

const { WarmpathError } = require('../errors.js');

/**
 * What has to happen with a stored media before its job is done: the app's own `record`, and the prewarm of the same bytes. It
 * is the recorder of the worker's outbox: a step that fails is repeated (with a backoff, up to 30 s) and the job stays claimed
 * meanwhile, so nothing is downloaded again, and a process that dies in between leaves a job that runs again. Both steps
 * may see a media twice for that reason; a prewarm is known by its key.
 */
class IngestAfter {
  #record;
  #prewarm;
  #onError;
  // Steps that are through; when a later one fails the batch is repeated, but not these.
  #recorded = new WeakSet();
  #warmed = new WeakSet();

  /** @param {object} parts record(stored[]) | undefined; prewarm: { enqueueMany } | undefined; onError(err) */
  constructor({ record, prewarm, onError }) {
    this.#record = record;
    this.#prewarm = prewarm;
    this.#onError = onError;
  }

  async saveReady(records) {
    const open = records.filter(({ value }) => !this.#recorded.has(value));
    if (open.length > 0 && this.#record !== undefined) {
      await this.#call(open.map(({ job, value }) => ({ key: job.key, session: job.session, meta: job.meta, value })));
    }
    for (const { value } of open) this.#recorded.add(value);
    await this.#warm(records.filter(({ value }) => !this.#warmed.has(value)));
  }

  async #call(stored) {
    try {
      await this.#record(stored);
    } catch (cause) {
      throw new WarmpathError('ERR_WARMPATH_DATABASE', 'record() failed', { cause, phase: 'settle' });
    }
  }

  async #warm(records) {
    if (this.#prewarm === undefined) return;
    const jobs = records.flatMap(prewarmJobs);
    if (jobs.length > 0) {
      const statuses = await this.#enqueue(jobs);
      if (statuses.includes('full')) {
        throw new WarmpathError('ERR_WARMPATH_QUEUE_FULL', 'the prewarm queue is full', { class: 'transient' });
      }
    }
    for (const { value } of records) this.#warmed.add(value);
  }

  async #enqueue(jobs) {
    try {
      return await this.#prewarm.enqueueMany(jobs);
    } catch (err) {
      if (err?.code !== 'ERR_WARMPATH_INVALID_JOB') throw err;
      if (jobs.length > 1) {
        // One that can never be enqueued must not hold up the others.
        const statuses = [];
        for (const job of jobs) statuses.push(...(await this.#enqueue([job])));
        return statuses;
      }
      this.#onError(err);
      return [];
    }
  }

  /** The store has the failure already. */
  saveError() {}
}

/**
 * The prewarm of the bytes that were stored: from the bucket where they are there, else from the file. Nothing is downloaded
 * again, and what was found out about them goes along.
 */
function prewarmJobs({ job, value }) {
  const { r2Key, path } = value.location;
  const source = r2Key === undefined ? { path } : { r2Key };
  // The name as it was made harmless: where nothing was left of it, it has none.
  const { sha256, bytes, mime, width, height, duration, fileName } = value;
  const found = { fileName, contentType: mime, size: bytes, width, height, duration };
  return (job.prewarm ?? []).map((target) => {
    const one = { ...found, ...target, kind: target.kind ?? value.kind, sha256, ...source };
    return Object.fromEntries(Object.entries(one).filter(([, item]) => item !== undefined));
  });
}

module.exports = { IngestAfter };
