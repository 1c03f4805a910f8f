'use strict';

// Prewarm while 28 % of all requests go wrong, on both sides: every job ends as the catalogue of failures says. The short form is
// 10 bots and 15 media; WARMPATH_TEST_LONG=1 makes it 200. WARMPATH_MIX_SEED=… chooses other faults.

const assert = require('node:assert/strict');
const { createHash, randomBytes } = require('node:crypto');
const { after, before, describe, it } = require('node:test');
const { PrewarmWorker } = require('..');
const { R2Sandbox, TelegramSandbox, mixF } = require('../lib/testing');
const { startTables } = require('./support/tables.js');

const LONG = process.env.WARMPATH_TEST_LONG === '1';
// Chosen: its first few requests meet most kinds of faults.
const CHOSEN = 18_941;
const SEED = Number(process.env.WARMPATH_MIX_SEED ?? CHOSEN);
const BOTS = 10;
const MEDIA = LONG ? 200 : 15;
const CHATS = 8;
const SIZES = [3000, 20_000, 70_000, 300_000];

/** What ends a job for good, by the catalogue, and the answers of Telegram that say so. Everything else is to be survived. */
const FINAL = {
  ERR_WARMPATH_TELEGRAM_PROTOCOL: [301, 302, 307, 308],
  ERR_WARMPATH_TELEGRAM_UNAUTHORIZED: [401],
  ERR_WARMPATH_TELEGRAM_CHAT: [403],
};

const bots = Array.from({ length: BOTS }, (_, i) => ({
  slug: `bot-${i}`,
  token: `${1000 + i}:token-of-bot-${i}`,
  chatIds: Array.from({ length: CHATS }, (_, chat) => String(100 * (i + 1) + chat)),
}));

describe('prewarm under mix F', { timeout: 600_000 }, () => {
  let r2;
  let tg;
  let db;
  before(async () => {
    const limits = { toleranceMs: 300 };
    [r2, tg, db] = await Promise.all([
      R2Sandbox.start(),
      // Client and servers share this event loop: what it holds up is neither too early nor too fast.
      TelegramSandbox.start({ bots: bots.map(({ token }) => ({ token })), probe: false, limits, noticeMs: 300 }),
      startTables(),
    ]);
  });
  after(() => Promise.all([r2.close(), tg.close(), db.stop()]));

  function open() {
    const byName = new Map(bots.map((bot) => [bot.slug, bot]));
    return new PrewarmWorker({
      s3: { endpoint: r2.url, bucket: 'media', ...r2.credentials[0] },
      telegram: { apiRoot: tg.url },
      pool: db.pool,
      resolveBot: async (slug) => byName.get(slug),
      route: 'stream',
      cache: { maxBytes: 2 ** 28 },
      concurrency: 32,
      capacity: BOTS * MEDIA,
      retry: { quick: 1, baseMs: 20, maxMs: 100, delaysMs: Array(10).fill(50) },
      timeouts: { connectMs: 2000, firstByteMs: 1000, idleMs: 1000, answerMs: 2000 },
    });
  }

  async function media() {
    const made = [];
    for (let i = 0; i < MEDIA; i++) {
      const bytes = randomBytes(SIZES[i % SIZES.length]);
      await r2.put('media', `file-${i}`, bytes, { contentType: 'application/octet-stream' });
      made.push({ sha256: createHash('sha256').update(bytes).digest('hex'), r2Key: `file-${i}`, size: bytes.length });
    }
    return made;
  }

  /** Enqueues jobs and waits until each has ended: those that ended dead. */
  async function run(worker, jobs) {
    const dead = [];
    let left = jobs.length;
    const ended = new Promise((resolve) => {
      worker.on('settled', (results) => {
        for (const { state, job, error } of results) {
          if (state !== 'done' && state !== 'dead') continue;
          left -= 1;
          if (state === 'dead') dead.push({ job, error });
        }
        if (left === 0) resolve();
      });
    });
    const statuses = await worker.enqueueMany(jobs);
    assert.deepEqual([...new Set(statuses)], ['queued']);
    await ended;
    worker.removeAllListeners('settled');
    return dead;
  }

  it(`${BOTS} bots, ${MEDIA} media: every job ends right`, async (t) => {
    const files = await media();
    const faults = {
      r2: r2.faults.mix({ ...mixF(SEED), match: { operation: 'GetObject' } }),
      tg: tg.faults.mix(mixF(SEED + 1)),
    };
    const worker = open();
    t.after(() => worker.stop({ timeoutMs: 0 }));
    await worker.start();
    const jobs = files.flatMap(({ size: _, ...file }) =>
      bots.map(({ slug }) => ({ botSlug: slug, kind: 'document', ...file })),
    );

    let left = jobs;
    for (let round = 1; left.length > 0; round++) {
      assert.ok(round <= 5, `${left.length} jobs are refused again and again`);
      const before = tg.requests.at(-1)?.seq ?? 0;
      const dead = await run(worker, left);
      const answers = tg.requests.filter(({ seq }) => seq > before).map(({ status }) => status);
      for (const [code, group] of byCode(dead)) {
        assert.ok(FINAL[code], `a job must survive this: ${code} ${group[0].error.message}`);
        const said = answers.filter((status) => FINAL[code].includes(status)).length;
        assert.ok(group.length <= said, `${group.length} × ${code} after ${said} such answers`);
      }
      // What an operator does when the cause is gone.
      left = dead.map(({ job }) => job);
    }

    const { rows } = await db.pool.query('SELECT * FROM media_cache');
    assert.equal(rows.length, jobs.length);
    const tokens = new Map(bots.map(({ slug, token }) => [slug, Number.parseInt(token, 10)]));
    for (const row of rows) {
      assert.equal(row.status, 'ready');
      const issued = tg.issued(row.file_id);
      assert.ok(issued, 'a file_id that nobody has given out');
      assert.deepEqual(
        [issued.botId, issued.sha256, issued.kind, issued.fileUniqueId],
        [tokens.get(row.bot_slug), row.sha256, row.kind, row.file_unique_id],
      );
    }

    const distinct = files.reduce((sum, { size }) => sum + size, 0);
    const { bytesIn } = worker.stats();
    assert.ok(bytesIn >= distinct && bytesIn <= 1.15 * distinct, `${bytesIn} bytes read of ${distinct}`);
    assert.equal(tg.limitStats().early, 0, 'a 429 was not obeyed');
    const bites = (mix) => Object.values(mix.counts).filter((count) => count.bites > 0).length;
    const bitten = [bites(faults.r2), bites(faults.tg)];
    const enough = LONG ? [10, 12] : [5, 8];
    if (LONG || SEED === CHOSEN) {
      assert.ok(bitten[0] >= enough[0] && bitten[1] >= enough[1], `kinds of faults that bit: ${bitten}`);
    }
    const { accepted } = tg.limitStats();
    t.diagnostic(`${accepted} messages for ${jobs.length} jobs, ${(bytesIn / distinct).toFixed(3)} of the bytes read`);
  });
});

/** Map.groupBy came with Node 21. */
function byCode(dead) {
  const groups = new Map();
  for (const one of dead) groups.set(one.error.code, [...(groups.get(one.error.code) ?? []), one]);
  return groups;
}
