'use strict';

const { startPostgres } = require('../../lib/cli/services/postgres');

/** Where Debian has the server that the stores are proved on beside the embedded one. */
const SYSTEM_BIN = '/usr/lib/postgresql/15/bin';

const VARIABLE = 'WARMPATH_TEST_PG_SHARED';

// Several files use it at once, and some of them open dozens of connections.
const MAX_CONNECTIONS = 400;

/**
 * Starts servers for all files of a run: making a cluster and starting it costs more than most of these files do with it. Each
 * file has a database of its own there. What kills its server, or looks at what survives, has one of its own.
 *
 * @param {string[]} binDirs folders with the binaries; '' for the embedded ones
 * @returns {Promise<{ env: object, stop: () => Promise<void> }>} env: for the processes of the run
 */
async function shareServers(binDirs) {
  const servers = await Promise.all(
    binDirs.map((binDir) => startPostgres({ binDir: binDir || undefined, maxConnections: MAX_CONNECTIONS })),
  );
  const urls = Object.fromEntries(binDirs.map((binDir, i) => [binDir, servers[i].url]));
  return {
    env: { [VARIABLE]: JSON.stringify(urls) },
    stop: () => Promise.all(servers.map((server) => server.stop())),
  };
}

/** The address of the shared server with these binaries, or undefined. */
const sharedServer = (binDir) => JSON.parse(process.env[VARIABLE] ?? '{}')[binDir];

module.exports = { shareServers, sharedServer, SYSTEM_BIN };
