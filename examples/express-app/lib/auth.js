'use strict';

const crypto = require('node:crypto');

const digest = (text) => crypto.createHash('sha256').update(text, 'utf8').digest();

/**
 * Lets a request pass that carries `Authorization: Bearer <token>`.
 *
 * Digests are compared, not the texts: timingSafeEqual needs equal lengths, and a refusal by length alone would tell the length.
 * @param {string} token
 * @returns {import('express').RequestHandler}
 */
function requireAdmin(token) {
  const expected = digest(token);
  return (req, res, next) => {
    const [, given = ''] = /^Bearer (.+)$/i.exec(req.get('authorization') ?? '') ?? [];
    if (crypto.timingSafeEqual(digest(given), expected)) return next();
    return res.set('WWW-Authenticate', 'Bearer').status(401).json({ ok: false, error: 'UNAUTHORIZED' });
  };
}

module.exports = { requireAdmin };
