'use strict';

const { LiveTraffic } = require('./live-traffic.js');

/**
 * A transformer of grammY that reports what the bot sends, and each 429, to an executor (or worker): so live traffic and
 * warm-up share one budget, and warm-up yields.
 *
 * @example bot.api.config.use(shareLimits(executor, bot.token));
 * @param {{ report: (live: object) => unknown }} executor
 * @param {string} token of the bot
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 * @see https://grammy.dev/advanced/transformers
 */
function shareLimits(executor, token) {
  const traffic = new LiveTraffic(executor, token);
  return async (previous, method, payload, signal) => {
    traffic.sends(method, payload);
    const answer = await previous(method, payload, signal);
    if (!answer.ok) traffic.refused(payload, answer.error_code, answer.description, answer.parameters);
    return answer;
  };
}

module.exports = { shareLimits };
