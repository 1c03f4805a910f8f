'use strict';

const { Pool } = require('undici');
const { createSigner, fileIdOf, objectPath, sendOptions } = require('./shared');

/** One kept-alive connection a slot to either server. */
function createPools({ s3Url, botUrl, ca, concurrency }) {
  const options = { connections: concurrency, pipelining: 1, connect: ca ? { ca } : {} };
  const [s3, bot] = [new Pool(s3Url, options), new Pool(botUrl, options)];
  const sign = createSigner(s3Url);
  return {
    s3,
    /** Signed options of the n-th GET. */
    getOptions(size, n) {
      const path = objectPath(size, n);
      return { method: 'GET', path, headers: sign(path) };
    },
    /** Sends `length` bytes of file, framed in `body`, and checks the answer. */
    async send(length, body) {
      const answer = await bot.request(sendOptions(length, body));
      return fileIdOf(answer.statusCode, await answer.body.json());
    },
    close: () => Promise.all([s3.close(), bot.close()]),
  };
}

/** Length of the object whose answer has begun. */
function lengthOf(status, headers) {
  if (status !== 200) {
    throw new Error(`GET answered ${status}`);
  }
  return Number(headers['content-length']);
}

module.exports = { createPools, lengthOf };
