'use strict';

const crypto = require('node:crypto');
const path = require('node:path');
const express = require('express');
const { BadRequest } = require('../lib/errors');
const check = require('./validate');

/** Content-addressed, one folder a bot: the same file uploaded twice, under whatever kind, is the same object. */
function keyFor(media) {
  const extension = /^\.[a-z0-9]{1,8}$/i.exec(path.extname(media.file_name ?? ''))?.[0].toLowerCase() ?? '';
  return `${media.bot_slug}/${media.sha256}${extension}`;
}

/**
 * POST / : the raw body is the file; `bot_slug`, `kind` and `file_name` come in the query.
 * @param {{ pool: import('pg').Pool, uploadMedia: Function, maxUploadBytes: number }} services
 *   uploadMedia = require('warmpath/compat/r2Service').uploadMedia
 */
function uploadRoutes({ pool, uploadMedia, maxUploadBytes }) {
  const router = express.Router();

  router.post('/', express.raw({ type: () => true, limit: maxUploadBytes }), async (req, res) => {
    const media = {
      bot_slug: check.botSlug(req.query.bot_slug),
      kind: check.kind(req.query.kind),
      file_name: check.fileName(req.query.file_name),
      content_type: req.get('content-type') ?? 'application/octet-stream',
    };
    if (!Buffer.isBuffer(req.body) || req.body.length === 0) throw new BadRequest('EMPTY_BODY', 'the body is the file');
    media.sha256 = crypto.createHash('sha256').update(req.body).digest('hex');
    media.bytes = req.body.length;
    media.r2_key = keyFor(media);

    // The bucket first: a row must never point at an object that is not there.
    await uploadMedia(media.r2_key, req.body, media.content_type);
    await pool.query(
      `INSERT INTO media_store (bot_slug, sha256, kind, r2_key, content_type, file_name, bytes)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (bot_slug, sha256) DO UPDATE
       SET kind = excluded.kind, r2_key = excluded.r2_key, content_type = excluded.content_type, file_name = excluded.file_name`,
      [media.bot_slug, media.sha256, media.kind, media.r2_key, media.content_type, media.file_name, media.bytes],
    );
    res.status(201).json({ ok: true, media });
  });

  return router;
}

module.exports = { uploadRoutes };
