'use strict';

const { badRequest } = require('./errors');
const { KIND_OF_METHOD, KINDS } = require('./kinds');
const { flag, prepare } = require('./sending');

const MAX_TEXT = 4096;
const MAX_GET_FILE = 20 * 1024 * 1024;

/**
 * The methods of the Bot API the sandbox knows, by lower-case name (Telegram's own names are case-insensitive).
 * Each gets `{ bot, body, sandbox, entry }` and returns the `result`, or throws a BotApiRefusal.
 */
const METHODS = new Map([
  ['getme', getMe],
  ['sendmessage', sendMessage],
  ['getfile', getFile],
  ['deletemessage', deleteMessage],
  ...[...KIND_OF_METHOD].map(([name, kind]) => [name, (call) => sendMedia(call, kind)]),
]);

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

async function sendMedia({ bot, body, sandbox, entry }, wanted) {
  const chat = sandbox.bots.chat(bot, body.params.get('chat_id'));
  sandbox.limiter.admit(bot.id, chat.id);
  const { fields, upload, reused } = await prepare(sandbox, bot, wanted, body);
  const message = newMessage(sandbox, bot, chat, body, fields);
  const caption = body.params.get('caption');
  if (caption !== undefined && caption !== '' && wanted !== 'sticker' && wanted !== 'video_note') {
    message.caption = String(caption);
    if (flag(body.params.get('show_caption_above_media'))) message.show_caption_above_media = true;
  }
  if (flag(body.params.get('has_spoiler'))) message.has_media_spoiler = true;
  const sent = fields[KINDS[upload.kind].field];
  const ids = Array.isArray(sent) ? sent[sent.length - 1] : sent;
  sandbox.received.add({
    ...summary(entry, chat, message),
    kind: upload.kind,
    sha256: upload.sha256,
    bytes: upload.bytes,
    fileName: upload.fileName,
    contentType: upload.contentType,
    fileId: ids.file_id,
    fileUniqueId: ids.file_unique_id,
    width: upload.width,
    height: upload.height,
    duration: upload.duration,
    caption: message.caption,
    reused,
  });
  // What issued() tells: where an id was first seen.
  upload.chatId ??= String(chat.id);
  upload.messageId ??= message.message_id;
  return message;
}

function sendMessage({ bot, body, sandbox, entry }) {
  const chat = sandbox.bots.chat(bot, body.params.get('chat_id'));
  const text = String(body.params.get('text') ?? '');
  if (text.trim() === '') throw badRequest('message text is empty');
  if (text.length > MAX_TEXT) throw badRequest('message is too long');
  sandbox.limiter.admit(bot.id, chat.id);
  const message = newMessage(sandbox, bot, chat, body, { text });
  sandbox.received.add({ ...summary(entry, chat, message), kind: 'text', text, bytes: Buffer.byteLength(text) });
  return message;
}

function newMessage(sandbox, bot, chat, body, content) {
  const message = {
    message_id: sandbox.bots.nextMessageId(bot, String(chat.id)),
    // A channel speaks for itself: the bot is not named.
    ...(chat.type === 'channel' ? { sender_chat: chat } : { from: bot.user }),
    chat,
    date: Math.floor(Date.now() / 1000),
    ...content,
  };
  if (flag(body.params.get('protect_content'))) message.has_protected_content = true;
  return message;
}

const summary = (entry, chat, message) => ({
  seq: entry.seq,
  at: entry.at,
  botId: entry.botId,
  method: entry.method,
  chatId: String(chat.id),
  messageId: message.message_id,
});

function getFile({ bot, body, sandbox }) {
  const record = sandbox.files.find(bot.id, String(body.params.get('file_id') ?? ''));
  if (!record) throw badRequest('invalid file_id');
  const { content } = record;
  if (content.size > MAX_GET_FILE) throw badRequest('file is too big');
  const found = { file_id: record.fileId, file_unique_id: record.fileUniqueId, file_size: content.size };
  return content.data || content.file ? { ...found, file_path: sandbox.files.pathOf(record) } : found;
}

function deleteMessage({ bot, body, sandbox }) {
  const chat = sandbox.bots.chat(bot, body.params.get('chat_id'));
  const messageId = Number(body.params.get('message_id'));
  if (!bot.messages.delete(`${chat.id}/${messageId}`)) throw badRequest('message to delete not found');
  const sent = sandbox.received.find(
    (one) => one.botId === bot.id && one.chatId === String(chat.id) && one.messageId === messageId,
  );
  if (sent) sent.deletedAt = Date.now();
  return true;
}

module.exports = { METHODS };
