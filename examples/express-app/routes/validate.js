'use strict';

const { BadRequest } = require('../lib/errors');

const KINDS = ['photo', 'video', 'audio', 'voice', 'animation', 'document', 'sticker', 'video_note'];
const STATUSES = ['warming', 'ready', 'error'];

function matching(value, name, pattern, what) {
  if (typeof value !== 'string' || !pattern.test(value))
    throw new BadRequest('INVALID_FIELD', `${name} must be ${what}`);
  return value;
}

const botSlug = (value) => matching(value, 'bot_slug', /^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, - or _');
const sha256 = (value) => matching(value, 'sha256', /^[0-9a-f]{64}$/, '64 lower-case hex digits');
const r2Key = (value) => matching(value, 'r2_key', /^[^\p{Cc}]{1,1024}$/u, '1 to 1024 characters');

function oneOf(value, name, allowed) {
  if (!allowed.includes(value)) throw new BadRequest('INVALID_FIELD', `${name} must be one of ${allowed.join(', ')}`);
  return value;
}

const kind = (value) => oneOf(value, 'kind', KINDS);
const status = (value) => oneOf(value, 'status', STATUSES);

/** A file name that is kept for display and for Telegram; it never becomes a path. */
function fileName(value) {
  if (value === undefined) return null;
  return matching(value, 'file_name', /^[^\p{Cc}/\\]{1,255}$/u, '1 to 255 characters without slashes');
}

/** @returns {number} */
function limit(value) {
  if (value === undefined) return 50;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 500) {
    throw new BadRequest('INVALID_FIELD', 'limit must be a whole number from 1 to 500');
  }
  return number;
}

module.exports = { botSlug, sha256, r2Key, kind, status, fileName, limit };
