'use strict';

const { invalidOption, is, readOptions } = require('../options');

const MIB = 1024 * 1024;
const amount = { check: (v) => typeof v === 'number' && Number.isFinite(v) && v >= 0, hint: 'a number, 0 or more' };

/** One number, or the bounds between which each request draws its own. */
const latency = {
  check: (v) => amount.check(v) || (Array.isArray(v) && v.length === 2 && v.every(amount.check) && v[0] <= v[1]),
  hint: 'ms, or [least, most]',
};

const SHAPE = {
  port: { ...is.port, default: 0 },
  host: { ...is.text, default: '127.0.0.1' },
  tls: is.object,
  keys: is.list,
  models: is.object,
  latencyMs: { ...latency, default: 0 },
  keepAliveMs: { ...amount, default: 0 },
  reply: is.fn,
  seed: { check: Number.isSafeInteger, hint: 'a whole number', default: 1 },
  limits: { ...is.object, default: {} },
  maxBodyBytes: { ...is.positive, default: 4 * MIB },
  keepTexts: { ...is.flag, default: true },
  clock: { check: (v) => is.fn.check(v) || is.object.check(v), hint: 'a function or a clock' },
  journalLimit: { ...is.count, default: 20_000 },
};

const KEY = {
  key: { ...is.text, default: undefined },
  label: { ...is.text, default: 'sandbox' },
  credit: { ...amount, default: Number.POSITIVE_INFINITY },
};

const MODEL = {
  promptPrice: { ...amount, default: 0.15e-6 },
  completionPrice: { ...amount, default: 0.6e-6 },
  contextLength: { ...is.positive, default: 128_000 },
  provider: { ...is.text, default: 'Sandbox' },
  latencyMs: latency,
  down: { ...is.flag, default: false },
};

const LIMITS = { requestsPerMinute: is.positive, tokensPerMinute: is.positive };

/** The options of an OpenRouter sandbox, complete: every model and key with all of its fields. */
function readOpenRouterOptions(given) {
  const options = readOptions('OpenRouterSandbox.start', given, SHAPE);
  if (options.keys !== undefined) options.keys = options.keys.map(readKey);
  if (options.models !== undefined) {
    const known = Object.entries(options.models).map(([name, one]) => [name, readModel(name, one)]);
    options.models = new Map(known);
  }
  options.limits = readOptions('OpenRouterSandbox.start: limits', options.limits, LIMITS);
  return options;
}

function readKey(given) {
  const key = readOptions('OpenRouterSandbox.start: keys', typeof given === 'string' ? { key: given } : given, KEY);
  if (key.key === undefined) throw invalidOption('OpenRouterSandbox.start: keys: every key needs a key');
  return key;
}

const readModel = (name, given) => readOptions(`OpenRouterSandbox.start: models ${name}`, given, MODEL);

module.exports = { readOpenRouterOptions, readKey, readModel };
