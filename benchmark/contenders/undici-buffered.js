'use strict';

// undici by hand, the file whole in memory: each slot keeps one buffer, in which the multipart body is laid out while the object
// arrives, so that every byte is copied once and goes out in one write.

const { createPools, lengthOf } = require('./pools');
const { HEAD, TAIL, createVerifier, inSlots } = require('./shared');

function create(config) {
  const pools = createPools(config);
  const buffers = new Array(config.concurrency).fill(Buffer.alloc(0));

  function get(n, slot) {
    return new Promise((resolve, reject) => {
      let length = 0;
      let at = HEAD.length;
      pools.s3.dispatch(pools.getOptions(config.size, n), {
        onRequestStart() {},
        onResponseStart(_controller, status, headers) {
          length = lengthOf(status, headers);
          const total = HEAD.length + length + TAIL.length;
          if (buffers[slot].length < total) {
            buffers[slot] = Buffer.allocUnsafeSlow(total);
            HEAD.copy(buffers[slot]);
          }
        },
        onResponseData(_controller, chunk) {
          at += chunk.copy(buffers[slot], at);
        },
        onResponseEnd() {
          TAIL.copy(buffers[slot], at);
          resolve(length);
        },
        onResponseError: (_controller, error) => reject(error),
      });
    });
  }

  async function job(n, slot) {
    const length = await get(n, slot);
    const verifier = createVerifier(config);
    verifier.update(buffers[slot].subarray(HEAD.length, HEAD.length + length));
    verifier.check();
    await pools.send(length, buffers[slot].subarray(0, HEAD.length + length + TAIL.length));
  }

  return { run: inSlots(config.concurrency, job), close: pools.close };
}

module.exports = { create };
