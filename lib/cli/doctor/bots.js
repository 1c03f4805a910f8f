'use strict';

const { quote } = require('../../sql/names.js');
const { fieldsFit } = require('../../options/job.js');

const MOST_BOTS = 50;
const TIMEOUT_MS = 10_000;

/** Every bot: its token, its warm-up chat, and whether it may send there. At most 50, one after the other: each costs three calls. */
async function checkBots(found, pool, { apiRoot = 'https://api.telegram.org', tokenColumn = 'token' }) {
  let rows;
  try {
    ({ rows } = await pool.query(
      `SELECT slug, ${quote(tokenColumn)} AS token, warmup_chat_id::text AS chat FROM bots WHERE deleted_at IS NULL ORDER BY slug LIMIT ${MOST_BOTS + 1}`,
    ));
  } catch (error) {
    found.skip(
      'bots',
      `the table bots cannot be read (${error.code ?? error.name})`,
      'npx warmpath migrate, or give resolveBot to the worker',
    );
    return true;
  }
  if (rows.length === 0)
    found.warn('bots', 'there are none', 'put them into the table bots: slug, token, warmup_chat_id');
  for (const [i, row] of rows.slice(0, MOST_BOTS).entries()) {
    if (await checkBot(found, row, apiRoot.replace(/\/+$/, ''))) continue;
    // What does not answer for one bot does not answer for the next, and every one of them costs a timeout.
    if (i + 1 < rows.length) found.skip('bots', 'the others were not looked at: Telegram does not answer');
    return true;
  }
  if (rows.length > MOST_BOTS) found.skip('bots', `only the first ${MOST_BOTS} were looked at`);
}

/** @returns {Promise<boolean>} false: Telegram does not answer */
async function checkBot(found, { slug, token, chat }, apiRoot) {
  const name = `bot ${slug}`;
  if (!token || !fieldsFit({ token })) {
    found.fail(
      name,
      token ? 'its token does not have the form 123456:ABC' : 'it has no token',
      'copy it from @BotFather',
    );
    return true;
  }
  const call = caller(apiRoot, token);
  const me = await call('getMe', {});
  if (me.code === 0) {
    found.fail(name, `Telegram: ${me.why}`, 'look at TELEGRAM_API_ROOT, and whether this machine may connect to it');
    return false;
  }
  if (!me.ok) {
    found.fail(
      name,
      `getMe was refused: ${me.why}`,
      me.code === 401 || me.code === 404 ? 'the token is wrong or was revoked: @BotFather, /token' : 'try again later',
    );
    return true;
  }
  if (!chat) {
    found.fail(
      name,
      'it has no warm-up chat',
      'set bots.warmup_chat_id to a private group or channel that the bot is in',
    );
    return true;
  }
  const room = await call('getChat', { chat_id: chat });
  if (!room.ok) {
    found.fail(
      name,
      `its warm-up chat was refused: ${room.why}`,
      'add the bot to that chat, or set warmup_chat_id anew (a group that became a supergroup has another id)',
    );
    return true;
  }
  const { type } = room.result;
  const problem = type === 'private' ? null : await rightsProblem(call, { chat, botId: me.result.id, type });
  if (problem === null) found.ok(name, `may send to its warm-up chat (${type})`);
  else found.fail(name, problem, 'make the bot an administrator of that chat, with the right to post');
  return true;
}

async function rightsProblem(call, { chat, botId, type }) {
  const member = await call('getChatMember', { chat_id: chat, user_id: String(botId) });
  // A server that does not know the method tells nothing.
  if (!member.ok) return member.code === 404 ? null : `its place in the chat was refused: ${member.why}`;
  const { status, can_post_messages: mayPost, can_send_documents: maySend } = member.result;
  if (status === 'left' || status === 'kicked') return `it is not in its warm-up chat (${status})`;
  if (type === 'channel' && status !== 'creator' && mayPost !== true) return 'it may not post to its warm-up channel';
  if (status === 'restricted' && maySend === false) return 'it is restricted in its warm-up chat';
  return null;
}

/** Calls a method; the answer never carries the token, which is part of the address. */
function caller(apiRoot, token) {
  return async (method, params) => {
    try {
      const response = await fetch(`${apiRoot}/bot${token}/${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(params),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const { ok, result, description = '' } = await response.json();
      return {
        ok,
        result,
        code: response.status,
        why: `${response.status} ${String(description).replaceAll(token, '…').slice(0, 200)}`,
      };
    } catch (error) {
      return { ok: false, code: 0, why: `no answer (${error.cause?.code ?? error.name})` };
    }
  };
}

module.exports = { checkBots };
