'use strict';

const { WarmpathError, databaseError } = require('../errors.js');
const { fieldsFit } = require('../options/job.js');
const { quote } = require('../sql/names.js');

/** The default lookup, on the app's table `bots`. */
function botsFromPool(pool, { tokenColumn = 'token' } = {}) {
  const select = `SELECT ${quote(tokenColumn)} AS token, warmup_chat_id FROM bots WHERE slug = $1 AND deleted_at IS NULL`;
  return async (slug) => {
    const { rows } = await pool.query(select, [slug]);
    if (rows.length === 0) return null;
    const { token, warmup_chat_id: chatId } = rows[0];
    return { token, chatIds: chatId === null || chatId === undefined ? [] : [chatId] };
  };
}

/**
 * Looks bots up by slug: one lookup at a time per slug, results kept for `ttlMs`, absences shortly. A lookup that fails
 * is not an absence: it throws ERR_WARMPATH_DATABASE (transient) and is not kept.
 */
class Bots {
  #resolve;
  #ttlMs;
  #negativeTtlMs;
  #max;
  #now;
  #known = new Map();
  #pending = new Map();
  // Groups that became supergroups, by the bot that was told: slug, then old id to new.
  #moved = new Map();

  /**
   * @param {(slug: string) => Promise<{ token: string, chatIds: (string | number)[] } | null>} resolve
   * @param {{ ttlMs?: number, negativeTtlMs?: number, max?: number, now?: () => number }} [options] max: entries kept
   */
  constructor(resolve, { ttlMs = 300_000, negativeTtlMs = 10_000, max = 10_000, now = () => performance.now() } = {}) {
    this.#resolve = resolve;
    this.#ttlMs = ttlMs;
    this.#negativeTtlMs = negativeTtlMs;
    this.#max = max;
    this.#now = now;
  }

  /**
   * @returns {Promise<{ token: string, chatIds: string[] }>}
   * @throws {WarmpathError} ERR_WARMPATH_BOT_NOT_FOUND, ERR_WARMPATH_BOT_TOKEN_NOT_SET, ERR_WARMPATH_WARMUP_CHAT_NOT_SET,
   *   ERR_WARMPATH_DATABASE
   */
  async get(slug) {
    const known = this.#known.get(slug);
    const entry =
      known !== undefined && known.until > this.#now() ? known : await (this.#pending.get(slug) ?? this.#lookUp(slug));
    return this.#atNewChats(slug, unwrap(entry));
  }

  /** The app may not have written the new id down yet. */
  #atNewChats(slug, bot) {
    const moved = this.#moved.get(slug);
    if (moved === undefined) return bot;
    return { ...bot, chatIds: bot.chatIds.map((id) => moved.get(id) ?? id) };
  }

  /**
   * A chat of this bot has a new id.
   *
   * @returns {boolean} whether that is news
   */
  migrate(slug, from, to) {
    const moved = this.#moved.get(slug) ?? new Map();
    if (moved.get(from) === to) return false;
    moved.set(from, to);
    this.#moved.set(slug, moved);
    return true;
  }

  #lookUp(slug) {
    // An invalidation takes the lookup out of #pending: it still answers those who wait for it, but is not kept.
    const current = () => this.#pending.get(slug) === lookup;
    const lookup = this.#ask(slug)
      .then((entry) => {
        if (current()) this.#keep(slug, entry);
        return entry;
      })
      .finally(() => {
        if (current()) this.#pending.delete(slug);
      });
    this.#pending.set(slug, lookup);
    return lookup;
  }

  async #ask(slug) {
    let bot;
    try {
      bot = await this.#resolve(slug);
    } catch (err) {
      throw databaseError('looking up the bot', err);
    }
    const entry = check(slug, bot);
    entry.until = this.#now() + (entry.error ? this.#negativeTtlMs : this.#ttlMs);
    return entry;
  }

  #keep(slug, entry) {
    this.#known.delete(slug);
    this.#known.set(slug, entry);
    if (this.#known.size > this.#max) this.#known.delete(this.#known.keys().next().value);
  }

  /** Forgets a bot: its token or chat was refused, so the next job asks again. */
  invalidate(slug) {
    this.#known.delete(slug);
    this.#pending.delete(slug);
  }
}

function unwrap({ bot, error }) {
  // A fresh error for each job: one instance must not travel through several stacks.
  if (error) throw new WarmpathError(error.code, error.message);
  return bot;
}

function check(slug, bot) {
  const no = (code, message) => ({ error: { code, message } });
  if (bot === null || bot === undefined) return no('ERR_WARMPATH_BOT_NOT_FOUND', `no bot with the slug ${slug}`);
  const { token } = bot;
  const chatIds = Array.isArray(bot.chatIds) ? bot.chatIds : [];
  if (token === null || token === undefined || token === '') {
    return no('ERR_WARMPATH_BOT_TOKEN_NOT_SET', `the bot ${slug} has no token`);
  }
  if (!fieldsFit({ token })) {
    return no('ERR_WARMPATH_BOT_TOKEN_NOT_SET', `the token of the bot ${slug} does not have the form 123456:ABC`);
  }
  if (chatIds.length === 0) return no('ERR_WARMPATH_WARMUP_CHAT_NOT_SET', `the bot ${slug} has no warm-up chat`);
  if (!fieldsFit({ chatIds })) {
    return no('ERR_WARMPATH_WARMUP_CHAT_NOT_SET', `the warm-up chat of the bot ${slug} is not a chat id`);
  }
  return { bot: { token, chatIds: chatIds.map(String) } };
}

module.exports = { Bots, botsFromPool };
