'use strict';

const { databaseError } = require('../errors.js');
const { MediaCache } = require('../store/media-cache.js');
const { botsFromPool } = require('../worker/bots.js');

/**
 * The worker's bot lookup from the app's own services; what the app does not bring is read from the table `bots`.
 *
 * @param {object} pool
 * @param {{ getTokenBySlug?: Function, getWarmupChatId?: Function }} services
 */
function botLookup(pool, { getTokenBySlug, getWarmupChatId }) {
  const fromTable = botsFromPool(pool);
  return async (slug) => {
    const needsTable = getTokenBySlug === undefined || getWarmupChatId === undefined;
    const row = needsTable ? await fromTable(slug) : {};
    if (row === null) return null;
    const token = getTokenBySlug === undefined ? row.token : await getTokenBySlug(pool, slug);
    if (getWarmupChatId === undefined) return { token, chatIds: row.chatIds };
    const chatId = await getWarmupChatId(pool, slug);
    return { token, chatIds: chatId === null || chatId === undefined ? [] : [chatId] };
  };
}

/** The worker's recorder on top of the app's own services; what the app does not bring goes to `media_cache`. */
class ServiceRecorder {
  #pool;
  #services;
  #marks;
  #table;
  // One call per record: when a later one fails the batch is repeated, but not the calls that were through.
  #written = new WeakSet();

  /** @param {{ forget(jobs: object[]): Promise<void> }} [marks] is told of every job whose failure is written */
  constructor(pool, services, marks) {
    this.#pool = pool;
    this.#services = services;
    this.#marks = marks;
    this.#table = new MediaCache(pool);
  }

  async saveReady(records) {
    const { updateCacheWithFileId: save } = this.#services;
    if (save === undefined) return this.#table.saveReady(records);
    await this.#each(records, 'updateCacheWithFileId', ({ job, value }) =>
      save(this.#pool, job.botSlug, job.sha256, job.kind, {
        file_id: value.fileId,
        file_unique_id: value.fileUniqueId,
        warmup_chat_id: value.chatId,
        warmup_message_id: value.messageId,
      }),
    );
  }

  async saveError(records) {
    await this.#marks?.forget(records.map(({ job }) => job));
    const { markCacheError: save } = this.#services;
    if (save === undefined) return this.#table.saveError(records);
    await this.#each(records, 'markCacheError', ({ job, error }) =>
      save(this.#pool, job.botSlug, job.sha256, job.kind, `${error.code}: ${error.message}`),
    );
  }

  async #each(records, name, call) {
    for (const record of records) {
      const mark = record.value ?? record.error;
      if (this.#written.has(mark)) continue;
      try {
        await call(record);
      } catch (err) {
        throw databaseError(name, err);
      }
      this.#written.add(mark);
    }
  }

  invalidate(fileId) {
    return this.#table.invalidate(fileId);
  }

  recover(options) {
    return this.#table.recover(options);
  }

  /**
   * Makes sure the jobs have their `warming` row. An app with its own recording owns its rows, so nothing is written then.
   *
   * @returns {Promise<Set<string>>} as MediaCache.markWarming()
   */
  async markWarming(jobs) {
    const { updateCacheWithFileId, markCacheError } = this.#services;
    if (jobs.length === 0 || updateCacheWithFileId !== undefined || markCacheError !== undefined) return new Set();
    return this.#table.markWarming(jobs);
  }
}

module.exports = { botLookup, ServiceRecorder };
