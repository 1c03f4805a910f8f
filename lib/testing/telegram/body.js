'use strict';

const { requirePeer } = require('../../peer');
const { badRequest, tooLarge } = require('./errors');
const { readPartHeader } = require('./part-header');

const MAX_FIELDS_BYTES = 4 * 1024 * 1024;
/** Boundaries, part headers and fields beside the file itself. */
const MULTIPART_MARGIN = 64 * 1024;
const MAX_PARTS = 500;

/**
 * @typedef {{ field: string, fileName?: string, contentType?: string, headers: Record<string, string>, spool: import('./spool').Spool }} UploadedFile
 * @typedef {{ params: Map<string, unknown>, files: Map<string, UploadedFile>, encoding: string, bytes: number }} Body
 */

/**
 * Reads a request the way the Bot API does: parameters from the query, from JSON, from a form or from multipart.
 *
 * @param {import('node:http').IncomingMessage} req
 * @param {AsyncIterable<Buffer> & import('node:stream').Readable} source its body (see intake.js)
 * @param {{ maxUploadBytes: number, newSpool: () => import('./spool').Spool }} limits
 * @returns {Promise<Body>}
 */
async function readBody(req, source, limits) {
  const body = { params: new Map(), files: new Map(), encoding: 'query', bytes: 0 };
  const mark = req.url.indexOf('?');
  if (mark >= 0) for (const [name, value] of new URLSearchParams(req.url.slice(mark + 1))) body.params.set(name, value);
  const type = (req.headers['content-type'] ?? '').toLowerCase();
  if (Number(req.headers['content-length'] ?? 0) > limits.maxUploadBytes + MULTIPART_MARGIN) throw tooLarge();
  if (type.startsWith('multipart/form-data')) {
    body.encoding = 'multipart';
    await readMultipart(req, source, body, limits);
    return body;
  }
  const text = await readText(source, body);
  if (text === '') return body;
  if (type.startsWith('application/json')) {
    body.encoding = 'json';
    let parsed;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw badRequest("can't parse JSON object");
    }
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw badRequest('expected an object');
    for (const [name, value] of Object.entries(parsed)) if (value !== null) body.params.set(name, value);
  } else if (type.startsWith('application/x-www-form-urlencoded')) {
    body.encoding = 'urlencoded';
    for (const [name, value] of new URLSearchParams(text)) body.params.set(name, value);
  } else {
    throw badRequest('unsupported content type');
  }
  return body;
}

async function readText(source, body) {
  const chunks = [];
  for await (const chunk of source) {
    body.bytes += chunk.length;
    if (body.bytes > MAX_FIELDS_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Multipart as a stream. `Dicer` finds the parts; their headers are read here, because the form parsers above it drop
 * parts whose file name is not quoted.
 */
function readMultipart(req, source, body, limits) {
  const { Dicer } = requirePeer('@fastify/busboy', 'TelegramSandbox');
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(req.headers['content-type']);
  if (!boundary) throw badRequest("can't find the boundary of the multipart body");
  const parser = new Dicer({ boundary: boundary[1] ?? boundary[2], maxHeaderPairs: 50, maxHeaderSize: 16 * 1024 });
  // Later, the request may have lost it.
  const { socket } = req;
  return new Promise((resolve, reject) => {
    const pending = [];
    let failed = false;
    const fail = (error) => {
      if (failed) return;
      failed = true;
      source.unpipe(parser);
      // A body that is refused halfway is read to its end, so that the sender gets to read the answer.
      source.resume();
      parser.destroy();
      Promise.allSettled(pending).then(async () => {
        for (const { spool } of body.files.values()) await spool.discard();
        reject(error);
      });
    };
    let parts = 0;
    parser.on('part', (part) => {
      part.on('error', () => {});
      part.once('header', (header) => {
        parts += 1;
        if (parts > MAX_PARTS) fail(badRequest('too many parts'));
        else pending.push(takePart(part, readPartHeader(header), body, limits).catch(fail));
      });
    });
    parser.on('error', () => fail(badRequest("can't parse the multipart body")));
    parser.on('finish', () => {
      socket?.off('close', cut);
      Promise.all(pending).then(() => {
        if (!failed) resolve();
      }, fail);
    });
    source.on('data', (chunk) => {
      body.bytes += chunk.length;
    });
    // Cut off in the middle: there is nobody left to answer.
    const cut = () => fail(badRequest('the request was cut off'));
    source.once('error', cut);
    socket?.once('close', cut);
    source.pipe(parser);
  });
}

async function takePart(part, header, body, limits) {
  if (header === null) {
    part.resume();
    return;
  }
  const { name, fileName, contentType, raw } = header;
  if (fileName !== undefined || contentType === 'application/octet-stream') {
    const file = { field: name, fileName, contentType, headers: raw, spool: limits.newSpool() };
    body.files.set(name, file);
    await receive(part, file.spool, limits.maxUploadBytes);
    return;
  }
  const chunks = [];
  let size = 0;
  for await (const chunk of part) {
    size += chunk.length;
    if (size > MAX_FIELDS_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  body.params.set(name, Buffer.concat(chunks).toString('utf8'));
}

async function receive(stream, spool, maxUploadBytes) {
  for await (const chunk of stream) {
    await spool.write(chunk);
    if (spool.size > maxUploadBytes) throw tooLarge();
  }
  await spool.end();
}

module.exports = { readBody };
