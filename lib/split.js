'use strict';

const { guard } = require('./errors.js');
const { native } = require('./native.js');
const { maxChars } = require('./options/campaign.js');
const { shape, text, withDefault, failWith } = require('./options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const whole = text({ min: 0, max: 1_000_000 });
// What an LLM writes may be longer than what it was given, and is nobody's fault.
const answer = text({ min: 0, max: 16_000_000 });
const options = shape({ maxChars: withDefault(maxChars, 1000) });

/**
 * Cuts a text into parts of at most `maxChars` UTF-16 code units, at the best places near their ends; nothing but white
 * space at the cuts is left out.
 *
 * @param {string} message
 * @param {{ maxChars?: number }} [opts]
 * @returns {string[]}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function splitMessage(message, opts = {}) {
  whole(message, 'text', invalid);
  const checked = options(opts, 'options', invalid);
  return JSON.parse(guard(() => native().splitMessage(message, checked.maxChars)));
}

/**
 * Reads the answer of an LLM that was asked to split `original`: it decides where the original is cut, never what it says.
 * An answer that cannot be used is named in `fallback`, and the original is split by splitMessage.
 *
 * @param {string} response
 * @param {string} original
 * @param {{ maxChars?: number }} [opts]
 * @returns {{ parts: string[], fallback: string | null }}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function parseSplitResponse(response, original, opts = {}) {
  answer(response, 'response', invalid);
  whole(original, 'original', invalid);
  const checked = options(opts, 'options', invalid);
  return JSON.parse(guard(() => native().parseSplit(response, original, checked.maxChars)));
}

module.exports = { splitMessage, parseSplitResponse };
