'use strict';

const { once } = require('node:events');
const crypto = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { Pool } = require('pg');
const { startApp } = require('../../lib/cli/demo/app');
const { R2Sandbox, TelegramSandbox } = require('../../lib/testing');
const { startPostgres } = require('./postgres');

const WAIT_MS = 30_000;

/** Polls until `condition` answers truthy, and answers that; the only wait the tests know. */
async function until(condition, what) {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS} ms for ${what}`);
    await sleep(20);
  }
}

const randomToken = (id) => `${id}:${crypto.randomBytes(26).toString('base64url').slice(0, 35)}`;

/**
 * Everything the example app needs, in this process: Postgres, both sandboxes, some bots. The app itself is started by `app()`, as often
 * as a test wants, with extra settings.
 */
async function startWorld({ slugs = ['alpha', 'beta'], limits = false } = {}) {
  const bots = slugs.map((slug, index) => ({
    slug,
    token: randomToken(800_001 + index),
    chatId: `${7001 + index}`,
  }));
  const credentials = {
    accessKeyId: crypto.randomBytes(8).toString('hex'),
    secretAccessKey: randomToken('s3').slice(3),
  };
  const adminToken = randomToken('admin').slice(6);
  const postgres = await startPostgres();
  const r2 = await R2Sandbox.start({ credentials: [credentials] });
  const telegram = await TelegramSandbox.start({
    bots: bots.map(({ token, chatId }) => ({ token, chats: [chatId] })),
    limits,
  });
  const pool = new Pool({ connectionString: postgres.url, max: 2 });
  pool.on('error', () => {});
  const apps = [];

  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: postgres.url,
    ADMIN_API_TOKEN: adminToken,
    R2_ENDPOINT: r2.url,
    R2_BUCKET: 'media',
    R2_ACCESS_KEY_ID: credentials.accessKeyId,
    R2_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    TELEGRAM_API_ROOT: telegram.url,
    MEDIA_PREWARM_LIMITS: 'off',
    MEDIA_PREWARM_INTERVAL_MS: '50',
  };

  return {
    ...{ bots, credentials, adminToken, postgres, r2, telegram, pool, env },

    /** Starts server.js; `output` grows with everything it prints. */
    async app(extra = {}) {
      const output = [];
      const running = await startApp({ env: { ...env, ...extra }, onLine: (line) => output.push(line) });
      apps.push(running.process);
      for (const { slug, token, chatId } of bots) {
        const insert = 'INSERT INTO bots (slug, token, warmup_chat_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING';
        await pool.query(insert, [slug, token, chatId]);
      }
      const call = async (method, route, { token = adminToken, body, headers = {} } = {}) => {
        const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
        const response = await fetch(`${running.url}${route}`, {
          method,
          body,
          headers: { ...authorization, ...headers },
        });
        return { status: response.status, headers: response.headers, body: await response.json() };
      };
      const json = (method, route, value) =>
        call(method, route, { body: JSON.stringify(value), headers: { 'content-type': 'application/json' } });
      return { ...running, output, call, json };
    },

    /** Uploads one file for one bot through the app and answers the body of its enqueue request. */
    async upload(app, bot, file) {
      const query = new URLSearchParams({ bot_slug: bot.slug, kind: file.kind, file_name: file.name });
      const headers = { 'content-type': file.contentType };
      const { status, body } = await app.call('POST', `/api/media?${query}`, { body: file.data, headers });
      if (status !== 201) throw new Error(`the upload was answered with ${status} ${JSON.stringify(body)}`);
      return { bot_slug: bot.slug, sha256: body.media.sha256, kind: file.kind, r2_key: body.media.r2_key };
    },

    rows: async () => (await pool.query('SELECT * FROM media_cache ORDER BY bot_slug, sha256, kind')).rows,

    async stop() {
      for (const app of apps) await app.stop({ graceMs: 2000 });
      await pool.end();
      await Promise.all([telegram.close(), r2.close()]);
      await postgres.stop();
    },
  };
}

/** Waits for a child's end, or kills it when it does not come. */
async function exitOf(child, capMs = WAIT_MS) {
  if (child.exitCode !== null || child.signalCode !== null) return { code: child.exitCode, signal: child.signalCode };
  const timer = setTimeout(() => child.kill('SIGKILL'), capMs);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code, signal };
}

module.exports = { startWorld, until, exitOf, randomToken };
