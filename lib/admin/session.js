'use strict';

const crypto = require('node:crypto');

const COOKIE = 'warmpath_session';
const LIFETIME_MS = 12 * 3600_000;

const digest = (text) => crypto.createHash('sha256').update(text, 'utf8').digest();

/** Whether two texts are equal, in a time that tells nothing of either: digests are compared, which have one length. */
const sameText = (a, b) => crypto.timingSafeEqual(digest(a), digest(b));

/**
 * Sessions of the dashboard. A page and an event stream cannot send an Authorization header, so a login trades the token for
 * a cookie: the time it ends and a MAC of that time under a key made from the token. Nothing is stored, so a session outlives
 * a restart and holds in every process with that token; another token ends them all.
 */
class Sessions {
  #key;
  #now;

  /** @param {string} token @param {() => number} [now] wall clock, ms */
  constructor(token, now = Date.now) {
    this.#key = crypto.createHmac('sha256', 'warmpath dashboard session').update(token, 'utf8').digest();
    this.#now = now;
  }

  #mac(expires) {
    return crypto.createHmac('sha256', this.#key).update(expires).digest('base64url');
  }

  /** The header that begins a session. `path`: of the router, so that no other route of the app gets it. */
  begin({ path, secure }) {
    const expires = String(this.#now() + LIFETIME_MS);
    const attributes = cookieAttributes({ path, secure, maxAge: LIFETIME_MS / 1000 });
    return `${COOKIE}=${expires}.${this.#mac(expires)}; ${attributes}`;
  }

  end({ path, secure }) {
    return `${COOKIE}=; ${cookieAttributes({ path, secure, maxAge: 0 })}`;
  }

  /** Ms until the session of this request ends; null where it has none. */
  leftMs(req) {
    for (const part of (req.headers.cookie ?? '').split(';')) {
      const [, expires, mac] = /^\s*warmpath_session=(\d{1,15})\.([\w-]{43})\s*$/.exec(part) ?? [];
      if (expires === undefined || !sameText(mac, this.#mac(expires))) continue;
      const left = Number(expires) - this.#now();
      if (left > 0) return left;
    }
    return null;
  }
}

function cookieAttributes({ path, secure, maxAge }) {
  return `Path=${path}; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
}

module.exports = { Sessions, sameText };
