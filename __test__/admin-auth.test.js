'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { describe, it } = require('node:test');
const express = require('express');
const { bearerAuth, PrewarmWorker } = require('..');
const { ROUTES } = require('../lib/admin/router.js');
const { Sessions } = require('../lib/admin/session.js');
const { serve, ADMIN_TOKEN } = require('./support/admin.js');

const OPTIONS = {
  s3: { endpoint: 'http://127.0.0.1:9', bucket: 'media', accessKeyId: 'a', secretAccessKey: 'canary-s3-secret' },
  resolveBot: () => null,
};

function aWorker(t) {
  const worker = new PrewarmWorker(OPTIONS);
  t.after(() => worker.stop({ timeoutMs: 0 }));
  return worker;
}

const cookieOf = (answer) => answer.headers.get('set-cookie').split(';')[0];

describe('access to the admin router', () => {
  it('has no default: without auth there is no router', (t) => {
    const worker = aWorker(t);
    for (const options of [undefined, {}, { auth: undefined }, { auth: 'none' }, { auth: null }, { auth: true }]) {
      assert.throws(
        () => worker.router(options),
        { code: 'ERR_WARMPATH_INVALID_OPTION' },
        `${JSON.stringify(options)} was taken`,
      );
    }
    for (const token of [undefined, '', 'short', `with space ${'x'.repeat(20)}`, `line\n${'x'.repeat(20)}`]) {
      assert.throws(() => bearerAuth(token), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    }
  });

  it('answers 401 on every route and method to whoever has no token, or a wrong one', async (t) => {
    const { call } = await serve(t, aWorker(t).router({ auth: bearerAuth(ADMIN_TOKEN) }));
    for (const [path, methods] of Object.entries({ ...ROUTES, '/nothing-here': { GET: 1, POST: 1, DELETE: 1 } })) {
      for (const method of [...Object.keys(methods), 'DELETE', 'PATCH']) {
        for (const token of [null, 'wrong', `${ADMIN_TOKEN}x`, ADMIN_TOKEN.slice(0, -1), ADMIN_TOKEN.toUpperCase()]) {
          const body = method === 'GET' ? undefined : {};
          const { status, text } = await call(method, path, { token, body });
          assert.equal(status, 401, `${method} ${path} with ${token}`);
          assert.ok(!text.includes(ADMIN_TOKEN));
        }
      }
    }
  });

  it('trades the token for a cookie that no script can read and no other site can use', async (t) => {
    const { call, get } = await serve(t, aWorker(t).router({ auth: bearerAuth(ADMIN_TOKEN) }));
    const page = await get('/', { token: null });
    assert.equal(page.status, 401);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.equal((await call('POST', '/login', { token: null, body: { token: 'wrong' } })).status, 401);

    const login = await call('POST', '/login', { token: null, body: { token: ADMIN_TOKEN } });
    assert.equal(login.status, 200);
    assert.match(
      login.headers.get('set-cookie'),
      /^warmpath_session=\d+\.[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    const cookie = cookieOf(login);
    const withCookie = { token: null, headers: { cookie: `other=1; ${cookie}` } };
    assert.equal((await get('/state', withCookie)).status, 200);
    assert.match((await get('/', withCookie)).headers.get('content-security-policy'), /^default-src 'self';/);
    assert.equal((await call('POST', '/pause', { ...withCookie, body: {} })).status, 200);

    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      const foreign = await call('POST', '/resume', {
        token: null,
        body: {},
        headers: { ...withCookie.headers, ...headers },
      });
      assert.equal(foreign.status, 403, JSON.stringify(headers));
    }
    const logout = await call('POST', '/logout', { token: null, body: {} });
    assert.match(logout.headers.get('set-cookie'), /^warmpath_session=; Path=\/; Max-Age=0; /);
  });

  it('takes no session that was changed, has ended, or was made under another token', () => {
    let now = 1_800_000_000_000;
    const sessions = new Sessions(ADMIN_TOKEN, () => now);
    const [cookie] = sessions.begin({ path: '/', secure: true }).split(';');
    const left = (text) => sessions.leftMs({ headers: { cookie: text } });
    assert.equal(left(cookie), 12 * 3600_000);
    const [head, mac] = cookie.split('.');
    assert.equal(left(`${head.slice(0, -1)}9.${mac}`), null);
    assert.equal(left(`${head}.${mac.slice(0, -1)}${mac.at(-1) === 'A' ? 'B' : 'A'}`), null);
    assert.equal(left(`${head}.`), null);
    assert.equal(new Sessions(`${ADMIN_TOKEN}2`, () => now).leftMs({ headers: { cookie } }), null);
    now += 12 * 3600_000;
    assert.equal(left(cookie), null);
  });

  it('slows down who tries tokens at the login, and nobody who has the right one in a header', async (t) => {
    const { call, get } = await serve(t, aWorker(t).router({ auth: bearerAuth(ADMIN_TOKEN) }));
    const attempts = [];
    for (let i = 0; i < 12; i++)
      attempts.push((await call('POST', '/login', { token: null, body: { token: `wrong-${i}` } })).status);
    assert.deepEqual(attempts, [...Array(10).fill(401), 429, 429]);
    assert.equal((await call('POST', '/login', { token: null, body: { token: ADMIN_TOKEN } })).status, 429);
    assert.equal((await get('/state')).status, 200);
  });

  it('compares the token as digests of one length', (t) => {
    const compare = t.mock.method(crypto, 'timingSafeEqual');
    const guard = bearerAuth(ADMIN_TOKEN);
    const response = { setHeader() {}, end() {} };
    const given = (authorization) => ({ headers: { authorization } });
    for (const text of ['Bearer short', `Bearer ${'long'.repeat(100)}`]) {
      guard(given(text), response, () => assert.fail('was let in'));
    }
    let passed = 0;
    guard(given(`Bearer ${ADMIN_TOKEN}`), response, () => passed++);
    assert.equal(passed, 1);
    assert.equal(compare.mock.callCount(), 3);
    for (const { arguments: buffers } of compare.mock.calls) {
      assert.deepEqual(
        buffers.map((one) => one.length),
        [32, 32],
      );
    }
  });

  it('stands behind a middleware of the app, as one of its own or in front of it', async (t) => {
    const worker = aWorker(t);
    const mine = (req, res, next) => {
      if (req.headers['x-who'] === 'me') return next();
      res.statusCode = 401;
      return res.end('no');
    };
    const app = express();
    app.use('/inner', worker.router({ auth: mine }));
    app.use('/outer', mine, worker.router({ auth: 'external' }));
    app.use((_req, res) => res.status(404).json({ from: 'app' }));
    const { get } = await serve(t, app);
    for (const mount of ['/inner', '/outer']) {
      assert.equal((await get(`${mount}/state`)).status, 401);
      const headers = { 'x-who': 'me' };
      assert.equal((await get(`${mount}/state`, { headers })).status, 200);
      assert.equal((await get(`${mount}/login`, { headers })).status, 404);
      // The page's addresses are relative: its own must end with a slash.
      const bare = await get(`${mount}?lang=pt`, { headers });
      assert.deepEqual([bare.status, bare.headers.get('location')], [308, `${mount}/?lang=pt`]);
      assert.equal((await get(`${mount}/`, { headers })).status, 200);
      assert.deepEqual((await get(`${mount}/elsewhere`, { headers })).body, { from: 'app' });
    }
  });
});
