'use strict';

const check = require('./check.js');
const { invalidOption, common, fixedConcurrency } = require('./executor.js');
const { jsonObject } = require('./json.js');

const { shape, withDefault, integer, milliseconds, boolean, text, credential, oneOf, arrayOf, httpUrl } = check;
const { entriesOf, isPlainObject, describe, read } = check;

const DAY_MS = 86_400_000;

/** A model as OpenRouter names it, such as `anthropic/claude-sonnet-4.5` or `openai/gpt-5:nitro`. */
const model = text({ max: 256, pattern: /^[\x21-\x7e]+$/, form: 'printable ASCII without spaces' });
const models = arrayOf(model, { min: 1, max: 16 });

const temperature = (value, path, fail) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 2)) fail(path, 'must be a number from 0 to 2');
  return value;
};

const maxTokens = integer(1, 1_000_000);

// What the client itself says of a request.
const OWN_HEADERS = [
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'idempotency-key',
  'te',
  'transfer-encoding',
  'upgrade',
  'webhook-id',
  'webhook-signature',
  'webhook-timestamp',
];

/** Headers to send with every request; their values count as secrets. `more` are names that are not theirs to give. */
const headers = (more) => (value, path, fail) => {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  const out = {};
  for (const name of Object.keys(value)) {
    const at = `${path}.${name}`;
    const content = read(value, name, (_name, why) => fail(at, why));
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name)) fail(path, 'must have header names as keys');
    if (OWN_HEADERS.includes(name.toLowerCase()) || more.includes(name.toLowerCase())) fail(at, 'is not yours to set');
    out[name.toLowerCase()] = text({
      min: 0,
      max: 8192,
      pattern: /^[\x20-\x7e]*$/,
      form: 'printable ASCII without line breaks',
    })(content, at, fail);
  }
  return out;
};

/** An amount of money: the service's unit (US dollars at OpenRouter), fractions allowed. */
const money = (value, path, fail) => {
  if (typeof value !== 'number' || !(value > 0 && value <= 1e9)) fail(path, 'must be a number above 0');
  return value;
};

const periodMs = integer(1, DAY_MS, 'ms');
const budget = {
  requests: shape({ limit: integer(1, 1_000_000), periodMs }, { required: ['limit', 'periodMs'] }),
  tokens: shape({ limit: integer(1, 1e12), periodMs }, { required: ['limit', 'periodMs'] }),
  cost: shape({ limit: money, periodMs }, { required: ['limit', 'periodMs'] }),
};
const budgetOf = shape(budget);

const byModel = (value, path, fail) => {
  const out = {};
  for (const [name, limits] of entriesOf(value, path, fail)) {
    model(name, `${path}['…']`, fail);
    out[name] = budgetOf(limits, `${path}['${name}']`, fail);
  }
  return out;
};

const circuit = shape({
  failures: withDefault(integer(1, 1000), 5),
  cooldownMs: withDefault(milliseconds(), 30_000),
});
const circuitOption = (value, path, fail) => (value === false ? null : circuit(value, path, fail));

// Fields of a request that have an option or a place of their own.
const OWN_FIELDS = ['messages', 'model', 'models', 'max_tokens', 'temperature', 'response_format', 'stream'];

const anyJson = jsonObject();
const body = (value, path, fail) => {
  const copy = anyJson(value, path, fail);
  for (const name of OWN_FIELDS) if (Object.hasOwn(copy, name)) fail(`${path}.${name}`, 'is not yours to set');
  return copy;
};

const llm = shape(
  {
    apiKey: credential,
    baseUrl: withDefault(httpUrl(), 'https://openrouter.ai/api/v1'),
    models,
    fallbacks: withDefault(oneOf('server', 'client'), 'server'),
    maxTokens,
    temperature,
    headers: withDefault(headers(['authorization']), () => ({})),
    body: withDefault(body, () => ({})),
    limits: withDefault(shape({ ...budget, models: withDefault(byModel, () => ({})) }), () => ({ models: {} })),
    circuit: withDefault(circuitOption, () => circuit({}, 'llm.circuit', invalidOption)),
  },
  { required: ['apiKey', 'models'] },
);

/** A webhook's address: unlike an API's root it may have a query, which then counts as a secret too. */
const webhookUrl = (value, path, fail) => {
  if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
  if (value.includes('#')) fail(path, 'must not hold a fragment');
  httpUrl()(value.split('?', 1)[0], path, fail);
  if (!/^[\x21-\x7e]+$/.test(value)) fail(path, 'must be printable ASCII, percent-encoded where it is not');
  return value;
};

const webhookSecret = (value, path, fail) => {
  credential(value, path, fail);
  if (
    value.startsWith('whsec_') &&
    !/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
  ) {
    fail(path, 'must be base64 after whsec_');
  }
  if (value === 'whsec_') fail(path, 'must not be empty after whsec_');
  return value;
};

const webhook = shape(
  {
    url: webhookUrl,
    secret: webhookSecret,
    headers: withDefault(headers([]), () => ({})),
    circuit: withDefault(circuitOption, () => circuit({}, 'webhook.circuit', invalidOption)),
  },
  { required: ['url'] },
);

const maxChars = integer(20, 100_000, 'UTF-16 code units');

const split = shape({
  by: withDefault(oneOf('local', 'llm'), 'local'),
  maxChars: withDefault(maxChars, 1000),
  aboveChars: withDefault(integer(0, 100_000, 'UTF-16 code units'), 200),
  models,
  instructions: text({ max: 16_384 }),
});

const timeouts = shape({
  connectMs: withDefault(milliseconds(), 5000),
  generateMs: withDefault(milliseconds(), 30_000),
  splitMs: withDefault(milliseconds(), 20_000),
  deliverMs: withDefault(milliseconds(), 10_000),
});

const retryFields = {
  quick: withDefault(integer(0, 10), 3),
  baseMs: withDefault(milliseconds(), 1000),
  maxMs: withDefault(milliseconds(), 4000),
};

function retry(value, path, fail) {
  const out = shape(retryFields)(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const empty = (fields, name) => () => fields({}, name, invalidOption);

/** The fields that the executor and the worker on top of it share; `retry` is each one's own. */
const campaignFields = {
  llm,
  webhook,
  split: withDefault(split, empty(split, 'split')),
  minGraphemes: withDefault(integer(1, 10_000), 10),
  confirmParts: withDefault(boolean, false),
  timeouts: withDefault(timeouts, empty(timeouts, 'timeouts')),
  http: common.http,
  concurrency: withDefault(fixedConcurrency, 5),
  capacity: common.capacity,
};

const fields = shape({ ...campaignFields, retry: withDefault(retry, empty(retry, 'retry')) });

/** Refuses what the fields alone cannot tell. */
function checkedCampaign(out) {
  if (out.llm === undefined && out.webhook === undefined) invalidOption('llm', 'or webhook is required');
  return out;
}

/** Checked options of a CampaignExecutor, in the shape the engine reads as JSON. */
function campaignOptions(options) {
  return checkedCampaign(fields(options, '', invalidOption));
}

module.exports = {
  campaignOptions,
  campaignFields,
  campaignRetryFields: retryFields,
  checkedCampaign,
  maxChars,
  models,
  maxTokens,
  temperature,
};
