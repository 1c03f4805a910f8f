'use strict';

const http = require('node:http');
const { once } = require('node:events');

/**
 * A server for one kind of request: `answer(body, request, number)` says `{ status?, headers?, body }` (an object becomes
 * JSON), or nothing, and then the request is left hanging.
 */
async function startServer(answer) {
  const requests = [];
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString();
    const request = { url: req.url, headers: req.headers, raw, body: JSON.parse(raw) };
    requests.push(request);
    const said = await answer(request.body, request, requests.length - 1);
    if (said === undefined) return;
    const { status = 200, headers = {}, body = {} } = said;
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A completion with this text. */
const says = (content) => ({
  body: {
    id: 'gen-1',
    model: 'a/one',
    provider: 'P',
    choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 5, cost: 0.25 },
  },
});

/** An LLM service and a webhook, and options of an executor between them. */
async function startCampaign({ llm = () => says('Oi, Ana! Tudo bem com você?'), webhook = () => ({}) } = {}) {
  const [service, hook] = await Promise.all([startServer(llm), startServer(webhook)]);
  return {
    llm: service,
    webhook: hook,
    options: (extra = {}) => ({
      llm: { apiKey: 'canary-key', baseUrl: `${service.url}/api/v1`, models: ['a/one'] },
      webhook: { url: `${hook.url}/hook`, secret: `whsec_${Buffer.from('canary-secret').toString('base64')}` },
      retry: { quick: 2, baseMs: 1, maxMs: 1 },
      ...extra,
    }),
    close: () => Promise.all([service.close(), hook.close()]),
  };
}

module.exports = { startCampaign, says };
