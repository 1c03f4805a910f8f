'use strict';

const { createHash } = require('node:crypto');
const { failWith, integer, text } = require('../options/check.js');

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');
const id = text({ max: 1024 });
const number = integer(0, 2 ** 32 - 1);

/**
 * The key under which equal jobs of a CampaignExecutor count as one: `job.key` where given, else
 * `step:messageId:campaignId` with `%` and `:` in the message's id encoded, so that two jobs never share a key.
 */
function campaignKey({ key, step, campaignId, messageId }) {
  return key ?? `${step}:${messageId.replace(/[%:]/g, encodeURIComponent)}:${campaignId}`;
}

/**
 * The idempotency key of one part of one message: the same at every try, in every process. The engine makes the same one.
 *
 * @param {string} campaignId
 * @param {string} messageId
 * @param {number} part counted from 0
 * @returns {string} 64 hex digits: sha256 of the JSON text `[campaignId,messageId,part]`
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function campaignPartKey(campaignId, messageId, part) {
  id(campaignId, 'campaignId', invalid);
  id(messageId, 'messageId', invalid);
  number(part, 'part', invalid);
  return createHash('sha256')
    .update(JSON.stringify([campaignId, messageId, part]))
    .digest('hex');
}

module.exports = { campaignKey, campaignPartKey };
