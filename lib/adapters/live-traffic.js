'use strict';

const { WarmpathError } = require('../errors.js');

// What puts a message into a chat. Edits and deletions are not counted; a 429 on them is reported like any other.
const SENDS = /^(?!sendChatAction$|sendMessageDraft$)(send|forward|copy)[A-Z]/;

const invalid = (what) => new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', what);

/**
 * Tells an executor of every message a live bot sends and of every 429 it gets. It only watches: no call is delayed,
 * changed or repeated, and a report that fails is dropped, because a bot must not stop answering for our statistics.
 */
class LiveTraffic {
  #report;
  #token;

  /**
   * @param {{ report: (live: object) => unknown }} executor
   * @param {string} token of the bot
   * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
   */
  constructor(executor, token) {
    if (typeof executor?.report !== 'function') throw invalid('executor must be an object with the method report()');
    if (typeof token !== 'string' || !/^\d+:/.test(token))
      throw invalid('token must be a bot token of the form 123456:ABC');
    this.#report = (live) => executor.report(live);
    this.#token = token;
  }

  #tell(live) {
    try {
      this.#report({ token: this.#token, ...live });
    } catch {
      // A chat id of a form that is not ours to judge.
    }
  }

  /** A call begins: its messages are booked before they are sent, so that warm-up yields to them and not they to it. */
  sends(method, payload) {
    const chatId = payload?.chat_id;
    if (!SENDS.test(method) || chatId === undefined || chatId === null) return;
    const { media, message_ids: ids } = payload;
    // An album counts as its messages.
    const messages = Array.isArray(ids)
      ? ids.length
      : method === 'sendMediaGroup' && Array.isArray(media)
        ? media.length
        : 1;
    for (let i = 0; i < messages; i++) this.#tell({ chatId });
  }

  /** It was refused with a 429, or with a 400 that hides one (albums: "… Too Many Requests: retry after 8"). */
  refused(payload, code, description, parameters) {
    const hidden = /too many requests: retry after (\d+)/i.exec(String(description ?? ''));
    if (code !== 429 && hidden === null) return;
    const seconds = Number(parameters?.retry_after ?? hidden?.[1] ?? 1);
    const retryAfterMs = Math.min(Math.max(0, Math.ceil(seconds * 1000)) || 0, 2 ** 31 - 1);
    this.#tell({ chatId: payload?.chat_id ?? undefined, retryAfterMs });
  }
}

module.exports = { LiveTraffic };
