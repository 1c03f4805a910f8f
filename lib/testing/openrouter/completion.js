'use strict';

const { randomBytes } = require('node:crypto');
const { FORMS } = require('./forms');
const { fitting, textFor, tokensOf } = require('./text');

const REASONS = { stop: 'stop', length: 'length', content_filter: 'content_filter' };

/** What a `reply` function gave, in one form. */
function readReply(given) {
  if (given === undefined || given === null) return null;
  if (typeof given === 'string') return { content: given };
  return given;
}

/** Cuts a text at a number of (rough) tokens, without cutting a character. */
function cut(text, maxTokens) {
  if (tokensOf(text) <= maxTokens) return { text, reason: 'stop' };
  const characters = [...text];
  while (tokensOf(characters.join('')) > maxTokens) characters.length = Math.floor(characters.length * 0.9);
  return { text: characters.join(''), reason: 'length' };
}

/**
 * Has the "model" write.
 *
 * @param {{ options: object, nextNumber: () => number }} room
 * @param {object} request see request.js
 * @param {{ name: string, promptPrice: number, completionPrice: number, provider: string }} model
 * @param {object | null} fault of kind `completion`
 * @returns {Promise<{ completion: object, text: string | null, usage: object }>} text: before the fault
 */
async function complete(room, request, model, fault) {
  const n = room.nextNumber();
  const { messages, schema, maxTokens, body } = request;
  const reply = readReply(await room.options.reply?.({ messages, model: model.name, schema, n, body }));
  const source = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const whole =
    reply?.content ?? (schema === null ? textFor(room.options.seed, n) : JSON.stringify(fitting(schema, source)));
  const { text, reason } = reply?.content === null ? { text: null, reason: 'stop' } : cut(whole, maxTokens);
  const promptTokens = tokensOf(messages.map(({ content }) => content).join('\n')) + 4 * messages.length;
  const completionTokens = tokensOf(text ?? '');
  const cost = promptTokens * model.promptPrice + completionTokens * model.completionPrice;
  const finish = REASONS[reply?.finishReason] ?? reason;
  const completion = {
    id: `gen-${Math.floor(Date.now() / 1000)}-${randomBytes(10).toString('hex')}`,
    provider: model.provider,
    model: model.name,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    system_fingerprint: null,
    choices: [
      {
        logprobs: null,
        finish_reason: finish,
        native_finish_reason: finish,
        index: 0,
        message: { role: 'assistant', content: text, refusal: null, reasoning: null },
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      cost,
      is_byok: false,
      prompt_tokens_details: { cached_tokens: 0 },
      cost_details: {
        upstream_inference_cost: null,
        upstream_inference_prompt_cost: promptTokens * model.promptPrice,
        upstream_inference_completions_cost: completionTokens * model.completionPrice,
      },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  };
  if (fault !== null && FORMS[fault.form](completion)) fault.bite();
  return { completion, id: completion.id, text, finish, usage: { promptTokens, completionTokens, cost } };
}

/** The same answer as server-sent events, comments for keep-alive included. */
function asEvents(completion) {
  const { choices, usage, ...head } = completion;
  const text = choices?.[0]?.message.content ?? '';
  const chunk = (delta, more) => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, ...more }],
  });
  const pieces = text.match(/[\s\S]{1,40}/gu) ?? [];
  const events = [
    chunk({ role: 'assistant', content: '' }, { finish_reason: null }),
    ...pieces.map((content) => chunk({ content }, { finish_reason: null })),
    { ...chunk({ content: '' }, { finish_reason: choices?.[0]?.finish_reason ?? 'error' }), usage },
  ];
  const data = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return `: OPENROUTER PROCESSING\n\n${data}data: [DONE]\n\n`;
}

module.exports = { complete, asEvents };
