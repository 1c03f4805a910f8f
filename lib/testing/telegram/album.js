'use strict';

const { randomBytes } = require('node:crypto');
const { BotApiRefusal, badRequest } = require('./errors');
const { postMedia } = require('./posting');
const { prepare, useFault } = require('./sending');

const MIN_ITEMS = 2;
const MAX_ITEMS = 10;
const KINDS_OF_ITEMS = new Set(['photo', 'video', 'audio', 'document']);
/** Kinds that stay among themselves; photos and videos mix. */
const ALONE = ['audio', 'document'];

/** The items of a request, as they were written; an empty list where there is none to read. */
function itemsOf(body) {
  const given = body.params.get('media');
  if (Array.isArray(given)) return given;
  try {
    const parsed = JSON.parse(given);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/**
 * sendMediaGroup: all items or none, unless the fault `flood-in-album` stops it halfway.
 * https://core.telegram.org/bots/api#sendmediagroup
 */
async function sendMediaGroup(call) {
  const { room, bot, body, ticket } = call;
  const items = readItems(body);
  const chat = room.bots.chat(bot, body.params.get('chat_id'));
  room.limiter.admit(ticket, chat, items.length);
  const ready = [];
  for (const { kind, params } of items) {
    // In an album a document is sent as it is.
    const prepared = await prepare(call, kind, params, { field: 'media', direct: false, asIs: true });
    if (prepared.upload.kind !== kind) {
      throw badRequest("can't use the media of the specified type in the album");
    }
    ready.push({ kind, params, prepared });
  }
  const flood = useFault(call, (fault) => fault.kind === 'albumFlood');
  const delivered = flood ? Math.min(flood.delivered ?? items.length >> 1, items.length - 1) : items.length;
  const more = { media_group_id: randomBytes(6).readUIntBE(0, 6).toString().padStart(17, '1') };
  const messages = ready
    .slice(0, delivered)
    .map(({ kind, params, prepared }) => postMedia(call, chat, kind, params, prepared, more));
  if (flood) {
    const inner = `Too Many Requests: retry after ${flood.retryAfter ?? 8}`;
    // In disguise: status 400, no parameters, and some of it is there already.
    throw new BotApiRefusal(
      400,
      `Bad Request: failed to send message #${delivered + 1} with the error message "${inner}"`,
    );
  }
  return messages;
}

function readItems(body) {
  const given = body.params.get('media');
  if (given === undefined || given === '') throw badRequest('parameter "media" is required');
  let list = given;
  if (typeof given === 'string') {
    try {
      list = JSON.parse(given);
    } catch {
      throw badRequest("can't parse media JSON object");
    }
  }
  if (!Array.isArray(list)) throw badRequest('expected an Array of InputMedia');
  const items = list.map(readItem);
  if (items.length > MAX_ITEMS) throw badRequest('too many messages to send as an album');
  if (items.length < MIN_ITEMS) throw badRequest('too few messages to send as an album');
  const kinds = new Set(items.map(({ kind }) => kind));
  const alone = ALONE.find((kind) => kinds.has(kind));
  if (alone && kinds.size > 1) throw badRequest(`${alone} can't be mixed with other media types`);
  return items;
}

function readItem(item) {
  const wrong = (text) => badRequest(`can't parse InputMedia: ${text}`);
  if (item === null || typeof item !== 'object') throw wrong('expected an Object');
  const { type, media } = item;
  if (typeof type !== 'string') throw wrong('can\'t find field "type"');
  if (type === 'animation') throw wrong('type "animation" can\'t be used in sendMediaGroup');
  if (!KINDS_OF_ITEMS.has(type)) throw wrong(`type "${type}" is unsupported`);
  if (typeof media !== 'string' || media === '') throw wrong('media not found');
  return { kind: type, params: new Map(Object.entries(item)) };
}

module.exports = { sendMediaGroup, itemsOf };
