'use strict';

const PREFIX = '/__sandbox/';
const MAX_BODY = 1024 * 1024;

const isControl = (target) => target.startsWith(PREFIX);

async function readJson(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > MAX_BODY) throw Object.assign(new Error('the body is too large'), { status: 413 });
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw Object.assign(new Error('the body is not JSON'), { status: 400 });
  }
}

/**
 * Serves `/__sandbox/…`, the way in for other processes. Loopback only and without a password: never listen on
 * another address with real data.
 *
 * @param {Record<string, (context: { req: any, rest: string, body: () => Promise<any> }) => any>} routes
 *   `'GET faults'` → handler; `rest` is the decoded path behind the name, `undefined` as a result means 404
 */
async function control(req, res, routes) {
  const [name, ...more] = req.url.slice(PREFIX.length).split('?')[0].split('/');
  const handler = Object.hasOwn(routes, `${req.method} ${name}`) ? routes[`${req.method} ${name}`] : null;
  let status = 200;
  let result;
  try {
    const rest = more.map(decodeURIComponent).join('/');
    result = handler ? await handler({ req, rest, body: () => readJson(req) }) : undefined;
    if (result === undefined) {
      status = 404;
      result = { error: `nothing at ${req.method} ${PREFIX}${name}` };
    }
  } catch (error) {
    status = error.status ?? (error.code === 'ERR_WARMPATH_INVALID_OPTION' ? 400 : 500);
    result = { error: error.message, code: error.code };
  }
  const text = JSON.stringify(result);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  res.end(text);
}

/** The routes every sandbox has. */
const faultRoutes = (faults) => ({
  'GET faults': () => faults.list(),
  'POST faults': async ({ body }) => faults.add(await body()),
  'DELETE faults': ({ rest }) => {
    if (rest !== '') return faults.remove(Number(rest)) ? { ok: true } : undefined;
    faults.clear();
    return { ok: true };
  },
  'GET mixes': () => faults.mixes(),
  'POST mixes': async ({ body }) => faults.mix(await body()),
});

module.exports = { isControl, control, faultRoutes };
