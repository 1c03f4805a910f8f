'use strict';

// What a sandbox says of the time a request took: the crash harness takes two that overlap for a job that ran twice.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const test = require('node:test');
const { OpenRouterSandbox, R2Sandbox, TelegramSandbox } = require('../lib/testing');
const { until } = require('./support/prewarm.js');

const TOKEN = '900001:journal';
const post = (path, body) =>
  `POST ${path} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer any\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const SANDBOXES = {
  R2: [() => R2Sandbox.start(), 'GET /media/a HTTP/1.1\r\nhost: sandbox\r\n\r\n'],
  Telegram: [() => TelegramSandbox.start({ bots: [{ token: TOKEN }] }), post(`/bot${TOKEN}/getMe`, '{}')],
  OpenRouter: [() => OpenRouterSandbox.start(), post('/api/v1/chat/completions', '{}')],
};

for (const [name, [start, request]] of Object.entries(SANDBOXES)) {
  test(`${name}: a request whose answer waits behind another one ends with its connection`, async (t) => {
    const sandbox = await start();
    t.after(() => sandbox.close());
    sandbox.faults.add({ kind: 'delay', ms: 60_000, at: 'head' });
    const { hostname, port } = new URL(sandbox.url);
    const socket = net.connect(Number(port), hostname);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(request.repeat(2));
    // The second is through, but for its turn on the connection.
    await until(() => sandbox.requests.some(({ status }) => typeof status === 'number'));
    assert.deepEqual(
      sandbox.requests.map(({ ms }) => ms),
      [undefined, undefined],
    );
    socket.resetAndDestroy();
    await until(() => sandbox.requests.every(({ ms }) => ms >= 0));
  });
}
