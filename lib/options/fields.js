'use strict';

const { text } = require('./check.js');

/** The kinds of media; each is sent by its own Bot API method, because the kind of a file_id can never change. */
const KINDS = ['photo', 'video', 'audio', 'voice', 'animation', 'document', 'sticker', 'video_note'];

const priority = (value, path, fail) => {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
    fail(path, 'must be an integer from -2147483648 to 2147483647');
  }
  return value;
};

/** A chat id: a safe integer, or text `-?\d+` (ids pass 2^53 in databases) or `@name`. */
const chatId = (value, path, fail) => {
  const ok =
    typeof value === 'number'
      ? Number.isSafeInteger(value)
      : typeof value === 'string' && /^(-?\d{1,20}|@[A-Za-z]\w{1,63})$/.test(value);
  if (!ok) fail(path, "must be an integer, or a string like '-100123' or '@name'");
  return value;
};

const sha256 = text({ min: 64, max: 64, pattern: /^[0-9a-f]{64}$/, form: '64 lower-case hexadecimal digits' });

const contentType = text({
  max: 255,
  pattern: /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(\s*;[\x20-\x7e]*)?$/,
  form: "a media type such as 'image/jpeg'",
});

const token = text({ max: 256, pattern: /^\d+:[A-Za-z0-9_-]+$/, form: 'a bot token of the form 123456:ABC' });

const keyText = text({ max: 1024 });

/** An S3 key: at most 1024 bytes of UTF-8, whatever characters they are. */
const r2Key = (value, path, fail) => {
  keyText(value, path, fail);
  // A UTF-16 unit is three bytes of UTF-8 at most.
  if (value.length > 341 && Buffer.byteLength(value) > 1024) fail(path, 'must have at most 1024 bytes of UTF-8');
  return value;
};

module.exports = { KINDS, priority, chatId, sha256, contentType, token, r2Key };
