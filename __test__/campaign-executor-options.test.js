'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { CampaignExecutor, WarmpathError } = require('..');
const { campaignOptions } = require('../lib/options/campaign.js');
const { checkCampaignJob } = require('../lib/options/campaign-job.js');

const SECRET = 'top-secret-value';
const base = {
  llm: { apiKey: SECRET, models: ['a/one'] },
  webhook: { url: 'https://hook.example/x?token=1', secret: SECRET },
};

const WRONG = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  1.5,
  2 ** 53,
  '\n',
  '',
  null,
  {},
  [],
  Symbol('x'),
  1n,
  () => {},
];

/** A copy of `object` with the value put at the path. */
function withValue(object, path, value) {
  const [head, ...tail] = path.split('.');
  const rest = tail.length === 0 ? value : withValue(object?.[head] ?? {}, tail.join('.'), value);
  return { ...object, [head]: rest };
}

/** Every option, and how many of the wrong values happen to be right for it. */
const OPTIONS = {
  llm: 0,
  'llm.apiKey': 0,
  'llm.baseUrl': 0,
  'llm.models': 0,
  'llm.fallbacks': 0,
  'llm.maxTokens': 0,
  'llm.temperature': 1,
  'llm.headers': 1,
  'llm.body': 1,
  'llm.limits': 1,
  'llm.limits.requests': 0,
  'llm.limits.requests.limit': 0,
  'llm.limits.tokens.limit': 0,
  'llm.limits.cost.limit': 1,
  'llm.limits.cost.periodMs': 0,
  'llm.limits.models': 1,
  'llm.circuit': 1,
  'llm.circuit.failures': 0,
  'llm.circuit.cooldownMs': 0,
  webhook: 0,
  'webhook.url': 0,
  'webhook.secret': 0,
  'webhook.headers': 1,
  'webhook.circuit': 1,
  'webhook.circuit.failures': 0,
  split: 1,
  'split.by': 0,
  'split.maxChars': 0,
  'split.aboveChars': 0,
  'split.models': 0,
  'split.instructions': 1,
  minGraphemes: 0,
  confirmParts: 0,
  timeouts: 1,
  'timeouts.connectMs': 0,
  'timeouts.generateMs': 0,
  'timeouts.splitMs': 0,
  'timeouts.deliverMs': 0,
  retry: 1,
  'retry.quick': 0,
  'retry.baseMs': 0,
  'retry.maxMs': 0,
  concurrency: 0,
  capacity: 0,
  http: 1,
};

test('every option refuses every wrong value, by name', () => {
  const limit = { limit: 1, periodMs: 1000 };
  const whole = withValue(base, 'llm.limits', { requests: limit, tokens: limit, cost: limit });
  for (const [path, fine] of Object.entries(OPTIONS)) {
    let passed = 0;
    for (const value of WRONG) {
      try {
        campaignOptions(withValue(whole, path, value));
        passed++;
      } catch (err) {
        const text = `${path} = ${String(value)}: ${err.stack}`;
        assert.ok(err instanceof WarmpathError, text);
        assert.equal(err.code, 'ERR_WARMPATH_INVALID_OPTION', text);
        // Of an object it may be a field that is missing.
        assert.ok(err.option === path || err.option.startsWith(`${path}.`) || path.startsWith(err.option), text);
        assert.ok(!err.message.includes(SECRET), text);
      }
    }
    assert.equal(passed, fine, path);
  }
});

test('every object of options refuses an unknown key', () => {
  const places = ['', 'llm.', 'llm.limits.', 'llm.limits.requests.', 'llm.circuit.', 'webhook.', 'split.', 'timeouts.'];
  for (const place of [...places, 'retry.']) {
    const options =
      place === 'llm.limits.requests.' ? withValue(base, 'llm.limits.requests', { limit: 1, periodMs: 1 }) : base;
    assert.throws(() => new CampaignExecutor(withValue(options, `${place}unknown`, 1)), { option: `${place}unknown` });
  }
});

