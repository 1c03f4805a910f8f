'use strict';

const { randomBytes } = require('node:crypto');
const { invalidOption } = require('../options');
const { waitFor } = require('../deliver');
const { BotApiRefusal } = require('./errors');
const { canMeetDirectly, spoil } = require('./faults');
const { discardUnused, methodOf, newEntry, note, noteRefusal, perform, takeFaults } = require('./perform');

/**
 * Calls a method without HTTP: for simulations, where a socket would bring real time back in.
 *
 * @param {object} room
 * @param {{ sleep(ms: number): Promise<void> }} server
 * @param {string} name
 * @param {Record<string, unknown>} fields
 * @param {number | string | undefined} botId
 * @returns {Promise<object>} the answer as a client would parse it, refusals too, and its `status`
 */
async function callDirectly(room, server, name, fields, botId) {
  const bot = room.bots.byId(botId);
  const method = methodOf(String(name));
  const entry = newEntry(room.requests, 'CALL');
  entry.botId = bot.id;
  entry.method = String(name);
  const take = (stage) =>
    takeFaults(room, entry, stage, {
      httpMethod: 'CALL',
      wait: (modifiers) => waitFor(server, modifiers),
      can: canMeetDirectly,
    });
  let body;
  let ticket;
  try {
    const { main: early } = await take('head');
    if (early) return parsed(entry, spoil(early).answer);
    if (!method) throw new BotApiRefusal(404, 'Not Found: method not found');
    body = await readFields(room, fields);
    ticket = room.limiter.enter(bot.id, { upload: body.files.size > 0 });
    note(entry, body);
    const due = await take('body');
    if (due.main && !due.main.inside) return parsed(entry, spoil(due.main).answer);
    const result = await perform(room, { bot, method, body, entry, ticket }, due);
    const { main: late } = await take('answer');
    if (late) return parsed(entry, spoil(late).answer);
    entry.status = 200;
    return { ok: true, result, status: 200 };
  } catch (error) {
    if (!(error instanceof BotApiRefusal)) throw error;
    noteRefusal(entry, error);
    return parsed(entry, error.answer);
  } finally {
    if (ticket) room.limiter.leave(ticket);
    await discardUnused(room, body);
  }
}

function parsed(entry, { status, body }) {
  entry.status = status;
  try {
    return { ...JSON.parse(body), status };
  } catch {
    return { ok: false, error_code: status, description: 'the answer is not JSON', status };
  }
}

async function readFields(room, fields) {
  const body = { params: new Map(), files: new Map(), encoding: 'direct', bytes: 0 };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const file = fileIn(value);
    if (!file) {
      body.params.set(name, value);
      continue;
    }
    const spool = await spoolOf(room, file);
    body.bytes += spool.size;
    body.files.set(name, { field: name, fileName: file.fileName, contentType: file.contentType, headers: {}, spool });
  }
  return body;
}

/** A file is bytes, `{ bytes, … }`, or `{ size, … }`: a file without bytes. */
function fileIn(value) {
  if (value instanceof Uint8Array) return { bytes: value };
  if (typeof value !== 'object') return null;
  return value.bytes instanceof Uint8Array || Number.isSafeInteger(value.size) ? value : null;
}

async function spoolOf(room, { bytes, size, sha256 }) {
  if (bytes) {
    const spool = room.files.newSpool();
    await spool.write(Buffer.from(bytes));
    await spool.end();
    return spool;
  }
  if (size < 0) throw invalidOption('call: the size of a file must be 0 or more');
  const made = sha256 ?? randomBytes(32).toString('hex');
  return { size, sha256: made, data: null, file: null, discard: async () => {} };
}

module.exports = { callDirectly };
