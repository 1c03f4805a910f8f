'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { WarmpathError } = require('../errors.js');
const { failWith, shape } = require('../options/check.js');
const control = require('./control.js');
const { Events } = require('./events.js');
const { Refusal, sendJson, sendError } = require('./http.js');
const jobs = require('./jobs.js');
const { Login } = require('./login.js');
const { authOption, passes, refuseForeign } = require('./auth.js');
const metrics = require('./metrics.js');
const pages = require('./pages.js');
const { Snapshots } = require('./snapshot.js');

const OPENAPI = path.join(__dirname, '..', '..', 'docs', 'openapi.json');

const routerOptions = shape({ auth: authOption }, { required: ['auth'] });

/** Path and method of everything that needs a login. docs/openapi.json says the same to programs. */
const ROUTES = {
  '/': { GET: (req, res) => pages.page(req, res) },
  '/metrics': { GET: metrics.seedJson },
  '/metrics/prometheus': { GET: metrics.prometheus },
  '/control': { POST: control.seedControl },
  '/state': {
    GET: async (_req, res, { snapshots }) => sendJson(res, 200, { ok: true, state: await snapshots.take() }),
  },
  '/events': { GET: openEvents },
  '/health': { GET: health },
  '/jobs': { GET: jobs.list },
  '/jobs/explain': { GET: jobs.explain },
  '/jobs/retry': { POST: jobs.retry },
  '/jobs/cancel': { POST: jobs.cancel },
  '/pause': { POST: control.pause },
  '/resume': { POST: control.resume },
  '/drain': { POST: control.drain },
  '/purge': { POST: control.purge },
  '/concurrency': { PUT: control.setConcurrency },
  '/limits': { GET: control.readLimits, PUT: control.setLimits },
  '/instances': { GET: instances },
  '/openapi.json': { GET: openapi },
};

async function health(_req, res, { subject }) {
  const answer = await subject.worker().health();
  sendJson(res, answer.ready ? 200 : 503, { ok: answer.ready, ...answer });
}

async function instances(_req, res, { subject }) {
  sendJson(res, 200, { ok: true, instances: (await subject.worker().instances()) ?? [] });
}

function openapi(_req, res) {
  sendJson(res, 200, JSON.parse(fs.readFileSync(OPENAPI, 'utf8')));
}

function openEvents(req, res, { events, login }) {
  const bearer = /^Bearer /i.test(req.headers.authorization ?? '');
  const leftMs = login === null || bearer ? null : login.sessions.leftMs(req);
  if (!events.open(req, res, leftMs)) throw new Refusal(503, 'TOO_MANY_READERS', 'too many event streams are open');
}

/** Where this router stands in the app, with a slash at its end. */
function mountOf(req, url) {
  const full = (req.originalUrl ?? req.url).split('?')[0];
  const inside = url.pathname;
  if (typeof req.baseUrl === 'string' && req.baseUrl !== '') return `${req.baseUrl}/`;
  return full.endsWith(inside) ? `${full.slice(0, full.length - inside.length)}/` : '/';
}

/** The page's addresses are relative, so its own must end with a slash. */
function lacksSlash(req, url) {
  return url.pathname === '/' && !(req.originalUrl ?? req.url).split('?')[0].endsWith('/');
}

class Router {
  #subject;
  #auth;
  #login;
  #snapshots;
  #events;

  constructor(subject, auth) {
    this.#subject = subject;
    this.#auth = auth;
    this.#login = auth?.login === undefined ? null : { ...auth.login, handler: new Login(auth.login) };
    this.#snapshots = new Snapshots(() => subject.worker(), { logout: this.#login !== null });
    this.#events = new Events(() => this.#snapshots.take());
  }

