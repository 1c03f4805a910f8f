'use strict';

// undici, node:crypto and fs by hand: a URL to a file, streamed, writes gathered.

const fsp = require('node:fs/promises');
const { Pool } = require('undici');
const { createPlace, FileByHand } = require('./ingest-shared');
const { inSlots, objectPath } = require('./shared');

function create(config) {
  const place = createPlace(config);
  const pool = new Pool(config.s3Url, { connections: config.concurrency, pipelining: 1, connect: { ca: config.ca } });
  const directory = fsp.open(place.dir);
  async function job(n) {
    const { statusCode, body } = await pool.request({ method: 'GET', path: objectPath(config.size, n) });
    if (statusCode !== 200) throw new Error(`the server answered ${statusCode}`);
    const file = new FileByHand(place.dir, { directory: await directory, n, fsync: config.fsync });
    for await (const chunk of body) await file.write(chunk);
    const { file: name, sha256 } = await file.finish();
    await place.done(name, sha256, file.bytes);
  }
  return {
    run: inSlots(config.concurrency, job),
    async close() {
      await pool.destroy();
      await (await directory).close();
      place.close();
    },
  };
}

module.exports = { create };
