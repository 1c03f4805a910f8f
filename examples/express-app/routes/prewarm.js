'use strict';

const express = require('express');
const { BadRequest } = require('../lib/errors');
const check = require('./validate');

const MAX_ITEMS = 500;

function parseItem(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadRequest('INVALID_BODY', 'send { bot_slug, sha256, kind, r2_key }, or { items: [...] } of these');
  }
  return {
    bot_slug: check.botSlug(value.bot_slug),
    sha256: check.sha256(value.sha256),
    kind: check.kind(value.kind),
    r2_key: check.r2Key(value.r2_key),
  };
}

function parseBody(body) {
  if (!Array.isArray(body?.items)) return [parseItem(body)];
  if (body.items.length === 0 || body.items.length > MAX_ITEMS) {
    throw new BadRequest('INVALID_BODY', `items must hold 1 to ${MAX_ITEMS} entries`);
  }
  return body.items.map(parseItem);
}

/**
 * Writes the durable copy of the jobs: a `warming` row each. A ready one is left alone; a failed one gets another chance.
 * @returns {Promise<Set<string>>} the keys that are ready already
 */
async function saveAsWarming(pool, items) {
  const columns = ['bot_slug', 'sha256', 'kind', 'r2_key'].map((name) => items.map((item) => item[name]));
  await pool.query(
    `INSERT INTO media_store (bot_slug, sha256, kind, r2_key)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     ON CONFLICT (bot_slug, sha256) DO NOTHING`,
    columns,
  );
  await pool.query(
    `INSERT INTO media_cache (bot_slug, sha256, kind, status)
     SELECT DISTINCT bot_slug, sha256, kind, 'warming' FROM unnest($1::text[], $2::text[], $3::text[]) AS job (bot_slug, sha256, kind)
     ON CONFLICT (bot_slug, sha256, kind) DO UPDATE
     SET status = 'warming', last_error = NULL, updated_at = now() WHERE media_cache.status = 'error'`,
    columns.slice(0, 3),
  );
  const { rows } = await pool.query(
    `SELECT bot_slug, sha256, kind FROM media_cache JOIN unnest($1::text[], $2::text[], $3::text[]) AS job (bot_slug, sha256, kind)
     USING (bot_slug, sha256, kind) WHERE status = 'ready'`,
    columns.slice(0, 3),
  );
  return new Set(rows.map(keyOf));
}

const keyOf = (item) => `${item.kind}:${item.sha256}:${item.bot_slug}`;

/**
 * POST / : warms up one file, or `{ items }`. The answer lists what became of each: queued | duplicate | full | cached. Duplicate means the
 * job is queued or running already; full, that the queue in memory has no room: its row waits for the next start, or ask again later.
 * @param {{ pool: import('pg').Pool, worker: object }} services worker = require('warmpath/compat/mediaPrewarmWorker')
 */
function prewarmRoutes({ pool, worker }) {
  const router = express.Router();

  router.post('/', async (req, res) => {
    const items = parseBody(req.body);
    const ready = await saveAsWarming(pool, items);
    const results = items.map(({ bot_slug, sha256, kind, r2_key }) => {
      const answer = (status) => ({ bot_slug, sha256, kind, status });
      if (ready.has(keyOf({ bot_slug, sha256, kind }))) return answer('cached');
      if (worker.enqueuePrewarm({ bot_slug, sha256, kind, r2_key })) return answer('queued');
      const { queue_size: size, max_queue_size: room } = worker.getQueueMetrics();
      return answer(size >= room ? 'full' : 'duplicate');
    });
    res.status(202).json({ ok: true, queued: results.filter((result) => result.status === 'queued').length, results });
  });

  return router;
}

module.exports = { prewarmRoutes };
