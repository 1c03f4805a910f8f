'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');
const { makeMedia } = require('../../lib/cli/demo/media');
const { CACHE_DIR } = require('./services');

/**
 * The first `count` of the demo's real media (see lib/cli/demo/media-specs.js: small files first, every kind among them), with their bytes.
 * @param {number} [count=9]
 * @returns {Promise<(import('../../lib/cli/demo/media').MediaFile & { data: Buffer })[]>}
 */
async function realMedia(count = 9) {
  const files = await makeMedia({ directory: path.join(CACHE_DIR, 'demo-media'), count });
  return Promise.all(files.map(async (file) => ({ ...file, data: await fs.readFile(file.path) })));
}

module.exports = { realMedia };
