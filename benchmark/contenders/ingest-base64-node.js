'use strict';

// Buffer, node:crypto and fs by hand: base64 text to a file. Decoded in pieces of 1 MiB, with a turn of the loop between them.

const fsp = require('node:fs/promises');
const { setImmediate: turn } = require('node:timers/promises');
const { createPlace, createTexts, FileByHand } = require('./ingest-shared');
const { inSlots } = require('./shared');

const PIECE = 1 << 20;

function create(config) {
  const place = createPlace(config);
  const texts = createTexts(config);
  const directory = fsp.open(place.dir);
  async function job(n) {
    const text = texts.next();
    const file = new FileByHand(place.dir, { directory: await directory, n, fsync: config.fsync });
    for (let at = 0; at < text.length; at += PIECE) {
      if (at > 0) await turn();
      await file.write(Buffer.from(text.slice(at, at + PIECE), 'base64'));
    }
    const { file: name, sha256 } = await file.finish();
    await place.done(name, sha256, file.bytes);
  }
  return {
    run: inSlots(config.concurrency, job),
    async close() {
      await (await directory).close();
      place.close();
    },
  };
}

module.exports = { create };
