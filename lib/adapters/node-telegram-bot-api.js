'use strict';

const { WarmpathError } = require('../errors.js');
const { LiveTraffic } = require('./live-traffic.js');

/**
 * Reports what a bot of node-telegram-bot-api (version 2) sends, and each 429, to an executor (or worker): so live
 * traffic and warm-up share one budget, and warm-up yields. The client itself waits out up to two 429s of a call before
 * it gives up; only the one it gives up with is seen here.
 *
 * @example shareLimits(executor, bot.api, process.env.BOT_TOKEN);
 * @param {{ report: (live: object) => unknown }} executor
 * @param {import('node-telegram-bot-api').Api} api
 * @param {string} token of the bot
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function shareLimits(executor, api, token) {
  const traffic = new LiveTraffic(executor, token);
  const request = api?.request;
  if (typeof request !== 'function') {
    throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', 'api must be an Api of node-telegram-bot-api 2');
  }
  api.request = async function (method, params, ...rest) {
    traffic.sends(method, params);
    try {
      return await request.call(this, method, params, ...rest);
    } catch (err) {
      traffic.refused(params, err?.errorCode, err?.description, err?.parameters);
      throw err;
    }
  };
}

module.exports = { shareLimits };
