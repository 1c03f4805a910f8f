'use strict';

/** Accepted messages that can still be copied or deleted: the newest `limit`, so that a long run does not fill memory. */
class MessageStore {
  #byKey = new Map();
  /** The keys in the order they came, as a ring: the first of a Map is not found quickly when many before it are gone. */
  #ring = [];
  #at = 0;
  #limit;

  /** @param {number} limit */
  constructor(limit) {
    this.#limit = limit;
  }

  /**
   * @param {object} bot
   * @param {object} message as it was answered
   * @param {{ fields: object, upload?: object, record: object }} parts its media, what is known of the file, the line in `received`
   */
  add(bot, message, parts) {
    const key = keyOf(bot, message.chat, message.message_id);
    this.#byKey.delete(this.#ring[this.#at]);
    this.#byKey.set(key, { message, ...parts });
    this.#ring[this.#at] = key;
    this.#at = (this.#at + 1) % this.#limit;
  }

  find(bot, chat, messageId) {
    return this.#byKey.get(keyOf(bot, chat, messageId));
  }

  /** Whether there was one to delete. */
  delete(bot, chat, messageId) {
    const found = this.find(bot, chat, messageId);
    if (!found) return false;
    found.record.deletedAt = Date.now();
    return this.#byKey.delete(keyOf(bot, chat, messageId));
  }

  clear() {
    this.#byKey.clear();
    this.#ring = [];
    this.#at = 0;
  }
}

const keyOf = (bot, chat, messageId) => `${bot.id}/${chat.id}/${messageId}`;

module.exports = { MessageStore };
