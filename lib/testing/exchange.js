'use strict';

const { deliver, waitFor } = require('./deliver');
const { bitten, replaces } = require('./faults/spoil');
const { intake } = require('./intake');
const { timed } = require('./journal');

const TOO_LARGE = Symbol('too large');

/** Reads a body of at most `max` bytes; above it, nothing more is kept. */
async function readBytes(stream, max) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > max) return TOO_LARGE;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The stages of a request to a sandbox whose bodies are small: head stage faults, body, body stage faults, what the
 * protocol does, answer stage faults, the answer. A protocol gives:
 *
 * - `facts(entry)`: what faults may match
 * - `open(req, entry)`: looks at the head; may throw a refusal
 * - `read(bytes, entry)`: takes the body in; `bytes` is null where it was too large; may throw a refusal
 * - `perform(entry, due)`: does the work and gives the answer; `due` holds the faults it has to do itself
 * - `spoil(fault, entry)`: the answer that a fault puts in the place of the real one
 * - `refusalOf(error)`: the answer of a refusal, or null for any other error
 * - `send(res, answer, fault, req)`: how an answer leaves where a fault of the protocol's own is due; true when it did
 *
 * @param {object} protocol
 * @param {{ faults: import('./faults/book').FaultBook, server: import('./server').LoopbackServer, maxBodyBytes: number }} room
 * @param {object} entry the line of the journal, filled on the way
 */
async function exchange(protocol, room, entry, req, res) {
  const { server } = room;
  timed(entry, req, res);
  const { answer, fault } = await answerTo(protocol, room, entry, req, res);
  // Nobody was there any more to get it.
  entry.status = req.socket.destroyed ? null : answer.status;
  if (res.headersSent) return protocol.finish(res, answer, fault);
  if (fault?.inside) return protocol.send(res, answer, fault, req);
  await deliver(server, req, res, answer, fault);
}

async function answerTo(protocol, room, entry, req, res) {
  const { server } = room;
  const take = async (stage) => {
    const due = room.faults.take(stage, protocol.facts(entry), entry);
    for (const fault of [...due.modifiers, due.main]) if (fault) entry.faults.push(fault.name ?? fault.kind);
    if (due.modifiers.length > 0) await waitFor(server, due.modifiers);
    return due.main;
  };
  const spoil = (fault) => bitten(protocol.spoil(fault, entry), fault);
  try {
    protocol.open(req, entry);
    const early = await take('head');
    if (early && early.side !== 'request') return spoil(early);
    const bytes = await readBytes(intake(server, req, early), room.maxBodyBytes);
    protocol.read(bytes === TOO_LARGE ? null : bytes, entry);
    const due = await take('body');
    if (due && !due.inside) return spoil(due);
    const answer = await protocol.perform(entry, due, res);
    const late = await take('answer');
    return replaces(late) ? spoil(late) : { answer, fault: late };
  } catch (error) {
    const answer = protocol.refusalOf(error, entry);
    if (answer === null) throw error;
    return { answer, fault: null };
  }
}

module.exports = { exchange };
