'use strict';

const { autoRetry } = require('@grammyjs/auto-retry');
const grammy = require('grammy');
const ntba = require('node-telegram-bot-api');
const telegraf = require('telegraf');

const methodOf = (kind) => `send${kind[0].toUpperCase()}${kind.slice(1)}`;

/**
 * The clients that users have, behind one small face. `retries`: it waits out a 429 by itself.
 *
 * `send(chat, kind, media, more)`: media is text (URL or file_id) or `{ bytes, name }`. `album(chat, items)`: each
 * `{ type, media }`. `refusal(error)`: what the client tells of one, or undefined for an error of another sort.
 */
const CLIENTS = {
  grammY(token, apiRoot) {
    const { api } = new grammy.Bot(token, { client: { apiRoot } });
    const input = (media) => (typeof media === 'string' ? media : new grammy.InputFile(media.bytes, media.name));
    return {
      send: (chat, kind, media, more) => api[methodOf(kind)](chat, input(media), more),
      text: (chat, words) => api.sendMessage(chat, words),
      album: (chat, items) =>
        api.sendMediaGroup(
          chat,
          items.map((one) => ({ ...one, media: input(one.media) })),
        ),
      getFile: (id) => api.getFile(id),
      copy: (to, from, id) => api.copyMessage(to, from, id),
      deleteMany: (chat, ids) => api.deleteMessages(chat, ids),
      refusal: (error) => error instanceof grammy.GrammyError && { code: error.error_code, ...error },
    };
  },
  'grammY with auto-retry'(token, apiRoot) {
    const { api } = new grammy.Bot(token, { client: { apiRoot } });
    api.config.use(autoRetry());
    return { retries: true, text: (chat, words) => api.sendMessage(chat, words) };
  },
  telegraf(token, apiRoot) {
    const { telegram } = new telegraf.Telegraf(token, { telegram: { apiRoot } });
    const input = (media) => (typeof media === 'string' ? media : { source: media.bytes, filename: media.name });
    return {
      send: (chat, kind, media, more) => telegram[methodOf(kind)](chat, input(media), more),
      text: (chat, words) => telegram.sendMessage(chat, words),
      album: (chat, items) =>
        telegram.sendMediaGroup(
          chat,
          items.map((one) => ({ ...one, media: input(one.media) })),
        ),
      getFile: (id) => telegram.getFile(id),
      copy: (to, from, id) => telegram.copyMessage(to, from, id),
      deleteMany: (chat, message_ids) => telegram.callApi('deleteMessages', { chat_id: chat, message_ids }),
      refusal: (error) =>
        error instanceof telegraf.TelegramError && {
          code: error.code,
          parameters: error.parameters,
          ...error.response,
        },
    };
  },
  'node-telegram-bot-api'(token, apiRoot) {
    const api = new ntba.Api(token, { apiRoot });
    const input = (media) =>
      typeof media === 'string' ? media : new ntba.InputFile(media.bytes, { filename: media.name });
    return {
      retries: true,
      send: (chat, kind, media, more) => api[methodOf(kind)]({ chat_id: chat, [kind]: input(media), ...more }),
      text: (chat, text) => api.sendMessage({ chat_id: chat, text }),
      album: (chat, items) =>
        api.sendMediaGroup({ chat_id: chat, media: items.map((one) => ({ ...one, media: input(one.media) })) }),
      getFile: (file_id) => api.getFile({ file_id }),
      copy: (to, from, id) => api.copyMessage({ chat_id: to, from_chat_id: from, message_id: id }),
      deleteMany: (chat, message_ids) => api.deleteMessages({ chat_id: chat, message_ids }),
      refusal: (error) =>
        error instanceof ntba.TelegramApiError && {
          code: error.errorCode,
          description: error.description,
          parameters: error.parameters,
        },
    };
  },
};

module.exports = { CLIENTS };
