'use strict';

// The policy for URLs of strangers, through the whole door: the engine's own tests have the resolver that lies.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const https = require('node:https');
const net = require('node:net');
const { after, before, describe, it } = require('node:test');
const { selfSignedCa } = require('../lib/testing');
const FORMS = require('../engine/tests/guard/forms.json');
const { refusal, startIngest, startWeb } = require('./support/ingest');

/** Needs a look-up, and what that says is not ours. */
const BY_NAME = 'Public names of a private address';

/** A port of every address of this machine that counts who connects. */
async function tripwire() {
  const wire = { accepted: 0 };
  const server = net.createServer((socket) => {
    wire.accepted++;
    socket.destroy();
  });
  server.listen(0);
  await once(server, 'listening');
  wire.port = server.address().port;
  wire.close = () => new Promise((resolve) => server.close(resolve));
  /** Connections but for one of our own, which comes after all of them. */
  wire.count = async () => {
    const before = wire.accepted;
    const socket = net.connect(wire.port, '127.0.0.1').on('error', () => {});
    await once(socket, 'close');
    assert.equal(wire.accepted, before + 1, 'the wire trips');
    return --wire.accepted;
  };
  return wire;
}

describe('URLs of strangers', () => {
  let wire;
  let tls;
  before(async () => {
    wire = await tripwire();
    tls = await selfSignedCa();
  });
  after(() => wire?.close());

  /** A server with TLS that answers every request by `answer`. */
  async function secure(t, answer) {
    const requests = [];
    const server = https.createServer(tls, (req, res) => {
      requests.push(req);
      answer(req, res);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    return { host: `127.0.0.1:${server.address().port}`, requests };
  }

  it('lead nowhere inside, however they are written', async (t) => {
    const { executor, stored } = startIngest(t, { http: { plain: true, ports: [wire.port] } });
    let tried = 0;
    for (const [group, forms] of Object.entries(FORMS)) {
      if (group === BY_NAME) continue;
      for (const [form] of forms) {
        const url = form.replaceAll('{P}', wire.port);
        const error = await refusal(executor, { source: { url } }).catch((err) => err);
        assert.match(
          error.code,
          /^ERR_WARMPATH_(URL_REFUSED|INVALID_JOB)$/,
          `${JSON.stringify(url)}: ${error.message}`,
        );
        tried++;
      }
    }
    assert.ok(tried >= 120, `${tried} forms`);
    assert.equal(await wire.count(), 0);
    assert.deepEqual(stored(), []);
  });

  it('do not redirect from https to http, nor inside', async (t) => {
    const web = await startWeb();
    t.after(() => web.close());
    const targets = {
      plain: web.serve('/x', Buffer.from('x')),
      wire: `https://127.0.0.2:${wire.port}/`,
      name: `https://localhost:${wire.port}/`,
      circle: '/circle',
    };
    const server = await secure(t, (req, res) => res.writeHead(302, { location: targets[req.url.slice(1)] }).end());
    const allow = [server.host, web.host];
    const { executor } = startIngest(t, { http: { plain: true, ports: [wire.port], allow, ca: tls.ca } });
    for (const name of Object.keys(targets)) {
      const error = await refusal(executor, { source: { url: `https://${server.host}/${name}` } });
      assert.equal(error.code, 'ERR_WARMPATH_URL_REFUSED', `${name}: ${error.message}`);
    }
    assert.equal(server.requests.length, Object.keys(targets).length);
    assert.equal(web.requests.length, 0);
    assert.equal(await wire.count(), 0);
  });

  it('are fetched over TLS, and the certificate must be that of the name', async (t) => {
    const bytes = Buffer.alloc(300_000, 'warmpath');
    const server = await secure(t, (_req, res) => res.end(bytes));
    const { executor } = startIngest(t, { http: { allow: [server.host, '127.0.0.0/8'], ca: tls.ca } });
    const value = await executor.run({ source: { url: `https://${server.host}/a` } });
    assert.equal(value.bytes, bytes.length);
    const strict = startIngest(t, { http: { allow: [server.host] } });
    const error = await refusal(strict.executor, { source: { url: `https://${server.host}/a` } });
    assert.equal(error.code, 'ERR_WARMPATH_TLS');
  });
});
