'use strict';

// This package: a URL to an object in a bucket, which is at `botUrl` here.

const { IngestExecutor } = require('../..');
const { CREDENTIALS, inSlots, objectPath } = require('./shared');

function create(config) {
  const { port } = new URL(config.s3Url);
  const executor = new IngestExecutor({
    s3: { endpoint: config.botUrl, bucket: 'bucket', ...CREDENTIALS },
    concurrency: config.concurrency,
    capacity: config.concurrency,
    http: { allow: [`127.0.0.1:${port}`], plain: !config.tls, ...(config.ca && { ca: config.ca }) },
  });
  async function job(n) {
    const { bytes } = await executor.run({ source: { url: config.s3Url + objectPath(config.size, n) } });
    if (bytes !== config.size) throw new Error(`${bytes} bytes were stored`);
  }
  return { run: inSlots(config.concurrency, job), close: () => executor.close({ timeoutMs: 1000 }) };
}

module.exports = { create };
