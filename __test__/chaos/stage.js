'use strict';

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Client, Pool } = require('pg');
const { PostgresStore, migrate } = require('../..');
const { R2Sandbox, TelegramSandbox } = require('../../lib/testing');

const BOTS = 8;
const PROCESSES = 64;

/** Far more tries than a share of faults needs, all of them soon: what is not done in the end was lost, not unlucky. */
const DELAYS_MS = [100, 200, 400, 800, ...Array(20).fill(1000)];

/** Migrated once, copied for every stage. */
const TEMPLATE = 'chaos_template';

async function on(url, work) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(serverUrl, name) {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Makes a server ready for stages. */
async function prepareServer(serverUrl) {
  await on(serverUrl, (client) => client.query(`CREATE DATABASE ${TEMPLATE}`));
  const pool = new Pool({ connectionString: databaseUrl(serverUrl, TEMPLATE), max: 1 });
  await migrate(pool);
  await pool.end();
}

// Postgres refuses to copy a database that another copy is at.
let copying = Promise.resolve();

async function newDatabase(serverUrl, name) {
  const create = () => on(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`));
  const made = copying.then(create);
  copying = made.catch(() => {});
  await made;
  return databaseUrl(serverUrl, name);
}

/**
 * What one run of the harness has for itself: a database, an R2 and a Telegram that keep a record of everything, and a store to
 * enqueue with. Every process gets an access key of its own, so that R2 knows who asks.
 *
 * @param {string} serverUrl
 */
async function openStage(serverUrl) {
  const url = await newDatabase(serverUrl, `chaos_${randomBytes(6).toString('hex')}`);
  const bots = Object.fromEntries(
    Array.from({ length: BOTS }, (_, i) => [
      `bot-${i}`,
      { token: `${900_001 + i}:chaos`, chatIds: [String(5001 + i)] },
    ]),
  );
  const credentials = Array.from({ length: PROCESSES }, (_, i) => ({
    accessKeyId: `p${i + 1}`,
    secretAccessKey: randomBytes(16).toString('hex'),
  }));
  const journalLimit = 1_000_000;
  const [r2, tg] = await Promise.all([
    R2Sandbox.start({ credentials, journalLimit }),
    TelegramSandbox.start({
      bots: Object.values(bots).map(({ token, chatIds }) => ({ token, chats: chatIds })),
      limits: false,
      probe: false,
      keepFiles: false,
      journalLimit,
    }),
  ]);
  const pool = new Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  const feeder = new PostgresStore({ pool, listen: false, enqueueTimeoutMs: 60_000 });
  const trace = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-trace-'));
  let processes = 0;
  let made = 0;

  return {
    ...{ url, r2, tg, pool, feeder, bots, trace, delaysMs: DELAYS_MS },

    /** What a worker process needs to know; a new name each time: p1, p2 …; patienceMs: how long it waits for a peer. */
    newProcess({ patienceMs: patience = 100_000 } = {}) {
      const own = credentials[processes++];
      return {
        name: own.accessKeyId,
        url,
        bots,
        trace,
        delaysMs: DELAYS_MS,
        options: {
          s3: { endpoint: r2.url, bucket: 'media', ...own },
          telegram: { apiRoot: tg.url },
          limits: false,
          retry: { quick: 1, baseMs: 20, maxMs: 100 },
          timeouts: { connectMs: 2000, firstByteMs: patience, idleMs: patience, answerMs: patience },
        },
      };
    },

    /** Stores `count` files; answers a job for each. */
    async make(count, { prefix = 'file', bot } = {}) {
      const jobs = [];
      for (let i = 0; i < count; i++) {
        const bytes = randomBytes(2000);
        const n = made++;
        const r2Key = `${prefix}-${n}`;
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        await r2.put('media', r2Key, bytes, { contentType: 'application/octet-stream' });
        jobs.push({ botSlug: bot ?? `bot-${n % BOTS}`, sha256, kind: 'document', r2Key });
      }
      return jobs;
    },

    /** The same, and queues them. */
    async enqueue(count, about) {
      const jobs = await this.make(count, about);
      const statuses = await feeder.enqueue(jobs);
      const lost = statuses.filter((status) => status !== 'queued' && status !== 'duplicate');
      if (lost.length > 0) throw new Error(`not queued: ${lost}`);
      return jobs;
    },

    rows: async () => (await pool.query('SELECT * FROM media_cache')).rows,

    async close() {
      await feeder.close().catch(() => {});
      await pool.end();
      await Promise.all([r2.close(), tg.close()]);
      fs.rmSync(trace, { recursive: true, force: true });
    },
  };
}

module.exports = { openStage, prepareServer };
