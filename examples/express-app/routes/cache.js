'use strict';

const express = require('express');
const { BadRequest } = require('../lib/errors');
const check = require('./validate');

const COLUMNS = `bot_slug, sha256, kind, status, file_id, file_unique_id, warmup_chat_id, warmup_message_id, warmup_at, last_error,
  created_at, updated_at`;

const encodeCursor = (row) => Buffer.from(JSON.stringify([row.bot_slug, row.sha256, row.kind])).toString('base64url');

/** The place after which the page starts; a made-up cursor is the caller's mistake, not a server error. */
function decodeCursor(cursor) {
  if (cursor === undefined) return ['', '', ''];
  try {
    const parts = JSON.parse(Buffer.from(String(cursor), 'base64url').toString('utf8'));
    if (parts.length === 3 && parts.every((part) => typeof part === 'string' && !part.includes('\0'))) return parts;
  } catch {
    // not JSON: answered below
  }
  throw new BadRequest('INVALID_CURSOR', 'cursor must be the next_cursor of an earlier page');
}

/**
 * GET / : the cache, a page at a time (`limit`, `cursor`), by `bot_slug` and `status` if wished, with the number of rows per status.
 * @param {{ pool: import('pg').Pool }} services
 */
function cacheRoutes({ pool }) {
  const router = express.Router();

  router.get('/', async (req, res) => {
    const limit = check.limit(req.query.limit);
    const bot = req.query.bot_slug === undefined ? null : check.botSlug(req.query.bot_slug);
    const status = req.query.status === undefined ? null : check.status(req.query.status);
    const after = decodeCursor(req.query.cursor);

    const page = await pool.query(
      `SELECT ${COLUMNS} FROM media_cache
       WHERE (bot_slug, sha256, kind) > ($1, $2, $3) AND ($4::text IS NULL OR bot_slug = $4) AND ($5::text IS NULL OR status = $5)
       ORDER BY bot_slug, sha256, kind LIMIT $6`,
      [...after, bot, status, limit + 1],
    );
    const totals = await pool.query(
      'SELECT status, count(*)::int AS rows FROM media_cache WHERE $1::text IS NULL OR bot_slug = $1 GROUP BY status',
      [bot],
    );

    const counts = { warming: 0, ready: 0, error: 0 };
    for (const row of totals.rows) counts[row.status] = row.rows;
    const items = page.rows.slice(0, limit);
    const next_cursor = page.rows.length > limit ? encodeCursor(items.at(-1)) : null;
    res.json({ ok: true, counts, items, next_cursor });
  });

  return router;
}

module.exports = { cacheRoutes };
