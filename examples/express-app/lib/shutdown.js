'use strict';

/**
 * Ends the process in order on SIGTERM or SIGINT: no new requests, no new jobs, transfers under way get `timeoutMs` to finish, then the
 * database is let go. What is not finished stays `warming` and is taken up at the next start. A second signal ends at once.
 *
 * @param {object} parts
 * @param {import('node:http').Server} parts.server
 * @param {{ close: () => void }} parts.admin the worker's router: its event streams never end by themselves
 * @param {() => { stop: Function }} parts.controller the worker's
 * @param {import('warmpath').CampaignWorker | null} parts.campaigns
 * @param {import('pg').Pool} parts.pool
 * @param {{ close: () => void }} parts.diagnostics
 * @param {object} parts.logger
 * @param {number} parts.timeoutMs
 */
function shutDownOnSignals({ server, admin, controller, campaigns, pool, diagnostics, logger, timeoutMs }) {
  let stopping = false;

  const stop = async (signal) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('[APP][STOPPING]', { signal, timeout_ms: timeoutMs });
    const closed = new Promise((resolve) => server.close(resolve));
    admin.close();
    server.closeIdleConnections();
    await Promise.all([controller().stop({ timeoutMs }), campaigns?.stop({ timeoutMs })]);
    // Requests that outlive the worker's deadline (a slow upload) are cut: their callers see a broken connection, not a half answer.
    server.closeAllConnections();
    await closed;
    await pool.end();
    diagnostics.close();
    logger.info('[APP][STOPPED]', {});
  };

  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      stop(signal).then(
        () => process.exit(0),
        (error) => {
          logger.error('[APP][STOP][ERR]', { type: error.name, code: error.code });
          process.exit(1);
        },
      );
    });
  }
}

module.exports = { shutDownOnSignals };
