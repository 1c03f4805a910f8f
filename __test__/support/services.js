'use strict';

const path = require('node:path');
const { startMinistack, startRclone } = require('../../lib/cli/services/s3');
const { ensureVenv } = require('../../lib/cli/services/venv');

const CACHE_DIR = path.join(__dirname, '..', '..', '.cache');

/**
 * Whether the real S3 servers can be had here: null, or why not. In CI (CI=true) a missing one is a failure, not a skip.
 * @returns {Promise<string | null>}
 */
async function s3ServersMissing() {
  try {
    await ensureVenv(CACHE_DIR);
    return null;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.stderr.write(`\nNOT TESTED: the S3 servers of others (rclone, ministack): ${error.message}\n\n`);
    return error.message;
  }
}

const s3Servers = {
  rclone: () => startRclone({ cacheDir: CACHE_DIR }),
  ministack: () => startMinistack({ cacheDir: CACHE_DIR }),
};

module.exports = { s3ServersMissing, s3Servers, CACHE_DIR };
