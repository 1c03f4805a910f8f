'use strict';

const path = require('node:path');
const { startProcess } = require('../services/process');
const { APP_DIR, linkExample } = require('./paths');

const START_TIMEOUT_MS = 30_000;
const PRELOAD = path.join(__dirname, 'end-with-parent.js');

/** A step of the demo that failed; its message is all the user needs to read. */
class DemoError extends Error {}

function parseLine(line) {
  try {
    const entry = JSON.parse(line);
    return typeof entry === 'object' && entry !== null ? entry : { tag: line };
  } catch {
    return { level: 'error', tag: line };
  }
}

/**
 * The example app as a child process: the real server.js with its settings in the environment.
 *
 * @param {object} options
 * @param {Record<string, string>} options.env the app's whole environment; PORT 0 is added, the app logs the port it got
 * @param {(line: string) => void} [options.onLine] every line it prints
 * @param {(entry: Record<string, any>) => void} [options.onEntry] every line, parsed
 * @returns {Promise<{ url: string, process: ReturnType<typeof startProcess> }>}
 * @throws {DemoError} when it ends before it listens
 */
async function startApp({ env, onLine = () => {}, onEntry = () => {} }) {
  const link = linkExample();
  let listening;
  const ready = new Promise((resolve) => {
    listening = resolve;
  });
  // --expose-gc: the diagnostics route can then start its measurement on a clean heap.
  const running = startProcess(
    process.execPath,
    ['--expose-gc', '--require', PRELOAD, path.join(APP_DIR, 'server.js')],
    {
      name: 'app',
      cwd: APP_DIR,
      env: { ...env, ...link.env, PORT: '0', HOST: '127.0.0.1' },
      onLine: (line, stream) => {
        onLine(line);
        const entry = stream === 'stdout' ? parseLine(line) : { level: 'error', tag: line };
        if (entry.tag === '[APP][LISTENING]') listening(`http://${entry.host}:${entry.port}`);
        onEntry(entry);
      },
    },
  );
  running.exited.then(link.remove);
  const timer = setTimeout(() => listening(null), START_TIMEOUT_MS);
  const url = await Promise.race([ready, running.exited.then(() => null)]);
  clearTimeout(timer);
  if (url) return { url, process: running };
  await running.stop({ graceMs: 1000 });
  throw new DemoError(`the app did not start: ${running.tail().trim()}`);
}

/**
 * A client of the app's HTTP API.
 * @param {string} url
 * @param {string} token ADMIN_API_TOKEN
 * @param {AbortSignal} [signal] ends every request
 */
function appClient(url, token, signal) {
  const call = async (method, route, { body, headers = {} } = {}) => {
    const authorized = { authorization: `Bearer ${token}`, ...headers };
    const response = await fetch(`${url}${route}`, { method, headers: authorized, body, signal }).catch((error) => {
      signal?.throwIfAborted();
      throw new DemoError(`the app does not answer (${error.cause?.code ?? error.message})`);
    });
    const answer = await response.json();
    if (!response.ok) {
      throw new DemoError(
        `${method} ${route.split('?')[0]}: ${response.status} ${answer.error}: ${answer.message ?? ''}`,
      );
    }
    return answer;
  };
  const json = { 'content-type': 'application/json' };

  return {
    /** @param {string} botSlug @param {import('./media').MediaFile} file @param {Buffer} data */
    async upload(botSlug, file, data) {
      const query = new URLSearchParams({ bot_slug: botSlug, kind: file.kind, file_name: file.name });
      const { media } = await call('POST', `/api/media?${query}`, {
        body: data,
        headers: { 'content-type': file.contentType },
      });
      if (media.sha256 !== file.sha256) throw new DemoError(`the app received other bytes than ${file.name} has`);
      return media;
    },
    prewarm: (items) => call('POST', '/api/media/prewarm', { body: JSON.stringify({ items }), headers: json }),
    counts: async () => (await call('GET', '/api/media/cache?limit=1')).counts,
    failures: async () => (await call('GET', '/api/media/cache?status=error&limit=500')).items,
    metrics: async () => (await call('GET', '/api/admin/media/prewarm/metrics')).metrics,
    resetDiagnostics: () => call('POST', '/api/admin/diagnostics/reset'),
    diagnostics: async () => (await call('GET', '/api/admin/diagnostics')).diagnostics,
  };
}

module.exports = { startApp, appClient, DemoError };
