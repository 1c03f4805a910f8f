'use strict';

// This package, as it is used on Redis: every message of a peak is handed over at once, and the run ends when the last medium is stored.

const { randomUUID } = require('node:crypto');
const { ProcessMedia } = require('../../lib/adapters/bullmq');
const { createPlace } = require('./ingest-shared');
const { objectPath } = require('./shared');

function create(config) {
  const place = createPlace(config);
  const { port } = new URL(config.s3Url);
  const media = new ProcessMedia({
    dir: place.dir,
    bullmq: require('bullmq'),
    connection: { host: '127.0.0.1', port: config.redisPort },
    prefix: `bench-${randomUUID()}`,
    concurrency: config.concurrency,
    http: { allow: [`127.0.0.1:${port}`], ...(config.ca && { ca: config.ca }) },
  });
  media.on('error', () => {});
  media.process();
  let made = 0;
  let slowestMs = 0;
  const add = async () => {
    made += 1;
    const before = performance.now();
    const job = { key: `m-${made}`, source: { url: config.s3Url + objectPath(config.size, made) } };
    const { via } = await media.add(job);
    slowestMs = Math.max(slowestMs, performance.now() - before);
    return via;
  };
  return {
    async run(jobs) {
      let left = jobs;
      const stored = new Promise((resolve, reject) => {
        media.on('completed', () => {
          left -= 1;
          if (left === 0) resolve();
        });
        media.on('failed', ({ error }) => reject(new Error(error.message)));
      });
      const ways = await Promise.all(Array.from({ length: jobs }, add));
      await stored;
      media.removeAllListeners('completed').removeAllListeners('failed');
      return { viaRedis: ways.filter((way) => way === 'bullmq').length, slowestMs };
    },
    async close() {
      await media.close({ timeoutMs: 1000 });
      place.close();
    },
  };
}

module.exports = { create };
