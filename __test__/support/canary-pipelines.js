'use strict';

const assert = require('node:assert/strict');
const { createCipheriv, createHmac, hkdfSync, randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { bearerAuth, migrate } = require('../..');
const { migrateCampaigns } = require('../../lib/sql/campaign.js');
const { OpenRouterSandbox, WebhookSandbox } = require('../../lib/testing');
const { CampaignWorker } = require('../../lib/worker/campaign.js');
const { IngestWorker } = require('../../lib/worker/ingest.js');
const { serve } = require('./admin.js');
const { startWeb } = require('./ingest.js');
const { folder } = require('./ingest-media.js');
const { until } = require('./prewarm.js');

const LLM_FAULTS = [
  'bad-request',
  'context-length',
  'moderation',
  'internal',
  'bad-gateway-html',
  'error-in-body',
  'empty-choices',
  'malformed-json',
  'truncated',
  'reset-before-body',
  'reset-after-effect',
  'stall',
];
const HOOK_FAULTS = [
  'internal-html',
  'unprocessable',
  'gone',
  'redirect',
  'conflict',
  'error-after-accept',
  'reset-after-accept',
  'reset-before-body',
  'truncated',
  'timeout',
];

const refusal = (status, secret) => ({ kind: 'status', status, body: { error: { message: `not with ${secret}` } } });

/** Campaigns whose LLM and receiver fail in many ways, and repeat in their answers what they were sent. */
async function runCampaign(t, { pool, secrets, heard, lines }) {
  await migrateCampaigns(pool);
  const [llm, hook] = await Promise.all([
    OpenRouterSandbox.start({ keys: [secrets.openRouterKey] }),
    WebhookSandbox.start({ secret: secrets.webhookSecret }),
  ]);
  t.after(() => Promise.all([llm.close(), hook.close()]));
  let asked = 0;
  const worker = new CampaignWorker({
    pool,
    llm: {
      apiKey: secrets.openRouterKey,
      baseUrl: llm.baseUrl,
      models: ['a/b'],
      circuit: false,
      headers: { 'x-gateway-key': secrets.llmHeader },
    },
    webhook: {
      url: `${hook.url}?key=${secrets.webhookQuery}`,
      secret: secrets.webhookSecret,
      circuit: false,
      headers: { authorization: `Bearer ${secrets.webhookHeader}` },
    },
    contexts: (batch) => {
      if (++asked === 2) throw new Error(`redis://app:${secrets.adminToken}@cache is away`);
      return new Map(
        batch.map(({ messageId }) => [messageId, { messages: [{ role: 'user', content: messageId }], recipient: {} }]),
      );
    },
    pollMs: 20,
    retry: { quick: 0, baseMs: 1, maxMs: 2, delaysMs: [1, 1] },
    split: { maxChars: 120, aboveChars: 0 },
    timeouts: { generateMs: 200, deliverMs: 200 },
    ...heard.options,
  });
  heard.watch(worker);
  const { url, get } = await serve(t, worker.router({ auth: bearerAuth(secrets.adminToken) }));
  const addFaults = () => {
    for (const name of LLM_FAULTS) llm.faults.add({ name, times: 2 });
    for (const status of [400, 500, 503]) llm.faults.add({ ...refusal(status, secrets.openRouterKey), times: 2 });
    for (const status of [400, 502]) llm.faults.add({ ...refusal(status, secrets.llmHeader), times: 2 });
    for (const name of HOOK_FAULTS) hook.faults.add({ name, times: 2 });
    for (const secret of [secrets.webhookSecret, secrets.webhookQuery, secrets.webhookHeader]) {
      hook.faults.add({ ...refusal(422, secret), times: 2 });
      hook.faults.add({ ...refusal(500, secret), times: 2 });
    }
  };
  const { rows } = await pool.query("INSERT INTO campaign_runs (status) VALUES ('running') RETURNING id");
  const runId = rows[0].id;
  await worker.start();
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const settled = () => worker.stats().succeeded + worker.stats().failed;
  for (let rounds = 1; rounds === 1 || heard.lines < lines; rounds++) {
    addFaults();
    await worker.enqueueMany(Array.from({ length: 120 }, () => ({ runId })));
    await until(() => settled() >= rounds * 120, 'the campaign', 900_000);
    await heard.scrape(get, secrets.adminToken);
  }
  await heard.stream(url, secrets.adminToken);
  const { succeeded, failed } = worker.stats();
  // A key that is refused stops the claiming: it comes last.
  llm.faults.add({ ...refusal(401, secrets.openRouterKey), times: Infinity });
  await worker.enqueueMany([{ runId }, { runId }]);
  await until(() => worker.stats().holding, 'the refused key');
  await heard.scrape(get, secrets.adminToken);
  await worker.stop({ timeoutMs: 0 });
  heard.keep(inspect(worker, { depth: 8, showHidden: true }));
  return { succeeded, failed, accepted: hook.deliveries.filter(({ acceptedAt }) => acceptedAt !== null).length };
}

/** A medium as WhatsApp keeps it, encrypted under that key. */
function encrypt(bytes, mediaKey) {
  const keys = Buffer.from(hkdfSync('sha256', mediaKey, Buffer.alloc(32), 'WhatsApp Image Keys', 112));
  const iv = keys.subarray(0, 16);
  const cipher = createCipheriv('aes-256-cbc', keys.subarray(16, 48), iv);
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const mac = createHmac('sha256', keys.subarray(48, 80)).update(iv).update(body).digest();
  return Buffer.concat([body, mac.subarray(0, 10)]);
}

/** Media with a key, and addresses with an authorization and a signed query, from servers that fail in many ways. */
async function runIngest(t, { pool, secrets, heard, lines }) {
  await migrate(pool);
  const web = await startWeb();
  t.after(() => web.close());
  const { dir } = folder(t);
  const worker = new IngestWorker({
    pool,
    dir,
    fsync: false,
    http: { plain: true, allow: [web.host] },
    whatsapp: { origin: web.origin },
    pollMs: 20,
    retry: { quick: 0, baseMs: 1, maxMs: 2, delaysMs: [1] },
    timeouts: { idleMs: 300 },
    resolve: async () => {
      throw new Error(`GET https://graph.test/?access_token=${secrets.ingestQuery} with ${secrets.ingestHeader}`);
    },
    notify: (event) => heard.keep(JSON.stringify(event)),
    ...heard.options,
  });
  heard.watch(worker);
  const { url: address, get } = await serve(t, worker.router({ auth: bearerAuth(secrets.adminToken) }));
  const bytes = randomBytes(3000);
  const mediaKey = Buffer.from(secrets.mediaKey, 'base64');
  const query = `?X-Amz-Signature=${secrets.ingestQuery}`;
  const hows = {
    good: {},
    away: { status: 404 },
    refused: { status: 403 },
    broken: { status: 500 },
    moved: { status: 302, headers: { location: `http://127.0.0.1:9/elsewhere${query}` } },
    inward: { status: 302, headers: { location: `file:///etc/passwd${query}` } },
    cut: { cut: [10, 10, 10, 10] },
  };
  // Addresses with a password are refused, and the refusal does not repeat them.
  await worker
    .enqueue({ source: { url: `http://app:${secrets.urlPassword}@${web.host}/x?token=${secrets.ingestQuery}` } })
    .then(() => worker.executor && assert.fail('an address with a password was taken'), heard.look);
  const jobs = [];
  for (const [name, how] of Object.entries(hows)) {
    const url = web.serve(`/${name}`, bytes, how);
    const headers = { authorization: `Bearer ${secrets.ingestHeader}`, 'x-token': secrets.ingestHeader };
    jobs.push({ source: { url: `${url}${query}`, headers } });
    const encrypted = encrypt(bytes, mediaKey);
    const media = web.serve(`/wa-${name}`, encrypted, { ...how, ...(how.cut && { cut: [...how.cut] }) });
    jobs.push({ source: { whatsapp: { url: `${media}${query}`, mediaKey: secrets.mediaKey, mediaType: 'image' } } });
  }
  const noMedia = web.serve('/wa-wrong', bytes);
  jobs.push({ source: { whatsapp: { url: noMedia, mediaKey, mediaType: 'image' } } });
  jobs.push({ source: { mediaId: 'm1' } });
  await worker.start();
  t.after(() => worker.stop({ timeoutMs: 0 }));
  const settled = () => worker.stats().completed + worker.stats().failed;
  for (let rounds = 1; rounds === 1 || heard.lines < lines; rounds++) {
    await worker.enqueueMany(jobs.map((job, i) => ({ key: `canary-${rounds}-${i}`, ...job })));
    await until(() => settled() >= rounds * jobs.length, 'the ingest', 900_000);
    if (rounds % 10 === 1) await heard.scrape(get, secrets.adminToken);
  }
  await heard.stream(address, secrets.adminToken);
  const { completed, failed } = worker.stats();
  await worker.stop({ timeoutMs: 0 });
  heard.keep(inspect(worker, { depth: 8, showHidden: true }));
  return { completed, failed, asked: web.requests.filter(({ headers }) => headers['x-token']).length };
}

/**
 * Every row of every table, as text. A job of an ingest keeps its source until it is done, by design: without it no other
 * process could go on.
 */
async function dump(pool, keep) {
  const { rows: tables } = await pool.query(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
  );
  let count = 0;
  for (const { name } of tables) {
    const { rows } = await pool.query(`SELECT to_jsonb(t) AS row FROM ${name} t`);
    for (const { row } of rows) {
      count++;
      const { job, ...rest } = row;
      const shown = job?.source === undefined ? row : { ...rest, job: { ...job, source: null } };
      keep(JSON.stringify(shown));
    }
  }
  return count;
}

module.exports = { runCampaign, runIngest, dump };
