'use strict';

const { METHODS } = require('./methods');

/**
 * What a request does once it is read, whether it came by HTTP or directly: the faults of its message, the limits, the
 * method.
 *
 * @param {object} room
 * @param {{ bot: object, method: { run: Function, sends?: Function }, body: import('./body').Body, entry: object, ticket: object }} call
 * @param {{ modifiers: object[], main: object | null }} due faults of stage `body`
 * @returns {Promise<any>} the `result`
 * @throws {import('./errors').BotApiRefusal}
 */
async function perform(room, { bot, method, body, entry, ticket }, due) {
  const chatId = body.params.get('chat_id');
  const migration = due.main?.kind === 'migrate' ? due.main : null;
  // Only a group can move.
  if (migration && /^-\d+$/.test(String(chatId))) {
    room.bots.migrate(String(chatId), migration.to);
    migration.bite();
  }
  const flood = due.main?.kind === 'flood' ? due.main : null;
  if (flood) {
    const chat = chatId === undefined ? undefined : room.bots.chat(bot, chatId);
    flood.bite();
    throw room.limiter.inject(ticket, chat, { scope: flood.scope, seconds: flood.retryAfter ?? 1 });
  }
  const faults = [...due.modifiers, due.main].filter((fault) => fault?.inside);
  let bytes = 0;
  for (const { spool } of body.files.values()) bytes += spool.size;
  await room.limiter.pass(ticket, { bytes, chatId, messages: method.sends?.(body) ?? 0 });
  return method.run({ room, bot, body, entry, ticket, faults });
}

/** @param {string} name in any case */
const methodOf = (name) => METHODS.get(name.toLowerCase());

/** The line of a request in the journal. */
const newEntry = (journal, httpMethod) =>
  journal.add({
    seq: journal.nextSequence(),
    at: Date.now(),
    httpMethod,
    method: null,
    botId: null,
    chatId: null,
    encoding: null,
    bytes: 0,
    parts: [],
    status: null,
    description: null,
    retryAfter: null,
    faults: [],
  });

/** Writes what came into the journal: never the token, never the bytes. */
function note(entry, body) {
  entry.encoding = body.encoding;
  entry.bytes = body.bytes;
  const chatId = body.params.get('chat_id');
  entry.chatId = chatId === undefined ? null : String(chatId);
  entry.params = [...body.params.keys()];
  for (const file of body.files.values()) {
    const { size, sha256 } = file.spool;
    const { field, fileName, contentType, headers } = file;
    entry.parts.push({ field, fileName, contentType, headers, bytes: size, sha256 });
  }
}

/** The same for a refusal of the sandbox itself. */
function noteRefusal(entry, refusal) {
  entry.description = refusal.message;
  entry.retryAfter = refusal.parameters?.retry_after ?? null;
}

/** The faults due at a stage, waited for and on record. */
async function takeFaults(room, entry, stage, { httpMethod, wait, can }) {
  const facts = { method: httpMethod, apiMethod: entry.method, botId: entry.botId, chatId: entry.chatId };
  const due = room.faults.take(stage, facts, entry, can);
  for (const fault of [...due.modifiers, due.main]) if (fault) entry.faults.push(fault.name ?? fault.kind);
  if (due.modifiers.length > 0) await wait(due.modifiers);
  return due;
}

/** Uploads that no message took (refused, faulted) must not fill the disk. */
async function discardUnused(room, body) {
  for (const { spool } of body?.files.values() ?? []) {
    if (!room.files.holds(spool)) await spool.discard();
  }
}

module.exports = { perform, methodOf, newEntry, note, noteRefusal, takeFaults, discardUnused };