test('what belongs together is checked together', () => {
  assert.throws(() => campaignOptions({}), { option: 'llm' });
  assert.throws(() => campaignOptions({ ...base, retry: { baseMs: 5000 } }), { option: 'retry.baseMs' });
  for (const name of ['Authorization', 'content-type', 'Host', 'webhook-id']) {
    assert.throws(() => campaignOptions(withValue(base, 'llm.headers', { [name]: 'x' })), {
      option: `llm.headers.${name}`,
    });
  }
  for (const name of ['model', 'models', 'messages', 'stream', 'response_format']) {
    assert.throws(() => campaignOptions(withValue(base, `llm.body.${name}`, 'x')), { option: `llm.body.${name}` });
  }
  for (const url of ['ftp://x', 'https://u:p@x/', 'https://x/#y', 'https://x/?ä', 'x']) {
    assert.throws(() => campaignOptions(withValue(base, 'webhook.url', url)), { option: 'webhook.url' }, url);
  }
  for (const secret of ['whsec_', 'whsec_!', 'whsec_AAA', 'two words']) {
    assert.throws(() => campaignOptions(withValue(base, 'webhook.secret', secret)), { option: 'webhook.secret' });
  }
  assert.equal(
    campaignOptions(withValue(base, 'webhook.headers.Authorization', 'Bearer x')).webhook.headers.authorization,
    'Bearer x',
  );
  assert.equal(campaignOptions(withValue(base, 'llm.circuit', false)).llm.circuit, null);
});

test('the defaults are those of the documentation', () => {
  const { split, minGraphemes, timeouts, retry, concurrency, capacity, llm } = campaignOptions(base);
  assert.deepEqual({ ...split }, { by: 'local', maxChars: 1000, aboveChars: 200 });
  assert.deepEqual({ ...timeouts }, { connectMs: 5000, generateMs: 30_000, splitMs: 20_000, deliverMs: 10_000 });
  assert.deepEqual({ ...retry }, { quick: 3, baseMs: 1000, maxMs: 4000 });
  assert.deepEqual([minGraphemes, concurrency, capacity], [10, 5, 500]);
  assert.deepEqual([llm.baseUrl, llm.fallbacks], ['https://openrouter.ai/api/v1', 'server']);
  assert.deepEqual({ ...llm.circuit }, { failures: 5, cooldownMs: 30_000 });
});

test('a polluted prototype supplies nothing', () => {
  for (const name of ['secret', 'maxTokens', 'concurrency', 'from']) Object.prototype[name] = 7;
  try {
    assert.equal(campaignOptions(base).concurrency, 5);
    assert.equal(campaignOptions(base).llm.maxTokens, undefined);
  } finally {
    for (const name of ['secret', 'maxTokens', 'concurrency', 'from']) delete Object.prototype[name];
  }
});

const check = checkCampaignJob({ generate: true, deliver: true });
const ids = { campaignId: 'c', messageId: 'm' };
const jobs = {
  generate: { step: 'generate', ...ids, messages: [{ role: 'user', content: 'x' }] },
  deliver: { step: 'deliver', ...ids, parts: ['x'] },
};