  #context(req, url) {
    return {
      subject: this.#subject,
      query: url.searchParams,
      mount: mountOf(req, url),
      snapshots: this.#snapshots,
      events: this.#events,
      login: this.#login,
      changed: () => {
        this.#snapshots.forget();
        this.#events.now();
      },
    };
  }

  async handle(req, res, next) {
    try {
      const url = new URL(req.url, 'http://router');
      const context = this.#context(req, url);
      const reads = req.method === 'GET' || req.method === 'HEAD';
      if (reads && lacksSlash(req, url)) return redirect(res, `${context.mount}${url.search}`);
      if (!reads) refuseForeign(req);
      if (await this.#public(req, res, url, context)) return undefined;
      const route = Object.hasOwn(ROUTES, url.pathname) ? ROUTES[url.pathname] : null;
      if (!(await this.#mayPass(req, res, url))) return undefined;
      if (url.pathname.startsWith('/assets/') && reads) return await pages.asset(req, res, url.pathname.slice(8));
      if (route === null) return next();
      const handler = route[req.method === 'HEAD' ? 'GET' : req.method];
      if (handler === undefined) throw notAllowed(route);
      return await handler(req, res, context);
    } catch (err) {
      this.#tell(err);
      return sendError(res, err);
    }
  }

  /** The answer hides what nobody foresaw: the worker's own 'error' event and log have it. */
  #tell(cause) {
    if (cause instanceof Refusal || cause instanceof WarmpathError) return;
    const err = new WarmpathError('ERR_WARMPATH_INTERNAL', 'a request of the admin router failed', { cause });
    this.#subject.worker().problem?.(err);
  }

  /** What a browser needs to log in at all. */
  async #public(req, res, url, context) {
    if (this.#login === null) return false;
    const { pathname } = url;
    if (pathname === '/login' && req.method === 'POST') await this.#login.handler.login(req, res, context);
    else if (pathname === '/logout' && req.method === 'POST') this.#login.handler.logout(req, res, context);
    else if (pathname === '/login' || pathname === '/logout') throw notAllowed({ POST: true });
    else if (pathname.startsWith('/assets/') && req.method === 'GET') await pages.asset(req, res, pathname.slice(8));
    else return false;
    return true;
  }

  #mayPass(req, res, url) {
    const isPage = this.#login !== null && url.pathname === '/' && req.method === 'GET';
    if (isPage && req.headers.authorization === undefined && this.#login.sessions.leftMs(req) === null) {
      return pages.loginPage(req, res).then(() => false);
    }
    return passes(this.#auth, req, res);
  }

  close() {
    this.#events.close();
  }
}

function notAllowed(route) {
  const methods = Object.keys(route);
  if (methods.includes('GET')) methods.push('HEAD');
  return new Refusal(405, 'METHOD_NOT_ALLOWED', 'not with this method', { Allow: methods.join(', ') });
}

function redirect(res, location) {
  res.statusCode = 308;
  res.setHeader('Location', location);
  res.setHeader('Content-Length', '0');
  res.end();
}

/**
 * The admin router of a worker: a plain `(req, res, next)` handler for Express 4 and 5, Connect, Polka, or `http.createServer`.
 *
 * @param {object} of a worker; or `{ worker(), start(), stop(), isRunning(), seedMetrics?() }` where the worker changes
 * @param {{ auth: Function | 'external' }} options
 * @returns {((req: object, res: object, next?: Function) => Promise<void>) & { close(): void }} close(): ends the event streams
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION, also where `auth` is not given
 */
function adminRouter(of, options = {}) {
  const { auth } = routerOptions(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));
  const router = new Router(typeof of.worker === 'function' ? of : subjectOf(of), auth);
  const handler = (req, res, next = () => sendError(res, new Refusal(404, 'NOT_FOUND', 'there is no such route'))) =>
    router.handle(req, res, next);
  return Object.assign(handler, { close: () => router.close() });
}

function subjectOf(worker) {
  return {
    worker: () => worker,
    start: () => worker.start(),
    stop: () => worker.stop(),
    isRunning: () => worker.state === 'running',
  };
}

module.exports = { adminRouter, ROUTES };
