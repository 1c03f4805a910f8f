'use strict';

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const OpenAI = require('openai');
const { OpenRouterSandbox } = require('../lib/testing');

const MESSAGES = [{ role: 'user', content: 'Write a message. Then another one.' }];

// Real clients, unchanged: what they read in an answer, the sandbox must have said as the service says it.
describe('OpenRouterSandbox and real clients', () => {
  let llm;
  before(async () => {
    llm = await OpenRouterSandbox.start({ keys: ['sk-or-test'] });
  });
  after(() => llm.close());

  describe('openai', () => {
    let client;
    before(() => {
      client = new OpenAI({ baseURL: llm.baseUrl, apiKey: 'sk-or-test', maxRetries: 0 });
    });

    it('reads a completion', async () => {
      const answer = await client.chat.completions.create({ model: 'm', messages: MESSAGES });
      assert.equal(answer.choices[0].message.content, llm.completions.at(-1).text);
      assert.equal(answer.usage.cost, llm.completions.at(-1).cost);
    });

    it('reads a stream', async () => {
      const stream = await client.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true });
      let text = '';
      let usage;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        usage = chunk.usage ?? usage;
      }
      assert.equal(text, llm.completions.at(-1).text);
      assert.equal(usage.cost, llm.completions.at(-1).cost);
    });

    it('lists models', async () => {
      llm.setModel('a/b', {});
      assert.deepEqual(
        (await client.models.list()).data.map(({ id }) => id),
        ['a/b'],
      );
    });

    it('retries what it is told to', async () => {
      const patient = new OpenAI({ baseURL: llm.baseUrl, apiKey: 'sk-or-test', maxRetries: 2 });
      const fault = llm.faults.add({ name: 'rate-limited-ms', retryAfter: 0, times: 2 });
      await patient.chat.completions.create({ model: 'm', messages: MESSAGES });
      assert.equal(fault.bites, 2);
    });

    for (const [name, type] of [
      ['unauthorized', OpenAI.AuthenticationError],
      ['rate-limited', OpenAI.RateLimitError],
      ['bad-request', OpenAI.BadRequestError],
      ['bad-gateway', OpenAI.InternalServerError],
    ]) {
      it(`knows ${name}`, async () => {
        llm.faults.add({ name });
        await assert.rejects(client.chat.completions.create({ model: 'm', messages: MESSAGES }), type);
      });
    }
  });

  describe('@openrouter/sdk', () => {
    let client;
    before(async () => {
      const { OpenRouter } = await import('@openrouter/sdk');
      client = new OpenRouter({ apiKey: 'sk-or-test', serverURL: llm.baseUrl, retryConfig: { strategy: 'none' } });
    });

    it('takes a completion for one of its own', async () => {
      const answer = await client.chat.send({ chatRequest: { model: 'm', messages: MESSAGES, stream: false } });
      assert.equal(answer.choices[0].message.content, llm.completions.at(-1).text);
      assert.equal(
        answer.usage.totalTokens,
        llm.completions.at(-1).promptTokens + llm.completions.at(-1).completionTokens,
      );
    });

    it('knows 402', async () => {
      llm.faults.add({ name: 'insufficient-credits' });
      await assert.rejects(client.chat.send({ chatRequest: { model: 'm', messages: MESSAGES, stream: false } }), {
        statusCode: 402,
      });
    });
  });
});
