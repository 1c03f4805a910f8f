'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const path = require('node:path');
const { inspect } = require('node:util');
const { it } = require('node:test');
const { Pool } = require('pg');
const { bearerAuth, PrewarmWorker } = require('..');
const { R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { serve } = require('./support/admin.js');
const { Finder, formsOf, listen, random } = require('./support/canaries.js');
const { dump, runCampaign, runIngest } = require('./support/canary-pipelines.js');
const { startPostgres } = require('./support/postgres.js');
const { sha256, until } = require('./support/prewarm.js');

const LINES = process.env.WARMPATH_TEST_LONG ? 100_000 : 2000;
const BIN = path.join(__dirname, '..', 'bin', 'warmpath.js');

/** What a command of the CLI says, whatever its exit code. */
const warmpath = (args, env) =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...env } };
    execFile(process.execPath, [BIN, ...args], options, (_error, out, err) => resolve(`${out}${err}`));
  });

it(`no secret leaves in ${LINES} lines, errors, events, rows, the dashboard, the metrics and the CLI`, async (t) => {
  const server = await startPostgres();
  const secrets = {
    databasePassword: new URL(server.url).password,
    urlPassword: random(40),
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

  const finder = new Finder(secrets);
  const heard = listen(finder);
  const { keep } = heard;
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
  t.after(() => worker.stop({ timeoutMs: 0 }));
  heard.watch(worker);
  const { url, get } = await serve(t, worker.router({ auth: bearerAuth(secrets.adminToken) }));
  const scrape = () => heard.scrape(get, secrets.adminToken);

  await worker.start();
  const slugs = ['good', 'good', 'revoked', 'good', 'absent', 'good'];
  const body = Buffer.from('canary run');
  await r2.put('media', 'here', body);
  let over = 0;
  for (let round = 0; heard.lines < LINES / 2; round++) {
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
    // The jobs of the revoked bot wait for another token.
    over += jobs.filter(({ botSlug }) => botSlug !== 'revoked').length;
    await until(() => worker.stats().succeeded + worker.stats().failed === over, 'the round', 900_000);
  }
  await worker.enqueue({ botSlug: 'broken', sha256: sha256('b'), kind: 'photo', r2Key: 'here' });
  await until(() => heard.problems.some((text) => text.includes('looking up the bot failed')), 'the failed lookup');
  await scrape();
  assert.ok(heard.problems.some((text) => text.includes('refuses the bot revoked')));
  await heard.stream(url, secrets.adminToken);
  const asks = { WARMPATH_ADMIN_URL: url, ADMIN_API_TOKEN: secrets.adminToken, DATABASE_URL: server.url };
  for (const command of ['stats', 'report']) {
    for (const args of [[command], [command, '--json']]) keep(await warmpath(args, asks));
  }
  await worker.stop({ timeoutMs: 0 });
  keep(inspect(worker, { depth: 8, showHidden: true }));
  keep(inspect(new Error('x', { cause: worker })));

  const pool = new Pool({ connectionString: server.url });
  pool.on('error', () => {});
  t.after(async () => {
    await pool.end();
    await server.stop();
  });
  const campaign = await runCampaign(t, { pool, secrets, heard, lines: LINES * 0.75 });
  const ingest = await runIngest(t, { pool, secrets, heard, lines: LINES });
  const rows = await dump(pool, keep);
  // Where the app keeps the tokens of its bots is its own affair; what the doctor says of them is not.
  await pool.query('INSERT INTO bots (slug, token, warmup_chat_id) VALUES ($1, $2, 1), ($3, $4, NULL), ($5, $6, 1)', [
    ...['good', secrets.botToken, 'mute', secrets.botToken, 'revoked', secrets.revokedToken],
  ]);
  const settings = { R2_ENDPOINT: r2.url, R2_BUCKET: 'media', R2_ACCESS_KEY_ID: s3.accessKeyId };
  const env = { ...asks, ...settings, R2_SECRET_ACCESS_KEY: secrets.s3Secret, TELEGRAM_API_ROOT: tg.url };
  for (const args of [
    ['doctor'],
    ['doctor', '--json'],
    ['sign', 'GET', 'here', '--explain'],
    ['migrate', '--dry-run'],
  ]) {
    keep(await warmpath(args, env));
  }
  keep(await warmpath(['report', '--url', url.replace('//', `//app:${secrets.urlPassword}@`)], env));
  keep(await warmpath(['warm', '--sql', 'SELECT nonsense', '--database', `${server.url}-not`], env));

  // The forms are what would be found: each is where it belongs, so a run without them would prove nothing.
  const sent = tg.requests.filter(({ botId }) => botId === 987654321).length;
  assert.ok(sent > 50, 'hardly anything was sent');
  assert.ok(worker.stats().failed > 10 && worker.stats().succeeded > 10);
  assert.ok(campaign.accepted > 50 && campaign.failed > 5 && campaign.succeeded > 20, JSON.stringify(campaign));
  assert.ok(ingest.completed >= 2 && ingest.failed > 8 && ingest.asked > 8, JSON.stringify(ingest));
  assert.ok(rows > 130, `${rows} rows`);
  assert.ok(heard.lines >= LINES, `${heard.lines} lines`);
  assert.deepEqual([...finder.look()], []);
  t.diagnostic(`${heard.lines} lines, ${Math.round(finder.looked / 1e6)} million characters`);
  // One leak of each secret in each form, as it would come in a line, an error and an answer, is found, and no other.
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of formsOf(secret)) {
      for (const leak of [form, inspect({ cause: new Error(`GET /${form}?a=b`) }), JSON.stringify({ a: [form] })]) {
        const planted = new Finder(secrets);
        planted.add(`before ${leak} after`);
        assert.deepEqual([...planted.look().keys()], [name], `${name} as ${form.slice(0, 6)}… would not be seen`);
      }
    }
  }
  const presigned = new Finder({});
  presigned.add('https://b.example/k?X-Amz-Signature=0a1b');
  assert.equal(presigned.look().size, 1);
});
