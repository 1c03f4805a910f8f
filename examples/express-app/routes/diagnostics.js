'use strict';

const express = require('express');

/**
 * The process's own diagnostics.
 * @param {{ diagnostics: object }} services
 */
function diagnosticsRoutes({ diagnostics }) {
  const router = express.Router();

  router.get('/', (_req, res) => {
    res.json({ ok: true, diagnostics: diagnostics.read() });
  });

  router.post('/reset', (_req, res) => {
    diagnostics.reset();
    res.json({ ok: true });
  });

  return router;
}

module.exports = { diagnosticsRoutes };
