'use strict';

// This package: a URL to a file.

const { IngestExecutor } = require('../..');
const { createPlace } = require('./ingest-shared');
const { inSlots, objectPath } = require('./shared');

function create(config) {
  const place = createPlace(config);
  const { port } = new URL(config.s3Url);
  const executor = new IngestExecutor({
    dir: place.dir,
    fsync: config.fsync,
    concurrency: config.concurrency,
    capacity: config.concurrency,
    http: { allow: [`127.0.0.1:${port}`], plain: !config.tls, ...(config.ca && { ca: config.ca }) },
  });
  async function job(n) {
    const { location, sha256, bytes } = await executor.run({
      source: { url: config.s3Url + objectPath(config.size, n) },
    });
    await place.done(location.path, sha256, bytes);
  }
  return {
    run: inSlots(config.concurrency, job),
    async close() {
      await executor.close({ timeoutMs: 1000 });
      place.close();
    },
  };
}

module.exports = { create };
