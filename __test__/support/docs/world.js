'use strict';

// What the blocks of the documents run against: a real Postgres, the sandboxes, a Redis where there is one. A block says what a user
// says (an account of R2, the Bot API, OpenRouter); what it makes of this package is led to the sandboxes instead.

const crypto = require('node:crypto');
const fs = require('node:fs');
const { once } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const express = require('express');
const { Pool } = require('pg');
const warmpath = require('../../../index.js');
const { OpenRouterSandbox, R2Sandbox, TelegramSandbox, WebhookSandbox } = require('../../../lib/testing');
const { startPostgres } = require('../postgres.js');

const TOKEN = '123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const CHAT = '7001';
const SECRET = 'whsec_c2VjcmV0IHNlY3JldA==';

/** A picture of one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const BOTS = `CREATE TABLE IF NOT EXISTS bots (slug text PRIMARY KEY, token text, warmup_chat_id bigint, deleted_at timestamptz)`;

/** Every service, once for all documents. `database()` makes a database for one of them. */
async function startWorld() {
  const postgres = await startPostgres();
  const r2 = await R2Sandbox.start();
  const telegram = await TelegramSandbox.start({ bots: [{ token: TOKEN, chats: [CHAT] }], limits: false });
  const llm = await OpenRouterSandbox.start();
  const hook = await WebhookSandbox.start({ secret: SECRET });
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-docs-'));
  const admin = new Pool({ connectionString: postgres.url, max: 1 });
  admin.on('error', () => {});
  const sha256 = crypto.createHash('sha256').update(PNG).digest('hex');
  await r2.put('media', 'cats/1.jpg', PNG);

  const s3 = { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] };
  // What names a server itself is left as it is.
  const own = ({ s3: given }) => given === undefined || given.endpoint !== undefined;
  const led = (options, more) => ({ ...options, ...(own(options) ? {} : { s3 }), ...more(options) });
  const sends = ({ telegram: given, limits = false }) => ({ telegram: { apiRoot: telegram.url, ...given }, limits });
  const writes = ({ llm: model, webhook }) => ({
    ...(model === undefined ? {} : { llm: { ...model, baseUrl: llm.baseUrl } }),
    ...(webhook === undefined ? {} : { webhook: { ...webhook, url: hook.url, secret: SECRET } }),
  });
  const stores = (options) => ({
    ...(options.dir === undefined ? {} : { dir }),
    http: { ...options.http, plain: true, allow: ['127.0.0.1'], ports: [Number(new URL(r2.url).port)] },
  });

  return {
    ...{ postgres, r2, telegram, llm, hook, dir, sha256, s3 },
    png: PNG,
    token: TOKEN,
    chatId: CHAT,
    secret: SECRET,

    /** A database of its own, with one bot in it. */
    async database() {
      const name = `docs_${crypto.randomBytes(6).toString('hex')}`;
      await admin.query(`CREATE DATABASE ${name}`);
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      const pool = new Pool({ connectionString: url.href, max: 4 });
      pool.on('error', () => {});
      await pool.query(BOTS);
      await pool.query('INSERT INTO bots VALUES ($1, $2, $3)', ['shop', TOKEN, CHAT]);
      return { url: url.href, pool };
    },

    /** The package, as a block gets it: `made` collects what it constructs. */
    package(made) {
      const lead = (name, more) => {
        const Base = warmpath[name];
        return class extends Base {
          constructor(options) {
            super(led(options, more));
            made.push(this);
          }
        };
      };
      const { Queue } = warmpath;
      class NotedQueue extends Queue {
        constructor(...args) {
          super(...args);
          made.push(this);
        }
      }
      return {
        ...warmpath,
        Queue: NotedQueue,
        PrewarmExecutor: lead('PrewarmExecutor', sends),
        PrewarmWorker: lead('PrewarmWorker', sends),
        IngestExecutor: lead('IngestExecutor', stores),
        IngestWorker: lead('IngestWorker', stores),
        CampaignExecutor: lead('CampaignExecutor', writes),
        CampaignWorker: lead('CampaignWorker', writes),
        uploadMany: (paths, options) =>
          warmpath.uploadMany(
            paths,
            led(options, () => ({})),
          ),
      };
    },

    /** An app that listens; `request` talks to it. */
    async app() {
      const app = express();
      app.use(express.json());
      const server = app.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address();
      const request = async (route, { body, headers, ...init } = {}) => {
        const json =
          body === undefined
            ? {}
            : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
        const answer = await fetch(`http://127.0.0.1:${port}${route}`, { headers, ...init, ...json });
        const text = await answer.text();
        return { status: answer.status, text, headers: answer.headers };
      };
      return { app, server, request };
    },

    async stop() {
      await admin.end();
      await Promise.all([r2.close(), telegram.close(), llm.close(), hook.close()]);
      await postgres.stop();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

module.exports = { startWorld };
