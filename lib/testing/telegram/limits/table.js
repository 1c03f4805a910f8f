'use strict';

const { is, readOptions } = require('../../options');

const offOr = (rule) => ({ check: (v) => v === false || rule.check(v), hint: `${rule.hint}, or false` });

const wholeAboveZero = { check: (v) => Number.isSafeInteger(v) && v > 0, hint: 'a whole number above 0' };

/**
 * Telegram's limits as data. The rates are those of the bot FAQ, the others those in the source of Telegram's own server
 * (tdlib/telegram-bot-api 10.0: `Client::send`, `Client::on_cmd`).
 * https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 */
const SHAPE = {
  algorithm: {
    check: (v) => v === 'bucket' || v === 'window',
    hint: "'bucket' or 'window'",
    default: 'bucket',
  },
  toleranceMs: { ...is.count, default: 0 },
  chatPerSecond: { ...offOr(is.positive), default: 1 },
  chatBurst: { ...wholeAboveZero, default: 1 },
  groupPerMinute: { ...offOr(is.positive), default: 20 },
  groupBurst: { ...wholeAboveZero, default: 3 },
  botPerSecond: { ...offOr(is.positive), default: 30 },
  botBurst: { ...wholeAboveZero, default: 30 },
  sameSize: { check: (v) => typeof v === 'boolean' || is.object.check(v), hint: 'true, false or an object' },
  uploadsInFlight: offOr(wholeAboveZero),
  uploadBytesInFlight: offOr(wholeAboveZero),
  requestsInFlight: offOr(wholeAboveZero),
  unsentPerChat: { ...offOr(wholeAboveZero), default: 310 },
  floodRetryAfter: { ...wholeAboveZero, default: 60 },
  floodHoldMs: { ...is.count, default: 3000 },
};

const SAME_SIZE = {
  aboveBytes: { ...is.count, default: 100_000 },
  msPerByte: { ...is.positive, default: 1e-4 },
  minMs: { ...is.count, default: 200 },
  maxMs: { ...is.count, default: 900 },
  bucketMs: { ...is.count, default: 1000 },
  aheadMs: { ...is.count, default: 5000 },
};

/** What a local server (`--local`) does not check, and the one in the cloud does. */
const CLOUD_ONLY = { sameSize: true, uploadsInFlight: 100, uploadBytesInFlight: 4 * 1024 ** 3, requestsInFlight: 1000 };

/**
 * The option `limits`, complete.
 *
 * @param {object | false | undefined} given
 * @param {boolean} local
 * @returns {Record<string, any> | false}
 */
function readLimits(given, local) {
  if (given === false) return false;
  const owner = 'TelegramSandbox.start limits';
  const limits = readOptions(owner, given, SHAPE);
  for (const [name, value] of Object.entries(CLOUD_ONLY)) limits[name] ??= local ? false : value;
  if (limits.sameSize !== false) {
    const own = limits.sameSize === true ? {} : limits.sameSize;
    limits.sameSize = readOptions(`${owner}.sameSize`, own, SAME_SIZE);
  }
  return limits;
}

module.exports = { readLimits };
