'use strict';

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');
const { Bot, InputFile } = require('grammy');
const OpenAI = require('openai');
const { createFetch } = require('..');
const { OpenRouterSandbox, TelegramSandbox } = require('../lib/testing');

const ASK = { model: 'm', messages: [{ role: 'user', content: 'x' }] };

describe('createFetch under real clients', () => {
  describe('openai', () => {
    let llm;
    before(async () => {
      llm = await OpenRouterSandbox.start();
    });
    afterEach(() => llm.reset());
    after(() => llm.close());
    const client = (options) =>
      new OpenAI({ baseURL: llm.baseUrl, apiKey: 'k', maxRetries: 0, fetch: createFetch(options) });

    it('completes and streams', async () => {
      const openai = client();
      const { choices } = await openai.chat.completions.create(ASK);
      assert.equal(choices[0].message.content, llm.completions.at(-1).text);
      let text = '';
      for await (const chunk of await openai.chat.completions.create({ ...ASK, stream: true })) {
        text += chunk.choices[0]?.delta.content ?? '';
      }
      assert.equal(text, llm.completions.at(-1).text);
    });

    // The SDK's own timeout is over when the head is there: https://github.com/openai/openai-node/issues/1825
    for (const name of ['stall-in-body', 'keep-alive-for-ever']) {
      it(`does not hang in the body: ${name}`, async () => {
        const fault = llm.faults.add({ name });
        await assert.rejects(
          client({ totalTimeoutMs: 200 }).chat.completions.create(ASK),
          /TimeoutError|timed out|not over in/,
        );
        assert.equal(fault.bites, 1);
        assert.equal(llm.requests[0].status, 200, 'the head did come');
      });
    }

    // Above 60 s the SDK ignores what it is told, and comes back after seconds.
    it('obeys every form of a wait, and hands on one that is too long', async () => {
      const openai = client({ retry: { methods: ['POST'], baseMs: 1, maxMs: 1 } });
      for (const name of ['rate-limited-ms', 'rate-limited', 'rate-limited-reset']) {
        const fault = llm.faults.add({ name, retryAfter: name === 'rate-limited-ms' ? 0 : 1 });
        await openai.chat.completions.create(ASK);
        assert.equal(fault.bites, 1);
      }
      const gaps = llm.requests.slice(1).map(({ at }, i) => at - llm.requests[i].at);
      assert.ok(gaps[2] >= 990 && gaps[4] >= 990, String(gaps));
      llm.faults.add({ name: 'rate-limited', retryAfter: 120 });
      await assert.rejects(openai.chat.completions.create(ASK), OpenAI.RateLimitError);
    });
  });

  describe('grammY', () => {
    let tg;
    let api;
    before(async () => {
      tg = await TelegramSandbox.start({ bots: [{ token: '1:x', chats: [7] }], limits: false, probe: false });
      const options = { apiRoot: tg.url, fetch: createFetch({ totalTimeoutMs: 300, retry: { baseMs: 1, maxMs: 1 } }) };
      ({ api } = new Bot('1:x', { client: options }));
    });
    afterEach(() => tg.reset());
    after(() => tg.close());

    it('sends text and uploads', async () => {
      assert.equal((await api.sendMessage(7, 'hello')).text, 'hello');
      const file = new InputFile(Buffer.from('bytes of a file'), 'a.txt');
      assert.equal((await api.sendDocument(7, file)).document.file_name, 'a.txt');
      assert.equal(tg.received.length, 2);
    });

    it('never sends a message twice by itself', async () => {
      const fault = tg.faults.add({ name: 'bad-gateway-after-effect' });
      await assert.rejects(api.sendMessage(7, 'hello'));
      assert.deepEqual([fault.bites, tg.received.length], [1, 1]);
    });

    it('gives up on a body that hangs', async () => {
      const fault = tg.faults.add({ kind: 'stallAfterBytes', bytes: 5 });
      await assert.rejects(api.getMe());
      assert.equal(fault.bites, 1);
    });
  });
});
