'use strict';

const { PostgresStore, migrate } = require('../..');

const hex = (i) => String(i).padStart(64, '0');
const job = (i, extra) => ({ botSlug: 'bot', sha256: hex(i), kind: 'photo', r2Key: `k${i}`, ...extra });
const transient = { code: 'ERR_WARMPATH_SEND_FAILED', class: 'transient', message: 'why' };
const value = (i) => ({
  fileId: `f${i}`,
  fileUniqueId: `u${i}`,
  messageId: i,
  chatId: '-1001234567890123',
  kind: 'photo',
});

/** A migrated, empty database for store tests, and what they do all the time. */
async function storeWorld(world, t) {
  await migrate(world.pool);
  const open = (extra = {}) => {
    const store = new PostgresStore({ pool: world.pool, listen: false, delaysMs: [60_000, 120_000], ...extra });
    t.after(() => store.close().catch(() => {}));
    return store;
  };
  return {
    ...world,
    open,
    clear: async () => {
      for (const table of ['media_cache', 'media_store', 'warmpath_lanes', 'warmpath_instances']) {
        await world.pool.query(`DELETE FROM ${table}`);
      }
    },
    claim: (store, limit = 100, leaseMs = 60_000) => store.claim({ limit, leaseMs }),
    succeed: (store, claims) =>
      store.settle(
        claims.map(({ key, fence }, i) => ({ key, fence, status: 'succeeded', charged: true, value: value(i) })),
      ),
    fail: (store, claims, extra) =>
      store.settle(
        claims.map(({ key, fence }) => ({ key, fence, status: 'failed', error: transient, charged: true, ...extra })),
      ),
    /** Puts the server's view of the rows into the past, as waiting would. */
    pass: (ms) =>
      world.pool.query(
        `UPDATE media_cache SET run_at = run_at - $1::float8 * interval '1 ms', lease_until = lease_until - $1::float8 * interval '1 ms'`,
        [ms],
      ),
    rows: async () => (await world.pool.query('SELECT * FROM media_cache ORDER BY bot_slug, sha256, kind')).rows,
    row: async (i) => (await world.pool.query('SELECT * FROM media_cache WHERE sha256 = $1', [hex(i)])).rows[0],
  };
}

const numbers = (claims) => claims.map((claim) => Number(claim.job.sha256));

module.exports = { storeWorld, job, hex, transient, value, numbers };
