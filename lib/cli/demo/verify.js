'use strict';

const { requirePeer } = require('../../peer');

/** Telegram gives getFile for files up to this size. https://core.telegram.org/bots/api#getfile */
const MAX_GET_FILE_BYTES = 20_000_000;

async function readRows(url, bots) {
  const { Client } = requirePeer('pg', 'the demo');
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT * FROM media_cache WHERE bot_slug = ANY($1)', [
      bots.map((bot) => bot.slug),
    ]);
    return new Map(rows.map((row) => [`${row.kind}:${row.sha256}:${row.bot_slug}`, row]));
  } finally {
    await client.end();
  }
}

/** What the sandbox remembers of a file_id must be these bytes, this bot, this kind and this message. */
function againstSandbox(sandbox) {
  return async (row, bot) => {
    const issued = sandbox.issued(row.file_id);
    if (!issued) return 'its file_id was never issued';
    const expected = {
      sha256: row.sha256,
      kind: row.kind,
      botId: bot.token.split(':')[0],
      chatId: bot.chatId,
      fileUniqueId: row.file_unique_id,
      messageId: row.warmup_message_id,
    };
    for (const [name, value] of Object.entries(expected)) {
      if (String(issued[name]) !== String(value)) return `its file_id was issued with another ${name}`;
    }
    return null;
  };
}

/** The real Telegram does not tell a hash: that it knows the file_id as this file, and its size, is what can be checked. */
function againstBotApi(apiRoot) {
  return async (row, bot, file) => {
    if (file.bytes > MAX_GET_FILE_BYTES) return null;
    const body = new URLSearchParams({ file_id: row.file_id });
    const response = await fetch(`${apiRoot}/bot${bot.token}/getFile`, { method: 'POST', body });
    const answer = await response.json().catch(() => ({}));
    if (!answer.ok) return `Telegram does not know its file_id (${response.status})`;
    if (answer.result.file_unique_id !== row.file_unique_id) return 'Telegram knows its file_id as another file';
    // Photos and stickers are re-encoded by Telegram, so only their ids can be compared.
    const kept = ['document', 'audio', 'voice'].includes(row.kind);
    if (kept && answer.result.file_size !== file.bytes) return `Telegram holds ${answer.result.file_size} bytes of it`;
    return null;
  };
}

/**
 * Compares every expected row of media_cache with what the Telegram server says about its file_id.
 *
 * @param {object} options
 * @param {string} options.url the database
 * @param {{ slug: string, token: string, chatId: string }[]} options.bots
 * @param {import('./media').MediaFile[]} options.files
 * @param {{ url: string, sandbox?: object }} options.telegram
 * @returns {Promise<{ verified: number, problems: string[], rows: Map<string, object> }>} problems is empty when all is right
 */
async function verify({ url, bots, files, telegram }) {
  const rows = await readRows(url, bots);
  const check = telegram.sandbox ? againstSandbox(telegram.sandbox) : againstBotApi(telegram.url);
  const problems = [];
  const owners = new Map();
  let verified = 0;
  for (const bot of bots) {
    for (const file of files) {
      const key = `${file.kind}:${file.sha256}:${bot.slug}`;
      const problem = await problemOf(rows.get(key), { bot, file, check, owners, key });
      if (problem) problems.push(`${bot.slug} ${file.kind} ${file.name}: ${problem}`);
      else verified++;
    }
  }
  return { verified, problems, rows };
}

async function problemOf(row, { bot, file, check, owners, key }) {
  if (!row) return 'there is no row for it';
  if (row.status !== 'ready') return `its row is ${row.status}${row.last_error ? `: ${row.last_error}` : ''}`;
  if (!row.file_id || !row.file_unique_id) return 'its row has no file_id';
  if (owners.has(row.file_id)) return `it has the file_id of ${owners.get(row.file_id)}`;
  owners.set(row.file_id, key);
  if (String(row.warmup_chat_id) !== bot.chatId) return 'its row names another chat';
  return check(row, bot, file);
}

module.exports = { verify };
