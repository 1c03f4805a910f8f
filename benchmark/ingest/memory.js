'use strict';

const path = require('node:path');
const { Child } = require('../lib/child');
const { measure } = require('../lib/measure');

/** So many at once; beside them one alone, which takes what any number takes: code, certificates, the heap of JavaScript. */
const AT_ONCE = 9;

/**
 * What one more transfer takes: the peak with nine at once, less that with one, over the eight between. Both runs do the same
 * number of jobs, each in a fresh process. CPU is not looked at, so a busy machine does no harm.
 *
 * @returns {Promise<number>} bytes
 */
async function perTransfer(name, servers, { size, jobs = 4 * AT_ONCE }) {
  const peak = async (concurrency) => {
    const { peakRss } = await measure(name, servers, { size, concurrency, jobs, warmMs: 0 });
    return peakRss;
  };
  return ((await peak(AT_ONCE)) - (await peak(1))) / (AT_ONCE - 1);
}

/** A bucket that takes everything and keeps nothing, in a process of its own. */
async function startBucket() {
  const child = Child.node(path.join(__dirname, 'bucket.js'), {});
  const { port } = await child.hear();
  return { url: `http://127.0.0.1:${port}`, close: () => child.end() };
}

/** The same into a bucket: a part of 5 MiB is in memory there, whole. */
async function perUpload(servers, { size, jobs }) {
  const bucket = await startBucket();
  try {
    return await perTransfer('ingest-s3-ours', { ...servers, botUrl: bucket.url }, { size, jobs });
  } finally {
    await bucket.close();
  }
}

module.exports = { AT_ONCE, perTransfer, perUpload };
