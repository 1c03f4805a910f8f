'use strict';

const { createHash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { IngestWorker } = require('../..');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hashes = (media) => media.map((one) => one.sha256).sort();

/** A folder to store into, removed when the test ends. */
function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-ingest-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  // Random media begin as anything does: one in 32,768 is stored as `.Z`.
  const names = () => fs.readdirSync(dir).filter((name) => /^\d+_[\w-]+\.\w+$/.test(name));
  return {
    dir,
    names,
    /** The stored files by the hash of what they hold, sorted: a list, so that one stored twice shows. */
    hashes: () =>
      names()
        .map((name) => sha256(fs.readFileSync(path.join(dir, name))))
        .sort(),
  };
}

/** A worker on a folder of its own, that takes media from `origin`. */
function openWorker(t, origin, extra = {}) {
  const place = folder(t);
  const retry = { quick: 0, baseMs: 10, maxMs: 10, delaysMs: [10, 10] };
  const worker = new IngestWorker({ dir: place.dir, http: origin.http, fsync: false, retry, ...extra });
  t.after(() => worker.stop({ timeoutMs: 0 }));
  worker.on('error', () => {});
  return Object.assign(worker, { place });
}

/** A server of media, as a sender's; `http` are the options that let an executor read from it. */
async function startOrigin() {
  const served = new Map();
  const gets = new Map();
  const server = http.createServer(async (req, res) => {
    const name = req.url.slice(1);
    const nth = (gets.get(name) ?? 0) + 1;
    gets.set(name, nth);
    const { bytes, play } = served.get(name) ?? {};
    // An answer in the place of the bytes: `{ status, headers }`; or a promise that holds them back.
    const answer = await play?.(nth, res);
    if (res.destroyed) return;
    const { status = bytes === undefined ? 404 : 200, headers = {} } = answer ?? {};
    res.writeHead(status, status === 200 ? { 'content-length': bytes.length, ...headers } : headers);
    res.end(status === 200 ? bytes : undefined);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  let made = 0;
  return {
    http: { plain: true, allow: ['127.0.0.1'], ports: [port] },
    /** How often a medium was asked for. */
    gets: ({ name }) => gets.get(name) ?? 0,
    /** A medium that is like no other, and the job that stores it. */
    medium(extra = {}, { size = 2000, play } = {}) {
      const bytes = randomBytes(size);
      const key = `m-${process.pid}-${++made}`;
      served.set(key, { bytes, play });
      const url = `http://127.0.0.1:${port}/${key}`;
      const job = { key, session: 's1', source: { url }, ...extra };
      return { name: key, url, bytes, sha256: sha256(bytes), job };
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Holds requests back until it is opened. */
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, play: () => opened };
}

module.exports = { folder, openWorker, startOrigin, gate, sha256, hashes };
