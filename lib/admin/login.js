'use strict';

const { Refusal, readJson, fieldsOf, sendJson } = require('./http.js');

// A token is too long to be guessed; this only keeps a script that tries from filling the log.
const MOST_FAILURES = 10;
const WINDOW_MS = 60_000;
const MOST_ADDRESSES = 1000;

/** Behind a proxy that ends TLS the app must trust it (Express: `trust proxy`) for `secure` to be known. */
const isSecure = (req) => req.secure === true || req.socket?.encrypted === true;

/** POST /login and /logout; only there where the router's auth is bearerAuth(). */
class Login {
  #isToken;
  #sessions;
  #failures = new Map();
  #now;

  constructor({ isToken, sessions }, now = () => performance.now()) {
    this.#isToken = isToken;
    this.#sessions = sessions;
    this.#now = now;
  }

  async login(req, res, { mount }) {
    const address = req.socket?.remoteAddress ?? '';
    this.#slowDown(address);
    const { token } = fieldsOf(await readJson(req));
    if (!this.#isToken(token)) {
      this.#failed(address);
      throw new Refusal(401, 'UNAUTHORIZED', 'this is not the admin token');
    }
    this.#failures.delete(address);
    sendJson(res, 200, { ok: true }, { 'Set-Cookie': this.#sessions.begin({ path: mount, secure: isSecure(req) }) });
  }

  logout(req, res, { mount }) {
    sendJson(res, 200, { ok: true }, { 'Set-Cookie': this.#sessions.end({ path: mount, secure: isSecure(req) }) });
  }

  #slowDown(address) {
    const entry = this.#failures.get(address);
    if (entry === undefined || entry.count < MOST_FAILURES) return;
    const leftMs = entry.since + WINDOW_MS - this.#now();
    if (leftMs > 0) {
      const headers = { 'Retry-After': String(Math.ceil(leftMs / 1000)) };
      throw new Refusal(429, 'TOO_MANY_ATTEMPTS', 'too many wrong tokens; wait a minute', headers);
    }
    this.#failures.delete(address);
  }

  #failed(address) {
    const entry = this.#failures.get(address) ?? { count: 0, since: this.#now() };
    entry.count++;
    this.#failures.set(address, entry);
    if (this.#failures.size > MOST_ADDRESSES) this.#failures.delete(this.#failures.keys().next().value);
  }
}

module.exports = { Login };
