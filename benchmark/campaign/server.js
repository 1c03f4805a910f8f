'use strict';

// The LLM service and the webhook of the campaign benchmark, in a process of their own. Says its port, then its own CPU for each
// line on standard input, with what the webhook saw: every part once, with a signature that holds.

const { createHmac } = require('node:crypto');
const http = require('node:http');
const readline = require('node:readline');

const { latencyMs, hookMs, secret } = JSON.parse(process.argv[2]);

// Two thoughts, some 500 characters: about what a campaign writes.
const TEXT = Array.from(
  { length: 2 },
  (_, n) =>
    `${n === 0 ? 'Oi, Ana!' : 'E mais:'} ${'vi que você gostou do apartamento perto do parque. '.repeat(4)}Posso ajudar? 👋`,
).join('\n\n');

const COMPLETION = JSON.stringify({
  id: 'gen-1',
  object: 'chat.completion',
  created: 1764000000,
  model: 'a/one',
  provider: 'P',
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop', logprobs: null }],
  usage: { prompt_tokens: 400, completion_tokens: 150, total_tokens: 550, cost: 0.0004 },
});

const seen = { completions: 0, parts: 0, repeated: 0, wrong: 0 };
const keys = new Set();

function part(req, body) {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = req.headers;
  const expected = createHmac('sha256', secret).update(`${id}.${at}.`).update(body).digest('base64');
  const { text, idempotencyKey } = JSON.parse(body);
  if (signature !== `v1,${expected}` || idempotencyKey !== id || !TEXT.includes(text)) seen.wrong += 1;
  if (keys.has(id)) seen.repeated += 1;
  keys.add(id);
  seen.parts += 1;
}

const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => {
    const completes = req.url === '/api/v1/chat/completions';
    if (completes) seen.completions += 1;
    else part(req, Buffer.concat(chunks));
    // A prompt may say how long its answer takes.
    const asked = completes && /"wait (\d+)"/.exec(Buffer.concat(chunks).toString());
    const takes = asked ? Number(asked[1]) : latencyMs;
    setTimeout(
      () => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(completes ? COMPLETION : '{"ok":true}');
      },
      completes ? takes : hookMs,
    );
  });
});

server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));

readline
  .createInterface({ input: process.stdin })
  .on('line', () => {
    const { user, system } = process.cpuUsage();
    process.stdout.write(`${JSON.stringify({ cpuUs: user + system, ...seen })}\n`);
    Object.assign(seen, { completions: 0, parts: 0, repeated: 0, wrong: 0 });
    keys.clear();
  })
  .on('close', () => process.exit());
