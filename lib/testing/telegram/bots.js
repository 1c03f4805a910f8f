'use strict';

const { timingSafeEqual, createHash } = require('node:crypto');
const { invalidOption } = require('../options');
const { BotApiRefusal, badRequest } = require('./errors');

const digest = (text) => createHash('sha256').update(text).digest();

/** Who may call, and which chats each bot can reach. */
class BotRegistry {
  #byId = new Map();

  /**
   * @param {{ token: string, username?: string, firstName?: string, chats?: (string | number | object)[] }} spec
   * @returns {object} the bot, without its token
   */
  add(spec) {
    const match = /^(\d{1,16}):[\w-]+$/.exec(spec?.token ?? '');
    if (!match) throw invalidOption('a bot needs a token of the form 123456:letters');
    const id = Number(match[1]);
    const bot = {
      id,
      digest: digest(spec.token),
      user: {
        id,
        is_bot: true,
        first_name: spec.firstName ?? `Sandbox bot ${id}`,
        username: spec.username ?? `sandbox_${id}_bot`,
      },
      chats: new Map(),
      /** Without a list every well-formed chat id is accepted. */
      open: spec.chats === undefined,
      nextMessageId: new Map(),
    };
    this.#byId.set(id, bot);
    for (const chat of spec.chats ?? []) this.addChat(id, chat);
    return { id, username: bot.user.username };
  }

  /** @param {string | number | { id: string | number, type?: string, title?: string, migratedTo?: number, blocked?: boolean | string }} chat */
  addChat(botId, chat) {
    const bot = this.#byId.get(Number(botId));
    if (!bot) throw invalidOption(`there is no bot ${botId}`);
    const spec = typeof chat === 'object' && chat !== null ? chat : { id: chat };
    if (!/^(-?\d{1,16}|@\w+)$/.test(String(spec.id))) throw invalidOption('a chat needs an id: an integer or @name');
    bot.chats.set(String(spec.id), spec);
    const { migratedTo } = spec;
    if (migratedTo !== undefined && !bot.chats.has(String(migratedTo))) this.addChat(botId, migratedTo);
  }

  /**
   * Turns a group into a supergroup, for every bot that knows it: the old id is refused from now on, the new one works.
   *
   * @param {string | number} chatId
   * @param {string | number} [to] default: `-100` before the number, as Telegram's ids look
   * @returns {number} the new id
   */
  migrate(chatId, to = `-100${String(chatId).replace('-', '').padStart(10, '0')}`) {
    for (const bot of this.#byId.values()) {
      const known = bot.chats.get(String(chatId));
      if (known || bot.open) this.addChat(bot.id, { ...known, id: chatId, migratedTo: Number(to) });
    }
    return Number(to);
  }

  /** The bot with this id, or the only one. */
  byId(botId) {
    const bot =
      botId === undefined && this.#byId.size === 1 ? [...this.#byId.values()][0] : this.#byId.get(Number(botId));
    if (!bot) throw invalidOption(botId === undefined ? 'say which bot by botId' : `there is no bot ${botId}`);
    return bot;
  }

  list() {
    return [...this.#byId.values()].map((bot) => ({ ...bot.user, chats: bot.open ? null : [...bot.chats.keys()] }));
  }

  /** The bot of a token, or a 401. */
  authenticate(token) {
    const bot = this.#byId.get(Number(/^(\d{1,16}):/.exec(token)?.[1] ?? Number.NaN));
    if (!bot || !timingSafeEqual(bot.digest, digest(token))) throw new BotApiRefusal(401, 'Unauthorized');
    return bot;
  }

  /** The Chat object for a chat_id, or the refusal Telegram would send. */
  chat(bot, chatId) {
    if (chatId === undefined || chatId === '') throw badRequest('chat_id is empty');
    const id = String(chatId).trim();
    const spec = bot.chats.get(id) ?? (bot.open && /^(-?[1-9]\d{0,15}|@\w{4,})$/.test(id) ? { id } : undefined);
    if (!spec) throw badRequest('chat not found');
    if (spec.migratedTo !== undefined) {
      throw badRequest('group chat was upgraded to a supergroup chat', { migrate_to_chat_id: Number(spec.migratedTo) });
    }
    const chat = describe(id, spec);
    if (spec.blocked) throw new BotApiRefusal(403, `Forbidden: ${whyForbidden(spec.blocked, chat.type)}`);
    return chat;
  }

  nextMessageId(bot, chatId) {
    const id = (bot.nextMessageId.get(chatId) ?? 0) + 1;
    bot.nextMessageId.set(chatId, id);
    return id;
  }

  reset() {
    for (const bot of this.#byId.values()) {
      bot.nextMessageId.clear();
    }
  }
}

function whyForbidden(blocked, type) {
  if (blocked === 'deactivated') return 'user is deactivated';
  if (blocked === 'deleted') return 'the group chat was deleted';
  if (blocked === 'left') return `bot is not a member of the ${type} chat`;
  return type === 'private' ? 'bot was blocked by the user' : `bot was kicked from the ${type} chat`;
}

function describe(id, spec) {
  if (id.startsWith('@')) {
    // A public name stands for a channel with an id of its own; the same name must give the same id.
    const number = -1_000_000_000_000 - digest(id).readUIntBE(0, 4);
    return { id: number, title: id.slice(1), username: id.slice(1), type: 'channel' };
  }
  const type = spec.type ?? (!id.startsWith('-') ? 'private' : id.startsWith('-100') ? 'supergroup' : 'group');
  if (type === 'private') return { id: Number(id), first_name: spec.title ?? `User ${id}`, type };
  return { id: Number(id), title: spec.title ?? `Chat ${id}`, type };
}

module.exports = { BotRegistry };
