'use strict';

const { randomOf } = require('../faults/mix');
const { exchange } = require('../exchange');
const { ApiRefusal, success } = require('./errors');
const { complete, asEvents } = require('./completion');
const { spoil } = require('./faults');
const { bearerOf, readCompletion } = require('./request');

// As a proxy in front of the API may, and as openai's own base URL does, the version alone will do.
const PATHS = /^(?:\/api)?\/v1\/(chat\/completions|key|generation|models)$/;
const METHODS = { 'chat/completions': 'POST', key: 'GET', generation: 'GET', models: 'GET' };
const NAMES = { 'chat/completions': 'chat', key: 'key', generation: 'generation', models: 'models' };

const EVERY_MS = 250;

/** The line of a request in the journal: never the key. */
const newEntry = (journal, req) =>
  journal.add({
    seq: journal.nextSequence(),
    at: Date.now(),
    httpMethod: req.method,
    operation: null,
    key: null,
    model: null,
    format: null,
    bytes: 0,
    status: null,
    error: null,
    faults: [],
  });

/** Takes one request and answers it. */
function serve(room, server, req, res) {
  const state = { key: null, request: null, query: null };
  const protocol = {
    facts: ({ httpMethod, operation, model, format }) => ({ method: httpMethod, operation, model, format }),
    open: (_req, entry) => open(room, state, req, entry),
    read: (bytes, entry) => read(room, state, bytes, entry),
    perform: (entry, due) => perform(room, server, state, entry, due, res),
    spoil: (fault, entry) => {
      // The money of a completion that was made is spent, whatever becomes of the answer.
      entry.error = `injected: ${fault.name ?? fault.kind}`;
      return spoil(fault);
    },
    refusalOf: (error, entry) => {
      if (!(error instanceof ApiRefusal)) return null;
      entry.error = error.message;
      return error.answer;
    },
    send: (_res, answer, fault) => keepAlive(server, res, answer, fault),
    finish: (_res, answer, fault) => finish(server, req, res, answer, fault),
  };
  return exchange(protocol, { ...room, server }, newEntry(room.requests, req), req, res);
}

function open(room, state, req, entry) {
  const [path, query] = req.url.split('?');
  const match = PATHS.exec(path);
  if (!match) throw new ApiRefusal(404, 'Not Found');
  if (req.method !== METHODS[match[1]]) throw new ApiRefusal(405, 'Method Not Allowed');
  entry.operation = NAMES[match[1]];
  state.query = new URLSearchParams(query);
  state.key = room.accounts.authenticate(bearerOf(req));
  entry.key = state.key.label;
}

function read(room, state, bytes, entry) {
  entry.bytes = bytes?.length ?? room.maxBodyBytes;
  if (entry.operation !== 'chat') return;
  state.request = readCompletion(bytes, room.maxBodyBytes);
  [entry.model] = state.request.models;
  entry.format = state.request.schema === null ? 'text' : 'json';
}

async function perform(room, server, state, entry, due, res) {
  switch (entry.operation) {
    case 'key':
      return success({ data: keyData(room, state.key) });
    case 'models':
      return success({ data: modelList(room) });
    case 'generation':
      return generation(room, state.query.get('id'));
    default:
      return chat(room, server, state, entry, due, res);
  }
}

/** The first of the models that can answer: that is what `models` is for. */
function choose(room, names) {
  for (const name of names) {
    const model = room.modelOf(name);
    if (model !== null && !model.down) return { name, ...model };
  }
  if (names.some((name) => room.modelOf(name) !== null)) throw new ApiRefusal(502, 'Provider returned error');
  throw new ApiRefusal(404, `No endpoints found for ${names[0]}.`);
}

async function chat(room, server, { key, request }, entry, due, res) {
  const model = choose(room, request.models);
  entry.model = model.name;
  const window = room.accounts.enter(key, model.name);
  await think(room, server, model, entry, request, res);
  const made = await complete(room, request, model, due);
  room.accounts.charge(key, window, made.usage);
  room.completions.add({
    seq: entry.seq,
    at: Date.now(),
    id: made.id,
    key: key.label,
    model: model.name,
    provider: model.provider,
    format: entry.format,
    finishReason: made.finish,
    ...made.usage,
    ...(room.options.keepTexts && { text: made.text, messages: request.messages }),
  });
  if (!request.stream) return success(made.completion);
  return { ...success(null, { 'Content-Type': 'text/event-stream' }), body: asEvents(made.completion) };
}

/** The time a model takes. With `keepAliveMs` the head is sent meanwhile, and a newline now and then, as OpenRouter does. */
async function think(room, server, model, entry, request, res) {
  const { latencyMs, keepAliveMs, seed } = room.options;
  const range = model.latencyMs ?? latencyMs;
  const [least, most] = Array.isArray(range) ? range : [range, range];
  const ms = least + randomOf(seed ^ 0x5eed, entry.seq)() * (most - least);
  if (ms === 0) return;
  if (keepAliveMs === 0 || ms <= keepAliveMs || request.stream) {
    await server.sleep(ms);
    return;
  }
  await server.sleep(keepAliveMs);
  await spaces(server, res, ms - keepAliveMs, keepAliveMs);
}

/** Sends the head of an answer, and white space for `ms`. */
async function spaces(server, res, ms, everyMs) {
  if (!res.headersSent && !res.destroyed) res.writeHead(200, { 'Content-Type': 'application/json' });
  for (let left = ms; left > 0 && !res.destroyed; left -= everyMs) {
    res.write('\n');
    await server.sleep(Math.min(left, everyMs));
  }
}

async function keepAlive(server, res, answer, fault) {
  fault.bite();
  await spaces(server, res, fault.ms, fault.everyMs ?? EVERY_MS);
  res.end(answer.body);
}

/** The head is gone already, so a refusal is an answer of status 200 with an error in its body. */
async function finish(server, req, res, answer, fault) {
  if (fault?.kind === 'reset' || fault?.kind === 'cutAfterBytes' || fault?.kind === 'truncate') {
    fault.bite();
    server.kill(req.socket, fault.kind === 'reset');
    return;
  }
  if (fault?.kind.startsWith('stall')) {
    fault.bite();
    return;
  }
  if (fault?.kind === 'keepAlive') await keepAlive(server, res, answer, fault);
  else res.end(answer.body);
}

function keyData(room, key) {
  const { cost } = room.accounts.usageOf(key);
  const limit = Number.isFinite(key.credit) ? key.credit : null;
  const limit_remaining = limit === null ? null : Math.max(0, room.accounts.remaining(key));
  return { label: key.label, usage: cost, limit, limit_remaining, is_free_tier: false, is_provisioning_key: false };
}

const modelList = (room) =>
  [...new Map([...(room.options.models ?? []), ...room.changed])].map(([id, one]) => ({
    id,
    name: id,
    context_length: one.contextLength,
    pricing: { prompt: String(one.promptPrice), completion: String(one.completionPrice) },
  }));

function generation(room, id) {
  const made = room.completions.findLast((one) => one.id === id);
  if (made === undefined) throw new ApiRefusal(404, `Generation ${id} not found`);
  return success({
    data: {
      id: made.id,
      model: made.model,
      provider_name: made.provider,
      total_cost: made.cost,
      tokens_prompt: made.promptTokens,
      tokens_completion: made.completionTokens,
      finish_reason: made.finishReason,
      created_at: new Date(made.at).toISOString(),
      streamed: false,
      cancelled: false,
    },
  });
}

module.exports = { serve };
