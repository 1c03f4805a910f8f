'use strict';

// Our client against a stand-in that somebody else wrote from OpenRouter's documentation and recordings
// (https://aimock.copilotkit.dev): ids, envelopes, waits and fail-over are its, not ours.

const assert = require('node:assert/strict');
const test = require('node:test');
const { LLMock } = require('@copilotkit/aimock');
const { CampaignExecutor } = require('..');

const TEXT = 'Oi, Ana! Tudo bem com você? Vi que gostou do apartamento.';

async function open(t, extra = {}) {
  const mock = new LLMock({ port: 0 });
  const url = await mock.start();
  const executor = new CampaignExecutor({
    llm: { apiKey: 'canary-key', baseUrl: `${url}/api/v1`, models: ['a/one', 'b/two'] },
    retry: { quick: 2, baseMs: 1, maxMs: 1 },
    ...extra,
  });
  t.after(async () => {
    await executor.close({ timeoutMs: 0 });
    await mock.stop();
  });
  let made = 0;
  const generate = (content, fields = {}) =>
    executor.run({
      step: 'generate',
      campaignId: 'c',
      messageId: `m${++made}`,
      messages: [{ role: 'user', content }],
      ...fields,
    });
  return { mock, executor, generate };
}

test('a completion, its cost, its id and its provider', async (t) => {
  const { mock, generate } = await open(t);
  mock.onMessage('escreva', { content: TEXT, usage: { prompt_tokens: 9, completion_tokens: 4, cost: 0.25 } });
  const value = await generate('escreva');
  assert.deepEqual([value.text, value.model], [TEXT, 'a/one']);
  assert.deepEqual([value.usage.totalTokens, value.usage.cost], [13, 0.25]);
  assert.match(value.generationId, /^gen-/);
  assert.equal(typeof value.provider, 'string');
  const [{ path, body }] = mock.getRequests();
  assert.deepEqual([path, body.models], ['/api/v1/chat/completions', ['a/one', 'b/two']]);
});

test('the service goes on to the next model', async (t) => {
  const { mock, generate } = await open(t);
  mock.addFixture({ match: { model: 'a/one' }, response: { error: { message: 'down' }, status: 503 } });
  mock.addFixture({ match: { model: 'b/two' }, response: { content: TEXT } });
  assert.equal((await generate('escreva')).model, 'b/two');
  assert.equal(mock.getRequests().length, 1);
});

test('a refusal is what it says it is', async (t) => {
  const { mock, generate } = await open(t, { retry: { quick: 0 } });
  const refusals = {
    400: 'ERR_WARMPATH_LLM_REJECTED',
    401: 'ERR_WARMPATH_LLM_UNAUTHORIZED',
    402: 'ERR_WARMPATH_LLM_CREDITS',
    404: 'ERR_WARMPATH_LLM_MODEL',
    502: 'ERR_WARMPATH_LLM_UNAVAILABLE',
  };
  for (const [status, code] of Object.entries(refusals)) {
    mock.onMessage(`status ${status}`, { error: { message: 'canary' }, status: Number(status) });
    await assert.rejects(generate(`status ${status}`), (err) => {
      assert.equal(err.code, code);
      assert.ok(!err.message.includes('canary'));
      return true;
    });
  }
});

test('a wait is waited for: Retry-After is a floor, and costs no try', async (t) => {
  const { mock, executor, generate } = await open(t);
  mock.onMessage('escreva', { content: TEXT });
  mock.nextRequestError(429);
  const [outcomes] = await Promise.all([
    new Promise((resolve) => executor.once('settled', resolve)),
    generate('escreva', { models: ['a/one'] }),
  ]);
  assert.equal(outcomes[0].attempts, 1);
  const [first, second] = mock.getRequests().map(({ timestamp }) => timestamp);
  assert.ok(second - first >= 990, `${second - first} ms of the second that it asked for`);
});

test('a split by the LLM, held against the text', async (t) => {
  const { mock, generate } = await open(t, { split: { by: 'llm', aboveChars: 20 } });
  const parts = ['Oi, Ana! Tudo bem com você?', 'Vi que gostou do apartamento.'];
  mock.onMessage('escreva', { content: TEXT });
  mock.onMessage(TEXT, { content: JSON.stringify({ parts }) });
  const value = await generate('escreva');
  assert.deepEqual([value.parts, value.splitBy, value.usage.requests], [parts, 'llm', 2]);
});
