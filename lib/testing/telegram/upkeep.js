'use strict';

const { badRequest } = require('./errors');
const { postMedia, postText } = require('./posting');

const MAX_DELETE = 100;

/** copyMessage: the same content in another chat, without a word on where it came from. */
function copyMessage(call) {
  const { room, bot, body, ticket } = call;
  const source = room.bots.chat(bot, body.params.get('from_chat_id'));
  const found = room.messages.find(bot, source, Number(body.params.get('message_id')));
  if (!found) throw badRequest('message to copy not found');
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  room.limiter.admit(ticket, chat);
  const { message, fields, upload } = found;
  if (!upload) return { message_id: postText(call, chat, message.text).message_id };
  const params = new Map(body.params);
  if (!params.has('caption') && message.caption !== undefined) params.set('caption', message.caption);
  const copied = postMedia(call, chat, upload.kind, params, { fields, upload, from: 'copy' });
  return { message_id: copied.message_id };
}

function deleteMessage({ room, bot, body }) {
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  const messageId = Number(body.params.get('message_id'));
  if (!messageId) throw badRequest('message identifier is not specified');
  if (!room.messages.delete(bot, chat, messageId)) throw badRequest('message to delete not found');
  return true;
}

/** Those that are not there are passed over, as Telegram does. */
function deleteMessages({ room, bot, body }) {
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  const given = body.params.get('message_ids');
  let ids = given;
  if (typeof given === 'string') {
    try {
      ids = JSON.parse(given);
    } catch {
      throw badRequest("can't parse message identifiers JSON object");
    }
  }
  if (!Array.isArray(ids) || ids.length === 0) throw badRequest('message identifiers are not specified');
  if (ids.length > MAX_DELETE) throw badRequest('too many message identifiers specified');
  for (const id of ids) room.messages.delete(bot, chat, Number(id));
  return true;
}

/** What a bot may know of a chat. The sandbox has no members and no pictures. */
function getChat({ room, bot, body }) {
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  const gifts = ['unlimited_gifts', 'limited_gifts', 'unique_gifts', 'premium_subscription', 'gifts_from_channels'];
  return {
    ...chat,
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: Object.fromEntries(gifts.map((name) => [name, false])),
  };
}

module.exports = { copyMessage, deleteMessage, deleteMessages, getChat };
