'use strict';

const express = require('express');
const { bearerAuth, migrate } = require('warmpath');
const worker = require('warmpath/compat/mediaPrewarmWorker');
const { uploadMedia } = require('warmpath/compat/r2Service');
const { startCampaigns } = require('./lib/campaigns');
const { readConfig } = require('./lib/config');
const { applySchema, createPool, isAvailable } = require('./lib/database');
const { createDiagnostics } = require('./lib/diagnostics');
const { errorHandler } = require('./lib/errors');
const { createLogger } = require('./lib/logger');
const { shutDownOnSignals } = require('./lib/shutdown');
const { cacheRoutes } = require('./routes/cache');
const { campaignRoutes } = require('./routes/campaigns');
const { diagnosticsRoutes } = require('./routes/diagnostics');
const { prewarmRoutes } = require('./routes/prewarm');
const { uploadRoutes } = require('./routes/upload');

async function main() {
  const config = readConfig(process.env);
  const logger = createLogger({ debug: config.debug });
  const diagnostics = createDiagnostics();
  const pool = createPool(config.databaseUrl, logger);
  await applySchema(pool);
  // Adds what a queue in these tables needs; safe in every process at every start.
  if (config.durable) await migrate(pool);

  worker.configure({ logger, services: { observe: diagnostics.observe } });
  worker.startPrewarmWorker(pool);
  const campaigns =
    config.campaigns === null ? null : await startCampaigns({ pool, settings: config.campaigns, logger });

  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', async (_req, res) => {
    const database = await isAvailable(pool);
    res
      .status(database ? 200 : 503)
      .json({ ok: database, database, worker_running: worker.getWorkerController().isRunning() });
  });
  // In front of the rest: its page logs in by itself, since a browser sends no bearer token for a page.
  const requireAdmin = bearerAuth(config.adminToken);
  const admin = worker.router({ auth: requireAdmin });
  app.use('/api/admin/media/prewarm', admin);
  if (campaigns !== null) {
    const requireCaller = bearerAuth(config.campaigns.token);
    app.use('/api/campaigns', requireCaller, express.json({ limit: '1mb' }), campaignRoutes({ pool, campaigns }));
  }
  app.use('/api', requireAdmin);
  // Before the JSON parser: an uploaded .json file is a file.
  app.use('/api/media', uploadRoutes({ pool, uploadMedia, maxUploadBytes: config.maxUploadBytes }));
  app.use('/api', express.json({ limit: '1mb' }));
  app.use('/api/media/prewarm', prewarmRoutes({ pool, worker }));
  app.use('/api/media/cache', cacheRoutes({ pool }));
  app.use('/api/admin/diagnostics', diagnosticsRoutes({ diagnostics }));
  app.use((_req, res) => res.status(404).json({ ok: false, error: 'NOT_FOUND' }));
  app.use(errorHandler(logger));

  const server = app.listen(config.port, config.host, (error) => {
    if (error) throw error;
    logger.info('[APP][LISTENING]', { host: config.host, port: server.address().port });
  });
  shutDownOnSignals({
    server,
    admin,
    controller: worker.getWorkerController,
    campaigns,
    pool,
    diagnostics,
    logger,
    timeoutMs: config.shutdownTimeoutMs,
  });
}

main().catch((error) => {
  // A settings error names its variable; of anything else only the type, for drivers put connection strings into messages.
  const ours = /^[A-Z][A-Z0-9_]+ (is|must)/.test(error.message) || String(error.code).startsWith('ERR_WARMPATH_');
  console.error(`cannot start: ${ours ? error.message : `${error.name} ${error.code ?? ''}`}`);
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
});
