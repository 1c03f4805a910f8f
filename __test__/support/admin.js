'use strict';

const { once } = require('node:events');
const http = require('node:http');

const ADMIN_TOKEN = 'admin-token-for-tests-0123456789';

/** A server for one handler, and a client of it that answers `{ status, headers, body, text }`; JSON where it is JSON. */
async function serve(t, handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An idle connection that the server ends just when the client takes it up again would be a failed call.
  server.keepAliveTimeout = 600_000;
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  const call = async (method, path, { body, headers = {}, token = ADMIN_TOKEN } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
  };
  return {
    url,
    call,
    get: (path, options) => call('GET', path, options),
    post: (path, body) => call('POST', path, { body }),
  };
}

module.exports = { serve, ADMIN_TOKEN };
