'use strict';

// What messages of either library are made of, read without trusting any of it: a message comes from a stranger, by a library
// whose shapes change. What is not of the expected form counts as absent.

const { WarmpathError } = require('../../errors.js');

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Control characters but tab and line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** The second argument of ingestJob(): an object or nothing. */
function ingestOptions(options = {}) {
  if (typeof options === 'object' && options !== null) return options;
  throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', 'options must be an object', { option: 'options' });
}

/** The value of an own or inherited field, or undefined; getters of protobuf classes are on their prototype. */
const field = (object, name) => (typeof object === 'object' && object !== null ? object[name] : undefined);

/**
 * A text without what a database refuses or nobody can see, of so many characters at the most; a pair of which one half is left
 * would be half a character. Control characters are six in JSON each, and there is a bound on that.
 */
function string(value, most = Number.POSITIVE_INFINITY) {
  if (typeof value !== 'string') return undefined;
  const clean = value.toWellFormed().replace(UNSEEN, '');
  const text = clean.slice(0, most).replace(/[\ud800-\udbff]$/, '');
  return text === '' ? undefined : text;
}

/** A number, or what protobuf makes of 64 bits (`Long`, or text of it); whole, and not below 0. */
function whole(value) {
  const long = typeof field(value, 'toNumber') === 'function' ? value.toNumber() : value;
  const low = field(long, 'low');
  const number = Number.isInteger(low) && long.high === 0 ? low >>> 0 : long;
  const parsed = typeof number === 'string' && /^\d{1,15}$/.test(number) ? Number(number) : number;
  return Number.isSafeInteger(parsed) && parsed >= 0 ? parsed : undefined;
}

/**
 * Bytes as base64 text, from whatever they have become on their way: bytes, base64 text, what `JSON.stringify` makes of a
 * Buffer (`{ type: 'Buffer', data: [...] }`, with text for data as Baileys' BufferJSON writes it) or of a Uint8Array
 * (`{ 0: …, 1: … }`).
 */
function base64(value) {
  if (typeof value === 'string') return BASE64.test(value) && value !== '' ? value : undefined;
  if (value instanceof Uint8Array) return value.length === 0 ? undefined : Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null) return undefined;
  if (value.type === 'Buffer') return Array.isArray(value.data) ? ofNumbers(value.data) : flat(value.data);
  const numbers = Object.values(value);
  return Object.keys(value).every((key, i) => key === String(i)) ? ofNumbers(numbers) : undefined;
}

/** No buffer in a buffer in a buffer: somebody could nest them until the stack ends. */
const flat = (value) => (typeof value === 'string' || value instanceof Uint8Array ? base64(value) : undefined);

function ofNumbers(list) {
  const isByte = (n) => Number.isInteger(n) && n >= 0 && n <= 255;
  return list.length > 0 && list.length <= 1024 && list.every(isByte)
    ? Buffer.from(list).toString('base64')
    : undefined;
}

/** A URL of WhatsApp's; relative ones and empty ones come too, and of media without an own one that of the site: no file lies there. */
function url(value) {
  if (typeof value !== 'string' || !/^https:\/\//i.test(value) || !URL.canParse(value)) return undefined;
  return new URL(value).pathname === '/' ? undefined : value;
}

const path = (value) => (typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value) ? value : undefined);

/** A media type without its parameters' noise; one of another form is left out, the bytes say it better. */
function mimeType(value) {
  const text = string(value)?.trim();
  return text !== undefined && text.length <= 255 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;[\x20-\x7e]*)?$/.test(text)
    ? text
    : undefined;
}

const sha256 = (value) => (value !== undefined && Buffer.from(value, 'base64').length === 32 ? value : undefined);

/**
 * The description of an encrypted media; null when there is no key to it (a preview, a message that was taken back, a media
 * that can be seen only once and has been).
 */
function whatsapp(mediaType, { url: address, directPath, mediaKey, fileSha256, fileEncSha256 }) {
  const key = sha256(base64(mediaKey));
  const known = { url: url(address), directPath: path(directPath) };
  if (key === undefined || (known.url === undefined && known.directPath === undefined)) return null;
  const hashes = { fileSha256: sha256(base64(fileSha256)), fileEncSha256: sha256(base64(fileEncSha256)) };
  return present({ mediaType, mediaKey: key, ...known, ...hashes });
}

const present = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** `wa:<session>:<chat>:<message>`, each part escaped: what a message is known by, however often it is delivered. */
function messageKey(session, chat, id, fromMe) {
  const parts = [session ?? '', chat, fromMe ? 'me' : '', id].map((part) => encodeURIComponent(part));
  const key = `wa:${parts.join(':')}`;
  if (key.length > 1000) throw notOne('is longer than a key may be');
  return key;
}

const notOne = (text) => new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', `message ${text}`, { option: 'message' });

module.exports = {
  ingestOptions,
  field,
  string,
  whole,
  base64,
  url,
  path,
  mimeType,
  sha256,
  whatsapp,
  present,
  messageKey,
  notOne,
};
