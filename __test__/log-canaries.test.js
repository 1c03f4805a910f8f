'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { it } = require('node:test');
const { Pool } = require('pg');
const { bearerAuth, PrewarmWorker } = require('..');
const { R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { serve } = require('./support/admin.js');
const { formsOf, listen, random } = require('./support/canaries.js');
const { dump, runCampaign, runIngest } = require('./support/canary-pipelines.js');
const { startPostgres } = require('./support/postgres.js');
const { sha256, until } = require('./support/prewarm.js');

const LINES = process.env.WARMPATH_TEST_LONG ? 100_000 : 2000;

it(`no secret leaves in ${LINES} lines, errors, events, rows, the dashboard and the metrics`, async (t) => {
  const secrets = {
    botToken: `987654321:${random(35)}`,
    revokedToken: `987654322:${random(35)}`,
    s3Secret: random(40),
    sessionToken: random(60),
    adminToken: random(32),
    openRouterKey: `sk-or-v1-${randomBytes(32).toString('hex')}`,
    llmHeader: random(40),
    webhookSecret: `whsec_${randomBytes(32).toString('base64')}`,
    webhookQuery: random(40),
    webhookHeader: random(40),
    mediaKey: randomBytes(32).toString('base64'),
    ingestHeader: random(40),
    ingestQuery: random(40),
  };
  const s3 = { accessKeyId: random(20), secretAccessKey: secrets.s3Secret, sessionToken: secrets.sessionToken };
  const r2 = await R2Sandbox.start({ credentials: [s3] });
  const tg = await TelegramSandbox.start({ bots: [{ token: secrets.botToken }], limits: false, probe: false });
  t.after(() => Promise.all([r2.close(), tg.close()]));

  const heard = listen();
  const { texts, keep } = heard;
  const options = {
    s3: { endpoint: r2.url, bucket: 'media', ...s3 },
    telegram: { apiRoot: tg.url },
    retry: { quick: 0, baseMs: 1, maxMs: 1, delaysMs: [1] },
    limits: false,
    concurrency: 32,
    capacity: LINES,
    // The presigned URL of an object goes to Telegram this way.
    verifySha256: false,
    resolveBot: async (slug) => {
      if (slug === 'broken')
        throw new Error(`connect postgres://app:${secrets.adminToken}@db failed for ${secrets.botToken}`);
      return { token: slug === 'revoked' ? secrets.revokedToken : secrets.botToken, chatIds: ['-100123'] };
    },
    ...heard.options,
  };
  const worker = new PrewarmWorker(options);
  heard.watch(worker);
  const { get } = await serve(t, worker.router({ auth: bearerAuth(secrets.adminToken) }));
  const scrape = () => heard.scrape(get, secrets.adminToken);

  await worker.start();
  const slugs = ['good', 'good', 'revoked', 'good', 'absent', 'good'];
  const body = Buffer.from('canary run');
  await r2.put('media', 'here', body);
  for (let round = 0; heard.lines < LINES; round++) {
    const jobs = Array.from({ length: 100 }, (_, i) => {
      const slug = slugs[i % slugs.length];
      const r2Key = slug === 'absent' ? `gone-${i}` : 'here';
      return {
        botSlug: slug,
        sha256: sha256(`${round}-${i}`),
        kind: ['document', 'photo', 'video'][i % 3],
        r2Key,
        caption: 'c',
      };
    });
    await worker.enqueueMany(jobs);
    await scrape();
    await until(
      () => worker.depth().ready + worker.depth().delayed + worker.depth().claimed === 0,
      'the round',
      120_000,
    );
  }
  await worker.enqueue({ botSlug: 'broken', sha256: sha256('b'), kind: 'photo', r2Key: 'here' });
  await until(() => texts.some((text) => text.includes('looking up the bot failed')), 'the failed lookup');
  await scrape();
  await worker.stop({ timeoutMs: 0 });
  keep(inspect(worker, { depth: 8, showHidden: true }));
  keep(inspect(new Error('x', { cause: worker })));

  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url });
  pool.on('error', () => {});
  t.after(async () => {
    await pool.end();
    await server.stop();
  });
  const campaign = await runCampaign(t, { pool, secrets, heard });
  const ingest = await runIngest(t, { pool, secrets, heard });
  const rows = await dump(pool, keep);

  // The forms are what would be found: each is where it belongs, so a run without them would prove nothing.
  const sent = tg.requests.filter(({ botId }) => botId === 987654321).length;
  assert.ok(sent > 50, 'hardly anything was sent');
  assert.ok(worker.stats().failed > 10 && worker.stats().succeeded > 10);
  assert.ok(campaign.accepted > 50 && campaign.failed > 5 && campaign.succeeded > 20, JSON.stringify(campaign));
  assert.ok(ingest.completed >= 2 && ingest.failed > 8 && ingest.asked > 8, JSON.stringify(ingest));
  assert.ok(rows > 130, `${rows} rows`);
  const everything = texts.join('\n');
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of formsOf(secret)) assert.ok(!everything.includes(form), `${name} left as ${form.slice(0, 6)}…`);
  }
  assert.doesNotMatch(everything, /X-Amz-Signature=[0-9a-f]/i);
});
