'use strict';

const assert = require('node:assert/strict');
const { createHmac, randomBytes } = require('node:crypto');
const fs = require('node:fs/promises');
const http = require('node:http');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { OpenRouterSandbox } = require('../lib/testing');
const { startWorld, until } = require('./support/example');

const SUPABASE = path.join(__dirname, '..', 'examples', 'supabase-campaign', 'supabase');
const handlers = (name) => import(path.join(SUPABASE, 'functions', name, 'handler.js'));

/** Serves a handler of web standards by Node's server, as the edge runtime would. */
async function serve(handler) {
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = chunks.length === 0 ? undefined : Buffer.concat(chunks);
    const response = await handler(
      new Request(`http://edge${req.url}`, { method: req.method, headers: req.headers, body }),
    );
    res.writeHead(response.status, Object.fromEntries(response.headers));
    res.end(await response.text());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

describe('campaigns of examples/express-app, called by an edge function', () => {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  const token = randomBytes(16).toString('hex');
  const sent = [];
  let world;
  let app;
  let llm;
  let edge;
  let refuse = 0;

  const query = async (sql, params) => (await world.pool.query(sql, params)).rows;
  const call = async (method, route, body, given = token) => {
    const headers = { 'content-type': 'application/json', ...(given && { authorization: `Bearer ${given}` }) };
    const init = { method, headers, body: body && JSON.stringify(body) };
    const response = await fetch(`${app.url}/api/campaigns${route}`, init);
    return { status: response.status, body: await response.json() };
  };

  before(async () => {
    [world, llm] = await Promise.all([startWorld(), OpenRouterSandbox.start({ keys: ['sk-or-example'] })]);
    const sql = await fs.readFile(path.join(SUPABASE, 'migrations', 'deliveries.sql'), 'utf8');
    await world.pool.query(sql);
    const rpc = async (name, ...values) => {
      const places = values.map((_, i) => `$${i + 1}`).join(', ');
      return (await query(`SELECT ${name}(${places}) AS answer`, values))[0].answer;
    };
    const { internalSendAiMessage } = await handlers('internal-send-ai-message');
    edge = await serve(
      internalSendAiMessage(
        { CAMPAIGN_WEBHOOK_SECRET: secret },
        {
          claim: (key, delivery) => rpc('claim_delivery', key, delivery.messageId),
          done: (key) => rpc('finish_delivery', key),
          forget: (key) => rpc('forget_delivery', key),
          send: async (delivery) => {
            if (refuse > 0) {
              refuse -= 1;
              throw new Error('the channel refused');
            }
            sent.push(delivery);
          },
        },
      ),
    );
    app = await world.app({
      OPENROUTER_API_KEY: 'sk-or-example',
      OPENROUTER_BASE_URL: llm.baseUrl,
      CAMPAIGN_MODELS: 'a/b,c/d',
      CAMPAIGN_WEBHOOK_URL: edge.url,
      CAMPAIGN_WEBHOOK_SECRET: secret,
      CAMPAIGN_API_TOKEN: token,
    });
  });
  after(async () => {
    await world?.stop();
    edge?.close();
    await llm?.close();
  });

  it('lets nobody in without its own token', async () => {
    for (const wrong of [null, `${token}x`, world.adminToken]) {
      assert.equal((await call('POST', '/wake', undefined, wrong)).status, 401);
    }
  });

  it('refuses what is not right, and says what', async () => {
    const none = '00000000-0000-4000-8000-000000000000';
    for (const [method, route, body, status] of [
      ['POST', '', { name: 'x' }, 400],
      ['POST', '/no-uuid/messages', { items: [{ lead_id: none }] }, 400],
      ['POST', `/${none}/messages`, { items: [] }, 400],
      ['POST', `/${none}/messages`, { items: [{ lead_id: 'x' }] }, 400],
      ['POST', `/${none}/messages`, { items: [{ lead_id: none, scheduled_at: 'soon' }] }, 400],
      ['POST', `/${none}/messages`, { items: [{ lead_id: none }] }, 404],
      ['POST', `/${none}/control`, { action: 'stop' }, 400],
      ['POST', `/${none}/control`, { action: 'pause' }, 404],
      ['GET', `/${none}`, undefined, 404],
    ]) {
      const answer = await call(method, route, body);
      assert.deepEqual([answer.status, answer.body.ok], [status, false], `${method} ${route}`);
    }
  });

  it('runs a campaign, from the lead to the channel', async () => {
    const leads = await query(
      "INSERT INTO leads (name, phone) VALUES ('Ana', '551'), ('Bia', '552'), ('Caio', NULL) RETURNING id",
    );
    const { body: run } = await call('POST', '', { name: 'March', prompt: 'Write a short message.' });
    const messageId = '00000000-0000-4000-8000-00000000000a';
    const items = leads.map(({ id }) => ({ lead_id: id }));
    items[0].message_id = messageId;
    refuse = 1;
    const { body } = await call('POST', `/${run.run_id}/messages`, { items });
    assert.deepEqual(body, { ok: true, queued: 3, statuses: ['queued', 'queued', 'queued'] });
    const again = await call('POST', `/${run.run_id}/messages`, { items: [items[0]] });
    assert.notEqual(again.body.statuses[0], 'queued');
    const done = await until(async () => {
      const { body: state } = await call('GET', `/${run.run_id}`);
      return state.messages.sent === 2 && state.messages.skipped === 1 && state;
    }, 'the campaign');
    assert.ok(done.tokens > 0 && done.cost > 0);
    assert.deepEqual(sent.map(({ recipient }) => recipient.phone).toSorted(), ['551', '552']);
    assert.ok(llm.completions.every(({ messages }) => messages[0].content === 'Write a short message.'));
    assert.equal(
      (await query('SELECT count(*)::int AS n FROM ai_message_deliveries WHERE sent_at IS NOT NULL'))[0].n,
      2,
    );
    const everything = app.output.join('\n');
    for (const word of ['sk-or-example', secret, token, 'Ana', 'Write a short'])
      assert.ok(!everything.includes(word), word);
  });

  it('takes rows that an edge function wrote, when it is knocked at', async () => {
    const [{ id: runId }] = await query("INSERT INTO campaign_runs (prompt) VALUES ('Hello') RETURNING id");
    await query("INSERT INTO campaign_messages (run_id, lead_id) SELECT $1, id FROM leads WHERE phone = '551'", [
      runId,
    ]);
    const { campaignProcessQueue } = await handlers('campaign-process-queue');
    const env = { CRON_SECRET: 'cron', WARMPATH_URL: app.url, CAMPAIGN_API_TOKEN: token };
    const knock = (given, more = {}) =>
      campaignProcessQueue({ ...env, ...more })(
        new Request('http://edge/', { method: 'POST', headers: { authorization: `Bearer ${given}` } }),
      );
    assert.equal((await knock('wrong')).status, 401);
    assert.equal((await knock('cron', { CAMPAIGN_API_TOKEN: 'wrong' })).status, 502);
    assert.equal((await knock('cron', { WARMPATH_URL: 'http://127.0.0.1:1' })).status, 502);
    const answer = await knock('cron');
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).ok, true);
    await until(async () => (await call('GET', `/${runId}`)).body.messages.sent === 1, 'the message');
  });

  it('sends a part once, whatever comes how often', async () => {
    const { isSigned } = await import(path.join(SUPABASE, 'functions', '_shared', 'signature.js'));
    const body = JSON.stringify({ messageId: 'm', text: 'x', idempotencyKey: 'key-1', recipient: { phone: '1' } });
    const headersAt = (seconds) => {
      const key = Buffer.from(secret.slice(6), 'base64');
      const signature = createHmac('sha256', key).update(`key-1.${seconds}.${body}`).digest('base64');
      const own = {
        'webhook-id': 'key-1',
        'webhook-timestamp': String(seconds),
        'webhook-signature': `v1,${signature}`,
      };
      return { ...own, 'idempotency-key': 'key-1' };
    };
    const now = Math.floor(Date.now() / 1000);
    assert.equal(await isSigned(secret, new Headers(headersAt(now)), body), true);
    assert.equal(await isSigned(secret, new Headers(headersAt(now - 600)), body), false);
    assert.equal(await isSigned(`${secret.slice(0, -4)}AAAA`, new Headers(headersAt(now)), body), false);
    const post = async (text = body) =>
      (await fetch(edge.url, { method: 'POST', headers: headersAt(now), body: text })).status;
    const before = sent.length;
    const first = await Promise.all([post(), post(), post()]);
    assert.equal(first.filter((status) => status === 200).length, 1);
    assert.ok(first.every((status) => [200, 409, 503].includes(status)));
    assert.equal(await post(), 409);
    assert.equal(await post(`${body} `), 401);
    assert.equal(sent.length, before + 1);
  });

  it('pauses and resumes a run', async () => {
    const { body: run } = await call('POST', '', { name: 'April', prompt: 'Hello' });
    assert.deepEqual((await call('POST', `/${run.run_id}/control`, { action: 'pause' })).body, {
      ok: true,
      status: 'paused',
    });
    const [{ id }] = await query("SELECT id FROM leads WHERE phone = '552'");
    await call('POST', `/${run.run_id}/messages`, { items: [{ lead_id: id }] });
    await call('POST', '/wake');
    assert.deepEqual((await call('GET', `/${run.run_id}`)).body.messages, { pending: 1 });
    await call('POST', `/${run.run_id}/control`, { action: 'resume' });
    await until(async () => (await call('GET', `/${run.run_id}`)).body.messages.sent === 1, 'the message');
  });
});
