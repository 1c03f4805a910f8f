'use strict';

const { failWith, text, describe } = require('../options/check.js');
const { Refusal, sendError } = require('./http.js');
const { Sessions, sameText } = require('./session.js');

const invalid = failWith('ERR_WARMPATH_INVALID_OPTION');

const tokenText = text({ min: 16, max: 1024, pattern: /^[\x21-\x7e]+$/, form: 'printable ASCII without spaces' });

const UNAUTHORIZED = () => new Refusal(401, 'UNAUTHORIZED', '', { 'WWW-Authenticate': 'Bearer' });

/**
 * A middleware that lets a request pass which carries `Authorization: Bearer <token>`. Given to `router({ auth })`, the dashboard
 * has a login page too, and its session cookie counts as the token.
 *
 * @param {string} token at least 16 characters of printable ASCII
 * @returns {(req: object, res: object, next: (err?: unknown) => void) => void}
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_OPTION
 */
function bearerAuth(token) {
  tokenText(token, 'token', invalid);
  const sessions = new Sessions(token);
  const isToken = (given) => typeof given === 'string' && sameText(given, token);
  const middleware = (req, res, next) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
    if (isToken(given) || sessions.leftMs(req) !== null) next();
    else sendError(res, UNAUTHORIZED());
  };
  return Object.defineProperty(middleware, 'login', { value: { isToken, sessions } });
}

/**
 * The option `auth` of a router: a middleware, or 'external' where one stands in front of it already. There is no default: an
 * admin page that somebody forgot to close would be open.
 */
function authOption(auth) {
  if (auth === 'external') return null;
  if (typeof auth !== 'function') {
    invalid(
      'auth',
      `must be a middleware such as bearerAuth(token), or 'external' where one stands before the router, not ${describe(auth)}`,
    );
  }
  return auth;
}

/** Resolves true when the middleware lets the request pass; it has answered by itself, or not at all, when it does not. */
function passes(auth, req, res) {
  if (auth === null) return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    res.once?.('close', () => resolve(false));
    Promise.resolve(auth(req, res, (err) => (err ? reject(err) : resolve(true)))).catch(reject);
  });
}

/**
 * A browser says where a request comes from. One that changes something must come from the page itself, or from no page:
 * whatever the app in front of this router takes for a login.
 */
function refuseForeign(req) {
  const site = req.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Refusal(403, 'CROSS_SITE', 'this request comes from another site');
  }
  const { origin, host } = req.headers;
  if (site === undefined && origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)) {
    throw new Refusal(403, 'CROSS_SITE', 'this request comes from another site');
  }
}

module.exports = { bearerAuth, authOption, passes, refuseForeign };
