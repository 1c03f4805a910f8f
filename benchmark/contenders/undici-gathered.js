'use strict';

// undici streaming, tuned further than we have seen anyone do it: below undici's body streams, TLS records of 16 KB are gathered to
// 256 KB before each write, and a file that fits into one such piece goes out in one write.

const { Readable } = require('node:stream');
const { createPools, lengthOf } = require('./pools');
const { HEAD, TAIL, createVerifier, inSlots } = require('./shared');

const GATHER = 256 * 1024;

/** Receives one object and hands its framed bytes on. */
class Transfer {
  #parts = [HEAD];
  #gathered = HEAD.length;
  #length = 0;
  #body = null;
  #pools;
  #verifier;
  #settle;

  constructor(pools, verifier, settle) {
    this.#pools = pools;
    this.#verifier = verifier;
    this.#settle = settle;
  }

  #take() {
    const piece = Buffer.concat(this.#parts, this.#gathered);
    this.#parts = [];
    this.#gathered = 0;
    return piece;
  }

  #send(body) {
    this.#pools.send(this.#length, body).then(this.#settle.resolve, this.#settle.reject);
  }

  onRequestStart() {}

  onResponseStart(controller, status, headers) {
    this.#length = lengthOf(status, headers);
    if (this.#length > GATHER) {
      const read = () => controller.paused && controller.resume();
      const destroy = (error, done) => {
        if (error) {
          controller.abort(error);
        }
        done(error);
      };
      this.#body = new Readable({ highWaterMark: GATHER, read, destroy });
      this.#send(this.#body);
    }
  }

  onResponseData(controller, chunk) {
    this.#verifier.update(chunk);
    this.#parts.push(chunk);
    this.#gathered += chunk.length;
    if (this.#body !== null && this.#gathered >= GATHER && !this.#body.push(this.#take())) {
      controller.pause();
    }
  }

  onResponseEnd() {
    this.#verifier.check();
    this.#parts.push(TAIL);
    this.#gathered += TAIL.length;
    if (this.#body === null) {
      this.#send(this.#take());
      return;
    }
    this.#body.push(this.#take());
    this.#body.push(null);
  }

  onResponseError(_controller, error) {
    this.#body?.destroy(error);
    this.#settle.reject(error);
  }
}

function create(config) {
  const pools = createPools(config);
  const job = (n) =>
    new Promise((resolve, reject) => {
      const transfer = new Transfer(pools, createVerifier(config), { resolve, reject });
      pools.s3.dispatch(pools.getOptions(config.size, n), transfer);
    });
  return { run: inSlots(config.concurrency, job), close: pools.close };
}

module.exports = { create };
