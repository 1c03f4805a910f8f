'use strict';

const path = require('node:path');
const { CampaignExecutor } = require('../..');
const { Child } = require('../lib/child');
const { digits, table } = require('../lib/markdown');
const { partsOf, post } = require('./message');

const WINDOW = 5;
const SECRET = 'benchmark-secret';

// What a completion takes, ms: always the same, and four quick ones with a slow one.
const PLANS = {
  full: { even: Array(100).fill(2000), mixed: Array(6).fill([200, 200, 200, 200, 10_000]).flat() },
  quick: { even: Array(20).fill(100), mixed: Array(3).fill([20, 20, 20, 20, 500]).flat() },
};

const TARGETS = { even: 0.97, mixed: 1.5 };

/** Asks for an answer that takes so long. */
const prompt = (ms) => [{ role: 'user', content: `wait ${ms}` }];

/** Ours: a sliding window, as it comes. */
async function sliding(config, latencies) {
  const executor = new CampaignExecutor({
    llm: { apiKey: 'k', baseUrl: `${config.url}/api/v1`, models: ['a/one'] },
    webhook: { url: `${config.url}/hook`, secret: SECRET },
    split: { maxChars: 400 },
    concurrency: WINDOW,
  });
  const started = performance.now();
  await Promise.all(
    latencies.map(async (ms, n) => {
      const ids = { campaignId: 'c', messageId: `w${n}` };
      const { parts } = await executor.run({ step: 'generate', ...ids, messages: prompt(ms) });
      await executor.run({ step: 'deliver', ...ids, parts });
    }),
  );
  const wallMs = performance.now() - started;
  await executor.close();
  return wallMs;
}

/** What it replaces: chunks of five, each waiting for its slowest. */
async function chunks(config, latencies) {
  const started = performance.now();
  const one = async (ms, messageId) => {
    const response = await fetch(`${config.url}/api/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
      body: JSON.stringify({ model: 'a/one', messages: prompt(ms) }),
    });
    const parts = partsOf((await response.json()).choices[0].message.content);
    for (let part = 0; part < parts.length; part++) await post(config, messageId, part, parts);
  };
  for (let at = 0; at < latencies.length; at += WINDOW) {
    const chunk = latencies.slice(at, at + WINDOW).map((ms, n) => one(ms, `c${at + n}`));
    for (const { reason } of await Promise.allSettled(chunk)) if (reason) throw reason;
  }
  return performance.now() - started;
}

/**
 * A window of five against what is possible, and against chunks of five. Everybody waits nearly all of the time, so all of it
 * runs at once.
 */
async function run({ quick, log }) {
  const plan = quick ? PLANS.quick : PLANS.full;
  const server = Child.node(path.join(__dirname, 'server.js'), { latencyMs: 0, hookMs: 1, secret: SECRET });
  try {
    const config = { url: `http://127.0.0.1:${(await server.hear()).port}`, secret: SECRET };
    const [even, mixed, chunked] = await Promise.all([
      sliding(config, plan.even),
      sliding({ ...config }, plan.mixed),
      chunks(config, plan.mixed),
    ]);
    const possible = (plan.even.length / WINDOW) * plan.even[0];
    const reached = { even: possible / even, mixed: chunked / mixed };
    log(`window: ${digits(reached.even * 100)} % of the limit, ${digits(reached.mixed)} × chunks of five`);
    return {
      data: { plan, evenMs: even, mixedMs: mixed, chunkedMs: chunked, reached },
      markdown: report(plan, reached),
    };
  } finally {
    await server.end();
  }
}

function report(plan, { even, mixed }) {
  const met = (holds) => (holds ? 'yes' : '**no**');
  const rows = [
    [
      `${plan.even.length} messages of ${plan.even[0]} ms, of the limit`,
      `${digits(even * 100)} %`,
      met(even >= TARGETS.even),
    ],
    [
      `${plan.mixed.length} messages, four of ${plan.mixed[0]} ms and one of ${plan.mixed[4]} ms in turn, against chunks of five`,
      `${digits(mixed)} ×`,
      met(mixed >= TARGETS.mixed),
    ],
  ];
  return [`### A window of ${WINDOW}, completions and deliveries`, table(['', 'reached', 'met'], rows)].join('\n\n');
}

module.exports = { run };
