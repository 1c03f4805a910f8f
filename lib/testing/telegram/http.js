'use strict';

const { deliver, waitFor } = require('../deliver');
const { intake } = require('../intake');
const { timed } = require('../journal');
const { readBody } = require('./body');
const { BotApiRefusal, success } = require('./errors');
const { spoil, spoilLate } = require('./faults');
const { discardUnused, methodOf, newEntry, note, noteRefusal, perform, takeFaults } = require('./perform');
const { parseTarget } = require('./target');

/** Takes one request and answers it. */
async function serve(room, server, req, res) {
  const entry = newEntry(room.requests, req.method);
  let ticket;
  timed(entry, req, res, () => {
    if (ticket) room.limiter.leave(ticket);
  });
  const enter = (botId, upload) => {
    ticket = room.limiter.enter(botId, { upload });
    // Gone before it was let in: nobody would leave later.
    if (entry.ms !== undefined) room.limiter.leave(ticket);
    return ticket;
  };
  const { answer, fault } = await answerTo(room, server, req, entry, enter);
  // Nobody was there any more to get it.
  entry.status = req.socket.destroyed ? null : answer.status;
  await deliver(server, req, res, answer, fault);
}

/** The stages of a request: sender, head stage faults, body, body stage faults, the method, answer stage faults. */
async function answerTo(room, server, req, entry, enter) {
  const wait = (modifiers) => waitFor(server, modifiers);
  const take = (stage) => takeFaults(room, entry, stage, { httpMethod: req.method, wait });
  let body;
  try {
    const target = parseTarget(req.url);
    if (!target) throw new BotApiRefusal(404, 'Not Found');
    const bot = room.bots.authenticate(target.token);
    entry.botId = bot.id;
    entry.method = target.download ? 'file' : target.method;
    const { main: early } = await take('head');
    if (early && early.side !== 'request') return spoil(early);
    if (target.download) {
      const answer = download(room, bot, target.download);
      const { main: middle } = await take('body');
      if (middle && !middle.inside) return spoil(middle);
      return spoilLate(answer, (await take('answer')).main);
    }
    const method = methodOf(target.method);
    if (!method) throw new BotApiRefusal(404, 'Not Found: method not found');
    const upload = /^multipart\//i.test(req.headers['content-type'] ?? '');
    const ticket = enter(bot.id, upload);
    body = await readBody(req, intake(server, req, early), {
      maxUploadBytes: room.options.maxUploadBytes,
      newSpool: () => room.files.newSpool(),
    });
    note(entry, body);
    const due = await take('body');
    if (due.main && !due.main.inside) return spoil(due.main);
    const answer = success(await perform(room, { bot, method, body, entry, ticket }, due));
    return spoilLate(answer, (await take('answer')).main);
  } catch (error) {
    if (!(error instanceof BotApiRefusal)) throw error;
    noteRefusal(entry, error);
    return { answer: error.answer, fault: null };
  } finally {
    await discardUnused(room, body);
  }
}

function download(room, bot, filePath) {
  const record = room.options.local ? undefined : room.files.byPath(bot.id, filePath);
  const { data, file, size } = record?.content ?? {};
  if (!data && !file) throw new BotApiRefusal(404, 'Not Found');
  const headers = { 'Content-Type': 'application/octet-stream' };
  return { status: 200, headers, body: data ?? { path: file, start: 0, length: size } };
}

module.exports = { serve };
