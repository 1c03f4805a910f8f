'use strict';

// This package: base64 text to a file.

const { IngestExecutor } = require('../..');
const { createPlace, createTexts } = require('./ingest-shared');
const { inSlots } = require('./shared');

function create(config) {
  const place = createPlace(config);
  const texts = createTexts(config);
  const executor = new IngestExecutor({
    dir: place.dir,
    fsync: config.fsync,
    concurrency: config.concurrency,
    capacity: config.concurrency,
    capacityBytes: 2 ** 32,
  });
  async function job() {
    const { location, sha256, bytes } = await executor.run({ source: { base64: texts.next() } });
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
