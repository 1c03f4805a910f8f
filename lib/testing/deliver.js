'use strict';

const fs = require('node:fs');
const { pipeline } = require('node:stream/promises');
const { setTimeout: sleep } = require('node:timers/promises');
const { gzipBomb } = require('./faults/bomb');

const SLICE = 256 * 1024;
const LINGER_MS = 5000;

/**
 * @typedef {{ path: string, start: number, length: number }} FilePart bytes of a file
 * @typedef {{ status: number, headers?: Record<string, string | number>, body?: Buffer | string | FilePart, bare?: boolean }} Answer
 *   `bare`: the length is announced but no body follows (HEAD)
 */

/** Reads at most `n` bytes at `offset` of a body. */
async function readAt(body, offset, n) {
  const size = Math.min(n, body.length - offset);
  if (Buffer.isBuffer(body)) return body.subarray(offset, offset + size);
  const file = await fs.promises.open(body.path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, body.start + offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Resolves when the chunk left this process (or the client is gone). */
const write = (res, chunk) =>
  new Promise((resolve) => {
    if (res.destroyed) resolve();
    else res.write(chunk, () => resolve());
  });

/** Sends the head and the first `n` bytes, and waits until they were handed to the kernel. */
async function writePrefix(res, body, n) {
  res.flushHeaders();
  for (let sent = 0; sent < n && !res.destroyed; ) {
    const chunk = await readAt(body, sent, Math.min(SLICE, n - sent));
    if (chunk.length === 0) break;
    await write(res, chunk);
    sent += chunk.length;
  }
  // An empty write flushes a head that has no body behind it.
  await new Promise((resolve) => (res.socket?.writable ? res.socket.write('', resolve) : resolve()));
}

async function trickle(server, res, body, fault) {
  const piece = Math.max(1, Math.floor(fault.bytesPerSecond / 20));
  const pause = (piece / fault.bytesPerSecond) * 1000;
  res.flushHeaders();
  fault.bite();
  for (let sent = 0; sent < body.length && !res.destroyed; sent += piece) {
    await write(res, await readAt(body, sent, piece));
    await server.sleep(pause);
  }
  res.end();
}

/** The ordinary way out: cheap, because the sandboxes are also load generators' peers. */
async function send(server, res, body) {
  if (!Buffer.isBuffer(body)) {
    if (body.length === 0) {
      res.end();
      return;
    }
    const end = body.start + body.length - 1;
    await pipeline(fs.createReadStream(body.path, { start: body.start, end, highWaterMark: SLICE }), res);
    return;
  }
  // A plain socket takes the whole buffer without a copy; TLS would encrypt it in one go and hold all of it.
  if (!server.secure || body.length <= SLICE) {
    res.end(body);
    return;
  }
  for (let sent = 0; sent < body.length && !res.destroyed; sent += SLICE)
    await write(res, body.subarray(sent, sent + SLICE));
  res.end();
}

/**
 * Sends an answer, spoilt by a fault if one is due.
 *
 * @param {import('./server').LoopbackServer} server
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 * @param {Answer} answer
 * @param {object | null} fault
 */
async function deliver(server, req, res, answer, fault = null) {
  if (fault?.kind === 'stallBeforeHead') {
    // Past the head stage the request counts as read, so its sender must not be left hanging halfway.
    if (fault.at !== 'head') req.resume();
    fault.bite();
    return;
  }
  if (fault?.kind === 'reset') {
    fault.bite();
    server.kill(req.socket, fault.reset !== false);
    return;
  }
  const headers = { ...answer.headers };
  let body = answer.body ?? '';
  if (typeof body === 'string') body = Buffer.from(body);
  if (fault?.kind === 'emptyBody') {
    body = Buffer.alloc(0);
    fault.bite();
  } else if (fault?.kind === 'malformedJson') {
    // Cut in the middle, with a right Content-Length: it arrives complete and still does not parse.
    body = Buffer.concat([body.subarray(0, Math.floor(body.length / 2)), Buffer.from('{')]);
    fault.bite();
  } else if (fault?.kind === 'gzipBomb' && !answer.bare) {
    // Also to a client that asked for no encoding: so does a server that means harm.
    body = await gzipBomb(fault.size);
    headers['Content-Encoding'] = 'gzip';
    delete headers['Content-Length'];
    fault.bite();
  }
  const total = body.length;
  if (answer.status !== 204 && answer.status !== 304) headers['Content-Length'] ??= total;
  const early = hasUnreadBody(req);
  if (fault?.kind === 'answerThenClose' || early) headers.Connection = 'close';
  res.writeHead(answer.status, headers);

  if (fault?.kind === 'answerThenClose') {
    closeAfter(res, fault);
  } else if (early && !fault) {
    await linger(server, req, res, answer.bare ? Buffer.alloc(0) : body);
    return;
  }
  if (answer.bare || total === 0) {
    res.end();
    return;
  }
  switch (fault?.kind) {
    case 'stallAfterBytes':
    case 'cutAfterBytes':
    case 'truncate': {
      // A body that ends before the mark is not harmed, and the count says so.
      const mark = fault.markIn(total);
      if (mark >= total) break;
      const { socket } = res;
      await writePrefix(res, body, mark);
      fault.bite();
      if (fault.kind === 'cutAfterBytes') server.kill(socket, fault.reset === true);
      if (fault.kind === 'truncate') socket.end();
      return;
    }
    case 'trickle':
      await trickle(server, res, body, fault);
      return;
  }
  await send(server, res, body);
}

function closeAfter(res, fault) {
  const { socket } = res;
  fault.bite();
  res.once('finish', () => socket.end());
}

const hasUnreadBody = (req) =>
  !req.complete && (req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0);

/**
 * Answers before the request was read to its end, as nginx does: the rest is taken in for a while and thrown away,
 * because closing with unread data would make the kernel reset the connection and the answer could be lost.
 */
async function linger(server, req, res, body) {
  await writePrefix(res, body, body.length);
  req.resume();
  const ended = new Promise((resolve) => {
    req.once('end', resolve);
    req.once('close', resolve);
  });
  await Promise.race([ended, patience(server.signal)]);
  res.end();
}

/** Real time, whatever clock the sandbox runs on: it is the network that is waited for. */
const patience = (signal) => sleep(LINGER_MS, undefined, { signal, ref: false });

/** Waits for the delay faults of a stage, in the order they were added. */
async function waitFor(server, modifiers) {
  for (const fault of modifiers) {
    if (fault.kind !== 'delay') continue;
    fault.bite();
    await server.sleep(fault.ms);
  }
}

module.exports = { deliver, waitFor };
