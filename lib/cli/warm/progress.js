'use strict';

const LOOK_BATCH = 5000;

const LOOK = `SELECT c.bot_slug, c.sha256, c.kind, c.status::text AS status, c.file_id, c.last_error
FROM unnest($1::text[], $2::text[], $3::text[]) AS i(bot_slug, sha256, kind) JOIN media_cache c USING (bot_slug, sha256, kind)
WHERE c.status <> 'warming'`;

const idOf = ({ botSlug, sha256, kind }) => `${kind}:${sha256}:${botSlug}`;

/** What has become of the media of one run. The table is asked, whoever works on it. */
class Progress {
  #pool;
  #open = new Map();
  #ended = new Map();

  constructor(pool) {
    this.#pool = pool;
  }

  /** Jobs that were enqueued; a job twice counts once. */
  add(jobs) {
    for (const { botSlug, sha256, kind } of jobs) {
      const job = { botSlug, sha256, kind };
      if (!this.#ended.has(idOf(job))) this.#open.set(idOf(job), job);
    }
  }

  get total() {
    return this.#open.size + this.#ended.size;
  }

  get done() {
    return this.#ended.size;
  }

  get ready() {
    return [...this.#ended.values()].filter(({ status }) => status === 'ready').length;
  }

  get failed() {
    return this.done - this.ready;
  }

  /** Asks the table. @returns {Promise<number>} how many are still open */
  async look() {
    const open = [...this.#open.values()];
    for (let at = 0; at < open.length; at += LOOK_BATCH) {
      const part = open.slice(at, at + LOOK_BATCH);
      const columns = ['botSlug', 'sha256', 'kind'].map((name) => part.map((job) => job[name]));
      for (const row of (await this.#pool.query(LOOK, columns)).rows) this.#end(row);
    }
    return this.#open.size;
  }

  #end({ bot_slug: botSlug, sha256, kind, status, file_id: fileId, last_error: error }) {
    const job = { botSlug, sha256, kind };
    this.#open.delete(idOf(job));
    this.#ended.set(idOf(job), { ...job, status, ...(status === 'ready' ? { fileId } : { error }) });
  }

  /** What has ended, the failed first. */
  rows() {
    return [...this.#ended.values()].sort((a, b) => a.status.localeCompare(b.status));
  }
}

module.exports = { Progress };
