'use strict';

const { Readable } = require('node:stream');

/**
 * The body of a request as a stream, read slowly, not at all or cut off when a fault on the request side is due.
 * Without one it is the request itself, so the usual way costs nothing.
 */
function intake(server, req, fault) {
  if (fault?.side !== 'request') return req;
  const stream = Readable.from(spoilt(server, req, fault), { objectMode: false });
  stream.on('error', () => {});
  return stream;
}

async function* spoilt(server, req, fault) {
  let seen = 0;
  // Of a body without an announced length a fraction cannot be taken: the first byte will do.
  const announced = Number(req.headers['content-length'] ?? 1);
  const mark = fault.kind === 'trickle' ? 0 : fault.markIn(announced);
  for await (const chunk of req) {
    if (fault.kind === 'trickle') {
      if (seen === 0) fault.bite();
      seen += chunk.length;
      yield* slowly(server, chunk, fault.bytesPerSecond);
      continue;
    }
    const left = mark - seen;
    if (chunk.length < left) {
      seen += chunk.length;
      yield chunk;
      continue;
    }
    yield chunk.subarray(0, left);
    fault.bite();
    if (fault.kind === 'cutAfterBytes') server.kill(req.socket, fault.reset === true);
    // Stalled: nothing more is read, so the sender's buffers fill up and stay full until someone gives up.
    await gone(server, req);
    return;
  }
}

async function* slowly(server, chunk, bytesPerSecond) {
  const piece = Math.max(1, Math.floor(bytesPerSecond / 20));
  for (let at = 0; at < chunk.length; at += piece) {
    const part = chunk.subarray(at, at + piece);
    yield part;
    await server.sleep((part.length / bytesPerSecond) * 1000);
  }
}

const gone = (server, req) =>
  new Promise((_resolve, reject) => {
    const stop = () => reject(new Error('the request ended before its body was read'));
    if (req.socket.destroyed || server.signal.aborted) stop();
    req.socket.once('close', stop);
    server.signal.addEventListener('abort', stop, { once: true });
  });

module.exports = { intake };
