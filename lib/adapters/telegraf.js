'use strict';

const { LiveTraffic } = require('./live-traffic.js');

/**
 * Reports what a bot of telegraf sends, and each 429, to an executor (or worker): so live traffic and warm-up share one
 * budget, and warm-up yields. To be called before the bot's own handlers are added: telegraf makes a new client for
 * every update, and it is a first middleware that watches those.
 *
 * @example shareLimits(executor, bot);
 * @param {{ report: (live: object) => unknown }} executor
 * @param {import('telegraf').Telegraf} bot
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_ARGUMENT
 */
function shareLimits(executor, bot) {
  const traffic = new LiveTraffic(executor, bot?.telegram?.token);
  watch(bot.telegram, traffic);
  bot.use((ctx, next) => {
    watch(ctx.telegram, traffic);
    return next();
  });
}

function watch(client, traffic) {
  const callApi = client.callApi;
  client.callApi = async function (method, payload, ...rest) {
    traffic.sends(method, payload);
    try {
      return await callApi.call(this, method, payload, ...rest);
    } catch (err) {
      const { error_code: code, description, parameters } = err?.response ?? {};
      traffic.refused(payload, code, description, parameters);
      throw err;
    }
  };
}

module.exports = { shareLimits };
