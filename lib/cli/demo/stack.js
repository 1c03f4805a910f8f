'use strict';

const crypto = require('node:crypto');
const { requirePeer } = require('../../peer');
const { appClient, startApp } = require('./app');
const { bucket, database, telegram } = require('./services');

/** The app gets no R2_, TELEGRAM_ or DATABASE_ variable that this run did not decide on. */
const OURS = /^(R2_|TELEGRAM_|MEDIA_PREWARM_LIMITS$|DATABASE_URL$|ADMIN_API_TOKEN$|PORT$|HOST$|LOG_LEVEL$)/;

async function insertBots(url, bots) {
  const { Client } = requirePeer('pg', 'the demo');
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const { slug, token, chatId } of bots) {
      await client.query('INSERT INTO bots (slug, token, warmup_chat_id) VALUES ($1, $2, $3)', [slug, token, chatId]);
    }
  } finally {
    await client.end();
  }
}

/**
 * Everything the demo runs on: Postgres, an S3 server and a Telegram server, started in this order and stopped in the other, and the app,
 * which `launch()` starts (again).
 *
 * @param {object} options
 * @param {ReturnType<typeof import('./args').readArgs>} options.args
 * @param {NodeJS.ProcessEnv} options.env
 * @param {(line: string) => void} options.print
 * @param {(line: string) => void} options.onAppLine
 * @param {(entry: object) => void} options.onAppEntry
 * @param {number} options.jobs how many jobs will be queued at once
 * @param {AbortSignal} options.signal checked between the steps
 * @param {(() => Promise<void> | void)[]} options.cleanup filled as things start; to be run from the last to the first, whatever happens
 */
async function startStack({ args, env, print, onAppLine, onAppEntry, jobs, signal, cleanup }) {
  for (const name of ['express', 'pg']) requirePeer(name, 'the demo');
  const start = async (service) => {
    signal.throwIfAborted();
    const running = await service({ args, env, print });
    if (running.stop) cleanup.push(running.stop);
    print(`  ${running.about}${running.url && !running.own ? ` at ${running.url.replace(/\/\/[^@/]*@/, '//')}` : ''}`);
    return running;
  };
  const db = await start(database);
  const s3 = await start(bucket);
  const tg = await start(telegram);

  const adminToken = crypto.randomBytes(24).toString('base64url');
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)));
  const appEnv = {
    ...inherited,
    ...db.env,
    ...s3.env,
    ...tg.env,
    ADMIN_API_TOKEN: adminToken,
    MEDIA_PREWARM_MAX_QUEUE: env.MEDIA_PREWARM_MAX_QUEUE || String(Math.max(500, jobs)),
    ...(args.concurrency ? { MEDIA_PREWARM_CONCURRENCY: String(args.concurrency) } : {}),
  };
  const launch = async () => {
    signal.throwIfAborted();
    const app = await startApp({ env: appEnv, onLine: onAppLine, onEntry: onAppEntry });
    cleanup.push(() => app.process.stop({ graceMs: 20_000 }));
    print(`  example app at ${app.url}`);
    return { app, client: appClient(app.url, adminToken, signal) };
  };
  return { db, s3, tg, bots: tg.bots, adminToken, launch, insertBots: () => insertBots(db.url, tg.bots) };
}

module.exports = { startStack };
