'use strict';

const crypto = require('node:crypto');
const fsp = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { startPostgres } = require('../services/postgres');
const { requirePeer } = require('../../peer');
const { startMinistack, startRclone } = require('../services/s3');
const { cacheDir } = require('./paths');
const { DemoError } = require('./app');

const BOTS = ['alpha', 'beta', 'gamma'];

const isSet = (value) => value !== undefined && value !== '';
const list = (value) => value.split(',').map((part) => part.trim());
const randomToken = (index) => `${70_000_001 + index}:${crypto.randomBytes(26).toString('base64url').slice(0, 35)}`;

/**
 * Each of these starts one service the app needs, or takes the user's own, and answers
 * `{ own: boolean, about: string, env: {…} for the app, stop? }`.
 */

async function database({ env }) {
  if (!isSet(env.DATABASE_URL)) {
    const server = await startPostgres();
    return {
      own: false,
      about: 'embedded Postgres',
      url: server.url,
      env: { DATABASE_URL: server.url },
      stop: server.stop,
    };
  }
  const schema = `warmpath_demo_${crypto.randomBytes(4).toString('hex')}`;
  const { Client } = requirePeer('pg', 'the demo');
  const admin = async (statement) => {
    const client = new Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await admin(`CREATE SCHEMA ${schema}`);
  const url = new URL(env.DATABASE_URL);
  url.searchParams.set('options', `-c search_path=${schema}`);
  return {
    own: true,
    about: `DATABASE_URL, schema ${schema}`,
    url: url.href,
    env: { DATABASE_URL: url.href },
    stop: () => admin(`DROP SCHEMA ${schema} CASCADE`),
  };
}

/** R2_* settings without an endpoint are passed on as they are: so a wrong secret can be tried out against the sandbox. */
function s3Settings({ endpoint, bucket, accessKeyId, secretAccessKey }, env) {
  const settings = {
    R2_ENDPOINT: endpoint,
    R2_BUCKET: bucket,
    R2_ACCESS_KEY_ID: accessKeyId,
    R2_SECRET_ACCESS_KEY: secretAccessKey,
  };
  for (const name of Object.keys(settings)) if (isSet(env[name])) settings[name] = env[name];
  return settings;
}

async function bucket({ args, env, print }) {
  if (isSet(env.R2_ENDPOINT) || isSet(env.R2_ACCOUNT_ID)) {
    const names = Object.keys(env).filter((name) => name.startsWith('R2_'));
    return { own: true, about: 'your R2 settings', env: Object.fromEntries(names.map((name) => [name, env[name]])) };
  }
  if (args.s3 !== 'sandbox') {
    const start = { rclone: startRclone, ministack: startMinistack }[args.s3];
    const onBuild = () => print('setting up the Python environment for rclone and ministack (once)');
    const server = await start({ cacheDir: cacheDir(), onBuild });
    return { own: false, about: args.s3, url: server.endpoint, env: s3Settings(server, env), stop: server.stop };
  }
  const { R2Sandbox } = require('../../testing');
  const accessKeyId = crypto.randomBytes(16).toString('hex');
  const secretAccessKey = crypto.randomBytes(32).toString('hex');
  // On disk: the bucket holds several hundred MB, and the memory figures of this machine should be the app's.
  const storage = await fsp.mkdtemp(path.join(os.tmpdir(), 'warmpath-r2-'));
  const sandbox = await R2Sandbox.start({
    buckets: ['media'],
    credentials: [{ accessKeyId, secretAccessKey }],
    storage,
  });
  const settings = { endpoint: sandbox.url, bucket: 'media', accessKeyId, secretAccessKey };
  const stop = async () => {
    await sandbox.close();
    await fsp.rm(storage, { recursive: true, force: true, maxRetries: 5 });
  };
  return { own: false, about: 'R2 sandbox', url: sandbox.url, env: s3Settings(settings, env), stop };
}

function ownBots(env) {
  const tokens = list(env.TELEGRAM_BOT_TOKEN);
  const chats = list(env.TELEGRAM_WARMUP_CHAT_ID ?? '');
  if (tokens.length !== chats.length || chats.some((chat) => !/^-?\d+$/.test(chat))) {
    throw new DemoError('TELEGRAM_WARMUP_CHAT_ID must hold one chat id for each token in TELEGRAM_BOT_TOKEN');
  }
  return tokens.map((token, index) => ({ slug: `bot-${index + 1}`, token, chatId: chats[index] }));
}

async function telegram({ args, env }) {
  if (isSet(env.TELEGRAM_BOT_TOKEN)) {
    const apiRoot = isSet(env.TELEGRAM_API_ROOT) ? env.TELEGRAM_API_ROOT : 'https://api.telegram.org';
    const about = 'your Telegram bots';
    return { own: true, about, url: apiRoot, env: { TELEGRAM_API_ROOT: apiRoot }, bots: ownBots(env) };
  }
  const { TelegramSandbox } = require('../../testing');
  const bots = BOTS.map((slug, index) => ({ slug, token: randomToken(index), chatId: String(900_000_001 + index) }));
  const sandbox = await TelegramSandbox.start({
    bots: bots.map(({ token, chatId }) => ({ token, chats: [chatId] })),
    limits: args.telegramLimits ? {} : false,
  });
  return {
    own: false,
    about: `Telegram sandbox, rate limits ${args.telegramLimits ? 'on' : 'off (--telegram-limits turns them on)'}`,
    url: sandbox.url,
    env: { TELEGRAM_API_ROOT: sandbox.url, MEDIA_PREWARM_LIMITS: args.telegramLimits ? 'on' : 'off' },
    bots,
    sandbox,
    stop: () => sandbox.close(),
  };
}

module.exports = { database, bucket, telegram };
