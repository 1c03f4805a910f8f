'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { inspect } = require('node:util');
const { it } = require('node:test');
const { bearerAuth, createLogger, PrewarmWorker } = require('..');
const { R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { serve } = require('./support/admin.js');
const { sha256, until } = require('./support/prewarm.js');

const LINES = process.env.WARMPATH_TEST_LONG ? 100_000 : 2000;

const random = (length) => randomBytes(length).toString('base64url').slice(0, length);

/** A secret in every form in which it could leave. */
function formsOf(secret) {
  const bytes = Buffer.from(secret);
  // Of base64 the part that does not depend on what stands around it.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64];
}

it(`no secret leaves in ${LINES} lines, errors, events, the dashboard and the metrics`, async (t) => {
  const secrets = {
    botToken: `987654321:${random(35)}`,
    revokedToken: `987654322:${random(35)}`,
    s3Secret: random(40),
    sessionToken: random(60),
    adminToken: random(32),
  };
  const s3 = { accessKeyId: random(20), secretAccessKey: secrets.s3Secret, sessionToken: secrets.sessionToken };
  const r2 = await R2Sandbox.start({ credentials: [s3] });
  const tg = await TelegramSandbox.start({ bots: [{ token: secrets.botToken }], limits: false, probe: false });
  t.after(() => Promise.all([r2.close(), tg.close()]));

  let lines = 0;
  const texts = [];
  const keep = (text) => texts.push(text);
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
    logger: createLogger({
      level: 'trace',
      write: (line) => {
        lines++;
        keep(line);
      },
    }),
    observe: (...args) => keep(JSON.stringify(args)),
  };
  const worker = new PrewarmWorker(options);
  for (const name of ['error', 'failed', 'retry', 'succeeded']) {
    worker.on(name, (value) => {
      keep(inspect(value instanceof Error ? { ...value.toJSON(), stack: value.stack } : value, { depth: 8 }));
      keep(JSON.stringify(value));
    });
  }
  const { get } = await serve(t, worker.router({ auth: bearerAuth(secrets.adminToken) }));
  const scrape = async () => {
    for (const path of [
      '/state',
      '/jobs',
      '/jobs?state=failed',
      '/metrics',
      '/metrics/prometheus?names=compat',
      '/health',
      '/login',
      '/nothing',
    ]) {
      const answer = await get(path, { token: secrets.adminToken });
      keep(`${answer.text} ${JSON.stringify([...answer.headers])}`);
    }
  };

  await worker.start();
  const slugs = ['good', 'good', 'revoked', 'good', 'absent', 'good'];
  const body = Buffer.from('canary run');
  await r2.put('media', 'here', body);
  for (let round = 0; lines < LINES; round++) {
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

  // The forms are what would be found: each is where it belongs, so a run without them would prove nothing.
  const sent = tg.requests.filter(({ botId }) => botId === 987654321).length;
  assert.ok(sent > 50, 'hardly anything was sent');
  assert.ok(worker.stats().failed > 10 && worker.stats().succeeded > 10);
  const everything = texts.join('\n');
  for (const [name, secret] of Object.entries(secrets)) {
    for (const form of formsOf(secret)) assert.ok(!everything.includes(form), `${name} left as ${form.slice(0, 6)}…`);
  }
  assert.doesNotMatch(everything, /X-Amz-Signature=[0-9a-f]/i);
});
