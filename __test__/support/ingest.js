'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { createHash } = require('node:crypto');
const { IngestExecutor } = require('../..');

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/**
 * A web server of media. `serve(path, bytes, how)` answers that path; `how` may be
 * `status`, `headers`, `cut` (breaks the connection after so many bytes, once per entry of the array), `chunked` (no length), `hang`
 * (never answers), or `answer(req, res)`.
 */
async function startWeb() {
  const routes = new Map();
  const requests = [];
  const server = http.createServer((req, res) => {
    requests.push({ url: req.url, headers: req.headers });
    const route = routes.get(req.url.split('?')[0]);
    if (route === undefined) return res.writeHead(404).end();
    const { bytes, how } = route;
    if (how.answer !== undefined) return how.answer(req, res);
    if (how.hang) return undefined;
    if (how.status !== undefined && how.status !== 200) return res.writeHead(how.status, how.headers).end();
    const range = /^bytes=(\d+)-$/.exec(req.headers.range ?? '');
    const etag = `"${sha256(bytes).slice(0, 16)}"`;
    const from = range !== null && req.headers['if-range'] === etag ? Number(range[1]) : 0;
    const body = bytes.subarray(from);
    const headers = { etag, ...how.headers };
    if (!how.chunked) headers['content-length'] = body.length;
    if (from > 0) headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    res.writeHead(from > 0 ? 206 : 200, headers);
    const cut = how.cut?.shift();
    if (cut === undefined) return res.end(body);
    return res.write(body.subarray(0, cut), () => res.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${server.address().port}`;
  return {
    host,
    origin: `http://${host}`,
    requests,
    serve(at, bytes, how = {}) {
      routes.set(at, { bytes, how });
      return `http://${host}${at}`;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An executor that stores into a directory of its own, and may fetch from `web`. */
function startIngest(t, { web, dir = fs.mkdtempSync(path.join(os.tmpdir(), 'warmpath-ingest-')), ...options } = {}) {
  const executor = new IngestExecutor({
    dir,
    retry: { quick: 0, baseMs: 1, maxMs: 1 },
    ...(web && { http: { plain: true, allow: [web.host] }, whatsapp: { origin: web.origin } }),
    ...options,
  });
  t.after(async () => {
    await executor.close({ timeoutMs: 0 });
    fs.rmSync(dir, { recursive: true, force: true });
  });
  return {
    executor,
    dir,
    /** Media under their final names. */
    stored: () => fs.readdirSync(dir).filter((name) => !name.startsWith('.')),
    /** Files that are being written. */
    temporary: () => fs.readdirSync(dir).filter((name) => name.endsWith('.tmp')),
  };
}

/** The error that a job ends with. */
async function refusal(executor, job) {
  try {
    await executor.run(job);
  } catch (err) {
    return err;
  }
  throw new Error('the job succeeded');
}

module.exports = { startWeb, startIngest, refusal, sha256 };
