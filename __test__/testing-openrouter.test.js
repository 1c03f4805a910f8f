'use strict';

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');
const { OpenRouterSandbox, ManualClock, mixLlm } = require('../lib/testing');
const { call } = require('./support/telegram');

const HEADERS = { authorization: 'Bearer sk-or-test', 'content-type': 'application/json' };
const PARTS = {
  type: 'json_schema',
  json_schema: {
    name: 'parts',
    strict: true,
    schema: {
      type: 'object',
      properties: { parts: { type: 'array', items: { type: 'string' } } },
      required: ['parts'],
      additionalProperties: false,
    },
  },
};
const TEXT = 'One sentence here. Another one follows! '.repeat(20).trim();

const ask = (llm, body = {}, { headers = HEADERS, path = 'chat/completions', ...more } = {}) => {
  const full = { model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: TEXT }], ...body };
  return call(`${llm.baseUrl}/${path}`, { headers, chunks: [JSON.stringify(full)], ...more });
};

describe('OpenRouterSandbox', () => {
  let llm;
  before(async () => {
    llm = await OpenRouterSandbox.start({
      keys: ['sk-or-test', { key: 'sk-or-poor', label: 'poor', credit: 0.00001 }],
      seed: 7,
    });
  });
  afterEach(() => llm.reset());
  after(() => llm.close());

  it('answers as OpenRouter does, and charges it', async () => {
    const { status, json } = await ask(llm);
    assert.equal(status, 200);
    const [choice] = json.choices;
    assert.deepEqual(
      [json.object, json.provider, choice.finish_reason, choice.native_finish_reason, choice.message.role],
      ['chat.completion', 'Sandbox', 'stop', 'stop', 'assistant'],
    );
    assert.match(json.id, /^gen-\d+-\w+$/);
    assert.equal(json.usage.total_tokens, json.usage.prompt_tokens + json.usage.completion_tokens);
    const [made] = llm.completions;
    assert.deepEqual([made.id, made.text, made.cost], [json.id, choice.message.content, json.usage.cost]);
    assert.deepEqual(llm.usage(), {
      completions: 1,
      promptTokens: json.usage.prompt_tokens,
      completionTokens: json.usage.completion_tokens,
      cost: json.usage.cost,
    });
    const generation = await call(`${llm.baseUrl}/generation?id=${json.id}`, { method: 'GET', headers: HEADERS });
    assert.equal(generation.json.data.total_cost, json.usage.cost);
  });

  it('writes another text each time, and the same ones under the same seed', async () => {
    const texts = [];
    for (const seed of [3, 3, 4]) {
      const one = await OpenRouterSandbox.start({ seed });
      for (let i = 0; i < 5; i++) texts.push((await ask(one)).json.choices[0].message.content);
      await one.close();
    }
    assert.deepEqual(texts.slice(0, 5), texts.slice(5, 10));
    assert.notDeepEqual(texts.slice(0, 5), texts.slice(10));
    assert.equal(new Set(texts.slice(0, 5)).size, 5);
  });

  it('answers a schema with the text in parts, nothing lost', async () => {
    const { json } = await ask(llm, { response_format: PARTS });
    const { parts } = JSON.parse(json.choices[0].message.content);
    assert.ok(parts.length > 1);
    assert.equal(parts.join('').replace(/\s/g, ''), TEXT.replace(/\s/g, ''));
    assert.equal(llm.requests[0].format, 'json');
  });

  it('cuts off at max_tokens, and says so', async () => {
    const { json } = await ask(llm, { max_tokens: 5 });
    assert.equal(json.choices[0].finish_reason, 'length');
    assert.ok(json.usage.completion_tokens <= 5);
  });

  for (const [what, body, expected] of [
    ['no messages', { messages: [] }, 400],
    ['a wrong role', { messages: [{ role: 'robot', content: 'x' }] }, 400],
    ['no model', { model: undefined }, 400],
    [
      'an open schema in strict mode',
      {
        response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { type: 'object' } } },
      },
      400,
    ],
  ]) {
    it(`refuses ${what}`, async () => {
      const { status, json } = await ask(llm, body);
      assert.equal(status, expected);
      assert.equal(json.error.code, expected);
      assert.equal(llm.completions.length, 0);
    });
  }

  it('refuses no key, an unknown key, and one whose credit is used up', async () => {
    assert.equal((await ask(llm, {}, { headers: { 'content-type': 'application/json' } })).status, 401);
    assert.equal((await ask(llm, {}, { headers: { ...HEADERS, authorization: 'Bearer sk-other' } })).status, 401);
    const poor = { headers: { ...HEADERS, authorization: 'Bearer sk-or-poor' } };
    assert.equal((await ask(llm, {}, poor)).status, 200);
    const { status, json } = await ask(llm, {}, poor);
    assert.deepEqual([status, json.error.code], [402, 402]);
    const key = await call(`${llm.baseUrl}/key`, { method: 'GET', ...poor });
    assert.equal(key.json.data.limit_remaining, 0);
    assert.ok(!JSON.stringify(llm.requests).includes('sk-or-'), 'no key is on record');
  });

  it('goes on to the next model when one is down', async () => {
    llm.setModel('a/down', { down: true });
    const { json } = await ask(llm, { model: undefined, models: ['a/down', 'b/up'] });
    assert.equal(json.model, 'b/up');
    assert.equal((await ask(llm, { model: 'a/down' })).status, 502);
    llm.setModel('a/down', {});
  });

  it('streams', async () => {
    const { text, headers } = await ask(llm, { stream: true });
    assert.equal(headers['content-type'], 'text/event-stream');
    assert.match(text, /^: OPENROUTER PROCESSING\n\n/);
    assert.match(text, /data: \[DONE\]\n\n$/);
  });

  // What is told in each form, as ms from now.
  const TOLD = {
    'rate-limited': ({ headers }) => Number(headers['retry-after']) * 1000,
    'rate-limited-date': ({ headers }) => Date.parse(headers['retry-after']) - Date.now(),
    'rate-limited-ms': ({ headers }) => Number(headers['retry-after-ms']),
    'rate-limited-body': ({ json }) => json.error.metadata.retry_after * 1000,
    'rate-limited-reset': ({ headers }) => Number(headers['x-ratelimit-reset']) - Date.now(),
    'rate-limited-reset-seconds': ({ headers }) => Number(headers['x-ratelimit-reset']) * 1000 - Date.now(),
  };
  for (const [name, told] of Object.entries(TOLD)) {
    it(`tells the time: ${name}`, async () => {
      const fault = llm.faults.add({ name, retryAfter: 30 });
      const answer = await ask(llm);
      assert.deepEqual([answer.status, fault.bites, answer.json.error.code], [429, 1, 429]);
      assert.ok(told(answer) > 20_000 && told(answer) <= 31_000, String(told(answer)));
      const hints = Object.keys(answer.headers).filter((one) => /^retry-after|^x-ratelimit-reset$/.test(one));
      assert.equal(hints.length, name === 'rate-limited-body' ? 0 : 1, 'in no other form');
    });
  }

  it('tells no time', async () => {
    llm.faults.add({ name: 'rate-limited-without-time' });
    const { status, headers, text } = await ask(llm);
    assert.equal(status, 429);
    assert.ok(!/retry|reset/i.test(JSON.stringify(headers) + text));
  });

  const contentOf = ({ json }) => json.choices[0].message.content;
  const COMPLETIONS = {
    'error-in-body': ({ json }) => json.error.code === 502 && json.choices === undefined,
    'error-in-choice': ({ json }) => json.choices[0].finish_reason === 'error' && json.choices[0].error.code === 502,
    'empty-choices': ({ json }) => json.choices.length === 0,
    'null-content': (answer) => contentOf(answer) === null,
    'empty-content': (answer) => contentOf(answer).trim() === '',
    'short-content': (answer) => contentOf(answer).trim().length < 10,
    'cut-off': ({ json }) => json.choices[0].finish_reason === 'length',
    filtered: ({ json }) => json.choices[0].finish_reason === 'content_filter',
    refusal: ({ json }) => json.choices[0].message.refusal !== null,
    'no-usage': ({ json }) => json.usage === undefined,
    'no-cost': ({ json }) => json.usage.prompt_tokens > 0 && json.usage.cost === undefined,
  };
  for (const [name, fits] of Object.entries(COMPLETIONS)) {
    it(`answers 200 with ${name}, and charges it`, async () => {
      const fault = llm.faults.add({ name });
      const answer = await ask(llm);
      assert.deepEqual([answer.status, fault.bites, llm.completions.length], [200, 1, 1]);
      assert.ok(fits(answer), answer.text);
    });
  }

  const squeeze = (text) => text.replace(/\s/g, '');
  const partsOf = (answer) => JSON.parse(contentOf(answer)).parts;
  const SPLITS = {
    'not-json': (answer) => !contentOf(answer).includes('{'),
    'fenced-json': (answer) => contentOf(answer).startsWith('```json'),
    'other-schema': (answer) => partsOf(answer) === undefined,
    'lost-part': (answer) => squeeze(TEXT).startsWith(squeeze(partsOf(answer).join(''))),
    'other-words': (answer) => squeeze(partsOf(answer).join('')).length > squeeze(TEXT).length,
    'other-order': (answer) => squeeze(partsOf(answer).toReversed().join('')) === squeeze(TEXT),
    'one-long-part': (answer) => partsOf(answer).length === 1 && partsOf(answer)[0].length >= 5000,
  };
  for (const [name, fits] of Object.entries(SPLITS)) {
    it(`answers a schema with ${name}`, async () => {
      const fault = llm.faults.add({ name, match: { format: 'json' } });
      assert.equal((await ask(llm)).status, 200);
      assert.equal(fault.bites, 0, 'a text has no parts');
      const distinct = TEXT.split(' ')
        .map((word, i) => word + i)
        .join(' ');
      const text = name === 'other-order' || name === 'lost-part' || name === 'other-words' ? TEXT : distinct;
      const answer = await ask(llm, { response_format: PARTS, messages: [{ role: 'user', content: text }] });
      assert.equal(fault.bites, 1);
      assert.ok(fits(answer), answer.text);
    });
  }

  for (const name of ['stall', 'stall-in-body', 'keep-alive-for-ever']) {
    it(`never answers: ${name}`, async () => {
      const fault = llm.faults.add({ name, everyMs: name === 'keep-alive-for-ever' ? 5 : undefined });
      let seen = '';
      const controller = new AbortController();
      const answer = fetch(`${llm.baseUrl}/chat/completions`, {
        method: 'POST',
        headers: HEADERS,
        signal: controller.signal,
        body: JSON.stringify({ model: 'x', messages: [{ role: 'user', content: 'x' }] }),
      }).then(async (res) => {
        for await (const chunk of res.body) {
          seen += Buffer.from(chunk).toString();
          controller.abort();
        }
      });
      await fault.bitten();
      if (name === 'stall') controller.abort();
      await assert.rejects(answer, { name: 'AbortError' });
      assert.equal(seen.trim() === '', name !== 'stall-in-body');
    });
  }

  it('sends white space while the model thinks, and what goes wrong then comes with a 200', async () => {
    const slow = await OpenRouterSandbox.start({ latencyMs: 40, keepAliveMs: 5 });
    const good = await ask(slow);
    assert.match(good.text, /^\n+\{/);
    assert.ok(good.json.choices);
    slow.faults.add({ kind: 'status', status: 502, at: 'answer' });
    const bad = await ask(slow);
    assert.deepEqual([bad.status, bad.json.error.code], [200, 502]);
    await slow.close();
  });

  it('limits requests a minute, and counts who does not wait', async () => {
    const clock = new ManualClock();
    const limited = await OpenRouterSandbox.start({ clock, limits: { requestsPerMinute: 2 } });
    for (let i = 0; i < 2; i++) assert.equal((await ask(limited)).status, 200);
    clock.advance(10_000);
    const refused = await ask(limited);
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '50']);
    assert.equal((await ask(limited, { model: 'another' })).status, 200, 'of each model');
    assert.deepEqual(limited.limitStats(), { refused: 1, early: 0 });
    await ask(limited);
    assert.equal(limited.limitStats().early, 1);
    clock.advance(50_000);
    assert.equal((await ask(limited)).status, 200);
    await limited.close();
  });

  it('draws the same mix under the same seed, and every part of it bites', async () => {
    const runs = [];
    for (let i = 0; i < 2; i++) {
      llm.reset();
      const mix = llm.faults.mix({ ...mixLlm(5), percent: { ...mixLlm(5).percent, stallInBody: 0, midBodyReset: 4 } });
      const statuses = [];
      for (let n = 0; n < 150; n++) statuses.push((await ask(llm)).status);
      runs.push(statuses);
      for (const [name, { drawn, bites }] of Object.entries(mix.counts)) assert.equal(bites, drawn, name);
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.ok(new Set(runs[0]).size > 3);
  });

  it('is controlled from another process', async () => {
    const post = (path, body) =>
      call(`${llm.url}/__sandbox/${path}`, { headers: HEADERS, chunks: [JSON.stringify(body)] });
    assert.equal((await post('faults', { name: 'no-such' })).status, 400);
    await post('faults', { name: 'overloaded' });
    assert.equal((await ask(llm)).status, 529);
    await ask(llm);
    const { json } = await call(`${llm.url}/__sandbox/usage`, { method: 'GET' });
    assert.equal(json.completions, 1);
    await post('models', { name: 'm', promptPrice: 1 });
    assert.ok((await ask(llm, { model: 'm' })).json.usage.cost > 1);
  });
});
