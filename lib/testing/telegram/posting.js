'use strict';

const { flag, mediaIn, useFault } = require('./sending');

const WITHOUT_CAPTION = new Set(['sticker', 'video_note']);

/**
 * Makes a message out of prepared media and puts it on record.
 *
 * @param {object} call the call of the method
 * @param {object} chat
 * @param {string} wanted the kind that was asked for
 * @param {Map<string, unknown>} params caption and flags
 * @param {{ fields: object, upload: object, from: string, url?: string }} prepared
 * @param {{ media_group_id?: string }} [more] further fields of the message
 */
function postMedia(call, chat, wanted, params, { fields, upload, from, url }, more = {}) {
  const message = newMessage(call, chat, { ...more, ...weakened(call, fields, upload.kind) });
  const caption = params.get('caption');
  if (caption !== undefined && caption !== '' && !WITHOUT_CAPTION.has(wanted)) {
    message.caption = String(caption);
    if (flag(params.get('show_caption_above_media'))) message.show_caption_above_media = true;
  }
  if (flag(params.get('has_spoiler'))) message.has_media_spoiler = true;
  const ids = mediaIn(fields, upload.kind);
  const { kind, sha256, bytes, fileName, contentType, width, height, duration, declared } = upload;
  record(
    call,
    message,
    { fields, upload },
    {
      kind,
      sha256,
      bytes,
      fileName,
      contentType,
      fileId: ids.file_id,
      fileUniqueId: ids.file_unique_id,
      width,
      height,
      duration,
      declared,
      caption: message.caption,
      from,
      url,
      reused: from === 'file_id' || from === 'copy',
      mediaGroupId: more.media_group_id,
    },
  );
  // What issued() tells: where an id was first seen.
  upload.chatId ??= String(chat.id);
  upload.messageId ??= message.message_id;
  return message;
}

function postText(call, chat, text) {
  const message = newMessage(call, chat, { text });
  record(call, message, { fields: { text } }, { kind: 'text', text, bytes: Buffer.byteLength(text) });
  return message;
}

/** The ids as a client with bad luck gets them: the record keeps the true ones. */
function weakened(call, fields, kind) {
  const fault = useFault(call, (one) => one.kind === 'uniqueId');
  if (!fault) return fields;
  const copy = structuredClone(fields);
  for (const media of [copy[kind], copy.document].flat()) {
    if (media === undefined) continue;
    if (fault.uniqueId === 'weak') media.file_unique_id = media.file_unique_id.slice(0, 8);
    else delete media.file_unique_id;
  }
  return copy;
}

function newMessage({ room, bot, body }, chat, content) {
  const message = {
    message_id: room.bots.nextMessageId(bot, String(chat.id)),
    // A channel speaks for itself: the bot is not named.
    ...(chat.type === 'channel' ? { sender_chat: chat } : { from: bot.user }),
    chat,
    date: Math.floor(Date.now() / 1000),
    ...content,
  };
  if (flag(body.params.get('protect_content'))) message.has_protected_content = true;
  return message;
}

function record({ room, bot, entry }, message, parts, facts) {
  const line = {
    seq: entry.seq,
    at: entry.at,
    botId: entry.botId,
    method: entry.method,
    chatId: String(message.chat.id),
    messageId: message.message_id,
    ...facts,
  };
  room.received.add(line);
  room.messages.add(bot, message, { ...parts, record: line });
}

module.exports = { postMedia, postText };
