'use strict';

const express = require('express');
const { isAvailable } = require('../lib/database');

/**
 * Metrics and control of the prewarm worker, and the process's own diagnostics.
 * @param {{ worker: object, pool: import('pg').Pool, diagnostics: object }} services
 *   worker = require('warmpath/compat/mediaPrewarmWorker')
 */
function adminRoutes({ worker, pool, diagnostics }) {
  const router = express.Router();

  router.get('/media/prewarm/metrics', (_req, res) => {
    const controller = worker.getWorkerController();
    res.json({
      ok: true,
      metrics: {
        ...worker.getQueueMetrics(),
        worker_running: controller.isRunning(),
        queue_items: controller.getQueueItems().map((job) => ({
          bot_slug: job.bot_slug,
          kind: job.kind,
          // One job without a hash must not take the whole route down.
          sha256: typeof job.sha256 === 'string' ? `${job.sha256.slice(0, 16)}...` : null,
          enqueued_at: job.enqueued_at,
          waiting_ms: Date.now() - job.enqueued_at,
        })),
      },
    });
  });

  router.post('/media/prewarm/control', async (req, res) => {
    // A request without a JSON body leaves req.body undefined.
    const action = req.body?.action;
    const controller = worker.getWorkerController();

    if (action === 'stop') {
      // Transfers under way end by themselves; the answer does not wait for them.
      Promise.resolve(controller.stop()).catch(() => {});
      return res.json({ ok: true, message: 'Worker stopped', worker_running: false });
    }
    if (action === 'start') {
      if (controller.isRunning()) {
        return res.json({ ok: true, message: 'Worker already running', worker_running: true });
      }
      if (!(await isAvailable(pool))) {
        return res.status(503).json({ ok: false, error: 'DATABASE_NOT_AVAILABLE' });
      }
      worker.startPrewarmWorker(pool);
      return res.json({ ok: true, message: 'Worker started', worker_running: true });
    }
    return res.status(400).json({ ok: false, error: 'INVALID_ACTION', message: 'action must be "start" or "stop"' });
  });

  router.get('/diagnostics', (_req, res) => {
    res.json({ ok: true, diagnostics: diagnostics.read() });
  });

  router.post('/diagnostics/reset', (_req, res) => {
    diagnostics.reset();
    res.json({ ok: true });
  });

  return router;
}

module.exports = { adminRoutes };
