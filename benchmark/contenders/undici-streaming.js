'use strict';

// undici by hand, streaming: the object's chunks go into the multipart body as they come, under an exact Content-Length, so that
// memory does not grow with the file. A generator measured cheaper here than a Readable between the two.

const { createPools, lengthOf } = require('./pools');
const { HEAD, TAIL, createVerifier, inSlots } = require('./shared');

async function* framed(chunks) {
  yield HEAD;
  yield* chunks;
  yield TAIL;
}

async function* framedVerified(chunks, verifier) {
  yield HEAD;
  for await (const chunk of chunks) {
    verifier.update(chunk);
    yield chunk;
  }
  // Before the last bytes: a body that never ends is never taken for a file.
  verifier.check();
  yield TAIL;
}

function create(config) {
  const pools = createPools(config);

  async function job(n) {
    const object = await pools.s3.request(pools.getOptions(config.size, n));
    const length = lengthOf(object.statusCode, object.headers);
    const body = config.verify ? framedVerified(object.body, createVerifier(config)) : framed(object.body);
    await pools.send(length, body);
  }

  return { run: inSlots(config.concurrency, job), close: pools.close };
}

module.exports = { create };