test('every field of a job refuses every wrong value, by name', () => {
  const fields = {
    generate: ['step', 'campaignId', 'messageId', 'messages', 'models', 'maxTokens', 'priority', 'leaseMs'],
    deliver: ['step', 'campaignId', 'messageId', 'parts', 'from', 'leaseMs'],
  };
  for (const [step, names] of Object.entries(fields)) {
    assert.doesNotThrow(() => check(jobs[step]));
    for (const name of names) {
      for (const value of WRONG) {
        const fine = (name.endsWith('Id') && value === '\n') || (name === 'priority' && value === -1);
        if (fine) continue;
        assert.throws(
          () => check({ ...jobs[step], [name]: value }),
          (err) => {
            assert.equal(err.code, 'ERR_WARMPATH_INVALID_JOB', `${step} ${name} ${String(value)}: ${err.stack}`);
            assert.ok(err.option.startsWith(`job.${name}`), `${err.option} for ${name}`);
            return true;
          },
        );
      }
    }
    assert.throws(() => check({ ...jobs[step], unknown: 1 }), { option: 'job.unknown' });
  }
  assert.throws(() => check({ ...jobs.generate, parts: ['x'] }), { option: 'job.parts' });
  assert.throws(() => check({ ...jobs.deliver, from: 1 }), { option: 'job.from' });
});

test('what is passed on is JSON, or refused', () => {
  const recipient = (value) => check({ ...jobs.deliver, recipient: value });
  const plain = { a: [1, 'x', null, { b: true }], c: undefined };
  assert.equal(JSON.stringify(recipient(plain).deliver.recipient), JSON.stringify(plain));
  const loop = {};
  loop.loop = loop;
  for (const value of [1, 'x', [], new Date(), { a: new Date() }, { a: Number.NaN }, { a: 1n }, { a: () => {} }]) {
    assert.throws(() => recipient(value), { code: 'ERR_WARMPATH_INVALID_JOB' });
  }
  for (const value of [loop, { a: '\ud800' }, { toJSON: 'x' }, { a: 'x'.repeat(70_000) }, { a: new Array(2) }]) {
    assert.throws(() => recipient(value), { code: 'ERR_WARMPATH_INVALID_JOB' });
  }
});

test('a step needs its option', () => {
  const only = (name) => new CampaignExecutor({ [name]: base[name] });
  assert.throws(() => only('webhook').submit(jobs.generate), { code: 'ERR_WARMPATH_INVALID_JOB', option: 'job.step' });
  assert.throws(() => only('llm').submit(jobs.deliver), { code: 'ERR_WARMPATH_INVALID_JOB', option: 'job.step' });
});

test('no two jobs share a key', () => {
  const key = (campaignId, messageId) => check({ ...jobs.deliver, campaignId, messageId }).key;
  assert.notEqual(key('b:c', 'a'), key('c', 'a:b'));
  assert.notEqual(key('c', 'a%3Ab'), key('c', 'a:b'));
  assert.ok(key(':'.repeat(250), ':'.repeat(250)).length <= 1024);
  assert.equal(check({ ...jobs.deliver, key: 'own' }).key, 'own');
});

test('what is passed on as JSON is read once, and only what JSON would hold', () => {
  const bodyOf = (body) => campaignOptions(withValue(base, 'llm.body', body)).llm.body;
  let reads = 0;
  const changing = {
    get seed() {
      reads += 1;
      return reads === 1 ? 7 : () => {};
    },
  };
  assert.equal(JSON.stringify(bodyOf(changing)), '{"seed":7}');
  const own = JSON.parse('{"__proto__":{"a":1},"list":[1,{"b":null}]}');
  assert.equal(JSON.stringify(bodyOf(own)), '{"__proto__":{"a":1},"list":[1,{"b":null}]}');
  const hidden = Object.defineProperty({ seen: true }, 'hidden', { value: SECRET });
  assert.equal(JSON.stringify(bodyOf(hidden)), '{"seen":true}');

  const throwing = {
    get it() {
      throw new RangeError('from inside');
    },
  };
  const refused = (body, option) =>
    assert.throws(() => bodyOf(body), { code: 'ERR_WARMPATH_INVALID_OPTION', option }, option);
  refused(throwing, 'llm.body.it');
  refused({ list: [throwing] }, 'llm.body.list[0].it');
  const cannotBeListed = {
    ownKeys: () => {
      throw new RangeError('from inside');
    },
  };
  refused({ list: [new Proxy({}, cannotBeListed)] }, 'llm.body.list[0]');
});
