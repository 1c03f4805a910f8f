'use strict';

const { REDIRECT } = require('../faults/recipes');

/** A refusal that comes once the request was read; nothing has happened. */
const refused = (status, description, parameters) => ({
  kind: 'status',
  status,
  body: { ok: false, error_code: status, description, parameters },
});
const bad = (text) => refused(400, `Bad Request: ${text}`);
const forbidden = (text) => refused(403, `Forbidden: ${text}`);
/** Status 200 with something in it that is no right answer; the message exists. */
const odd = (body) => ({ kind: 'status', status: 200, at: 'answer', body });

/**
 * Every answer of Telegram that a client has to live with, by name. The texts are those of Telegram's server
 * (tdlib/telegram-bot-api) and of reports in public threads.
 *
 * Any field of a fault beside the name is the user's and wins, `retryAfter` and `ms` for example.
 */
const NAMES = {
  flood: { kind: 'status', status: 429, retryAfter: 1 },
  'flood-of-chat': { kind: 'flood', scope: 'chat', retryAfter: 1 },
  'flood-of-bot': { kind: 'flood', scope: 'bot', retryAfter: 1 },
  'flood-in-text-only': refused(429, 'Too Many Requests: retry after 1'),
  'flood-without-time': refused(429, 'Too Many Requests'),
  'flood-in-album': { kind: 'albumFlood', retryAfter: 8 },

  'chat-not-found': bad('chat not found'),
  'not-enough-rights': bad('not enough rights to send photos to the chat'),
  'photo-invalid-dimensions': bad('PHOTO_INVALID_DIMENSIONS'),
  'image-process-failed': bad('IMAGE_PROCESS_FAILED'),
  'wrong-file-id': bad('wrong file identifier/HTTP URL specified'),
  'wrong-remote-file-id': bad('wrong remote file identifier specified: Wrong padding in the string'),
  'file-unavailable': bad('wrong file_id or the file is temporarily unavailable'),
  'invalid-file-id': bad('invalid file_id'),
  'url-content-failed': bad('failed to get HTTP URL content'),
  'url-wrong-type': bad('wrong type of the web page content'),
  'webpage-curl-failed': bad('WEBPAGE_CURL_FAILED'),
  'webpage-media-empty': bad('WEBPAGE_MEDIA_EMPTY'),
  'file-too-big': bad('file is too big'),
  migrate: { kind: 'migrate' },

  unauthorized: refused(401, 'Unauthorized'),
  blocked: forbidden('bot was blocked by the user'),
  kicked: forbidden('bot was kicked from the supergroup chat'),
  deactivated: forbidden('user is deactivated'),
  'not-a-member': forbidden('bot is not a member of the channel chat'),
  'group-deleted': forbidden('the group chat was deleted'),
  'not-found': refused(404, 'Not Found'),
  'method-not-found': refused(404, 'Not Found: method not found'),
  conflict: refused(409, 'Conflict: terminated by other getUpdates request'),
  'too-large': refused(413, 'Request Entity Too Large'),
  misdirected: refused(421, 'Misdirected Request: unallowed token specified'),

  internal: refused(500, 'Internal Server Error'),
  restart: refused(500, 'Internal Server Error: restart'),
  'internal-html': { kind: 'status', status: 500, html: true },
  'bad-gateway': { kind: 'status', status: 502, html: true },
  'bad-gateway-after-effect': { kind: 'status', status: 502, html: true, at: 'answer' },
  'gateway-timeout': { kind: 'status', status: 504, html: true, at: 'answer' },

  'reset-before-body': { kind: 'reset', at: 'head' },
  'reset-mid-body': { kind: 'cutAfterBytes', side: 'request', fraction: 0.5, reset: true },
  'reset-after-body': { kind: 'reset', at: 'body' },
  'reset-after-effect': { kind: 'reset', at: 'answer' },
  stall: { kind: 'stallBeforeHead' },
  'stall-after-effect': { kind: 'stallBeforeHead', at: 'answer' },
  slow: { kind: 'delay', ms: 1000 },
  trickle: { kind: 'trickle', bytesPerSecond: 1000 },
  truncated: { kind: 'truncate', fraction: 0.5 },

  empty: { kind: 'emptyBody' },
  'malformed-json': { kind: 'malformedJson' },
  'deep-json': odd(`{"ok":true,"result":${'['.repeat(5000)}${']'.repeat(5000)}}`),
  'ok-missing': odd({ result: { message_id: 1 } }),
  'wrong-types': odd({ ok: 'yes', result: { message_id: 'one', photo: {} } }),
  redirect: { ...REDIRECT, status: 302 },
  'gzip-bomb': { kind: 'gzipBomb' },

  'as-animation': { kind: 'changeKind', as: 'animation' },
  'as-document': { kind: 'changeKind', as: 'document' },
  'as-video': { kind: 'changeKind', as: 'video' },
  'missing-unique-id': { kind: 'uniqueId', uniqueId: 'missing' },
  'weak-unique-id': { kind: 'uniqueId', uniqueId: 'weak' },
};

module.exports = { NAMES };
