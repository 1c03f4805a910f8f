'use strict';

const { itemsOf, sendMediaGroup } = require('./album');
const { badRequest } = require('./errors');
const { KIND_OF_METHOD, KINDS } = require('./kinds');
const { postMedia, postText } = require('./posting');
const { prepare } = require('./sending');
const { copyMessage, deleteMessage, deleteMessages, getChat } = require('./upkeep');

const MAX_TEXT = 4096;

const one = () => 1;

/**
 * The methods of the Bot API the sandbox knows, by lower-case name (Telegram's own names are case-insensitive).
 *
 * `run` gets `{ room, bot, body, entry, ticket, faults }` and returns the `result`, or throws a BotApiRefusal; `sends` is the
 * number of messages that the request wants to send, 0 where it is missing.
 *
 * @type {Map<string, { run: (call: object) => any, sends?: (body: object) => number }>}
 */
const METHODS = new Map(
  Object.entries({
    getme: { run: getMe },
    getchat: { run: getChat },
    getfile: { run: getFile },
    sendmessage: { run: sendMessage, sends: one },
    sendmediagroup: { run: sendMediaGroup, sends: (body) => itemsOf(body).length },
    copymessage: { run: copyMessage, sends: one },
    deletemessage: { run: deleteMessage },
    deletemessages: { run: deleteMessages },
  }),
);
for (const [name, kind] of KIND_OF_METHOD) METHODS.set(name, { run: (call) => sendMedia(call, kind), sends: one });

function getMe({ bot }) {
  return {
    ...bot.user,
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
  };
}

async function sendMedia(call, wanted) {
  const { room, bot, body, ticket } = call;
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  room.limiter.admit(ticket, chat);
  const { field } = KINDS[wanted];
  const prepared = await prepare(call, wanted, body.params, { field, direct: true });
  return postMedia(call, chat, wanted, body.params, prepared);
}

function sendMessage(call) {
  const { room, bot, body, ticket } = call;
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  const text = String(body.params.get('text') ?? '');
  if (text.trim() === '') throw badRequest('message text is empty');
  if (text.length > MAX_TEXT) throw badRequest('message is too long');
  room.limiter.admit(ticket, chat);
  return postText(call, chat, text);
}

function getFile({ room, bot, body }) {
  const record = room.files.find(bot.id, String(body.params.get('file_id') ?? ''));
  if (!record) throw badRequest('invalid file_id');
  const { content } = record;
  if (content.size > room.options.maxDownloadBytes) throw badRequest('file is too big');
  const found = { file_id: record.fileId, file_unique_id: record.fileUniqueId, file_size: content.size };
  if (!content.data && !content.file) return found;
  // A local server shares its disk with the client, and serves no downloads.
  return { ...found, file_path: room.options.local ? content.file : room.files.pathOf(record) };
}

module.exports = { METHODS };
