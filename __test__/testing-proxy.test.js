'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { X509Certificate } = require('node:crypto');
const { after, afterEach, before, describe, it } = require('node:test');
const { FaultProxy, selfSignedCa } = require('../lib/testing');
const { requirePeer } = require('../lib/peer');

const SIZE = 500_000;

describe('FaultProxy', () => {
  let server;
  let proxy;
  const received = [];

  before(async () => {
    // Sends SIZE bytes at once, echoes what comes, and ends when the client ends.
    server = net.createServer({ allowHalfOpen: true }, (socket) => {
      const record = { bytes: 0, ended: false, error: null, socket };
      received.push(record);
      socket.on('data', (chunk) => {
        record.bytes += chunk.length;
      });
      socket.on('end', () => {
        record.ended = true;
        socket.end();
      });
      socket.on('error', (error) => {
        record.error = error;
      });
      socket.write(Buffer.alloc(SIZE, 1));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultProxy.start({ target: `127.0.0.1:${server.address().port}` });
  });
  afterEach(() => proxy.clear());
  after(async () => {
    await proxy.close();
    server.close();
    for (const { socket } of received) socket.destroy();
  });

  /** Connects, reads until `enough` bytes or the end, and tells how it ended. */
  async function connect({ send = Buffer.alloc(0), enough = SIZE, finish = true } = {}) {
    const socket = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    const result = { bytes: 0, ended: false, error: null, socket };
    socket.on('error', (error) => {
      result.error = error;
    });
    socket.on('end', () => {
      result.ended = true;
    });
    socket.write(send);
    await new Promise((resolve) => {
      socket.on('data', (chunk) => {
        result.bytes += chunk.length;
        if (result.bytes >= enough) resolve();
      });
      socket.on('end', resolve);
      socket.on('close', resolve);
    });
    if (finish) {
      socket.end();
      if (!socket.closed) await once(socket, 'close').catch(() => {});
    }
    return result;
  }

  it('passes everything, both ways, when there are no rules', async () => {
    const result = await connect({ send: Buffer.alloc(1000) });
    assert.deepEqual([result.bytes, result.ended, result.error], [SIZE, true, null]);
    assert.deepEqual([received.at(-1).bytes, received.at(-1).ended], [1000, true]);
    assert.deepEqual(Object.values(proxy.bites), [0, 0, 0, 0, 0, 0, 0]);
  });

  it('cuts after so many bytes', async () => {
    proxy.set({ down: { cutAfterBytes: 12_345 }, times: 1 });
    assert.equal((await connect()).bytes, 12_345);
    assert.equal(proxy.bites.cut, 1);
    assert.equal((await connect()).bytes, SIZE, 'times: 1 means once');
  });

  it('resets: the client sees ECONNRESET', async () => {
    proxy.set({ down: { resetAfterBytes: 0 }, after: 1, times: 1 });
    assert.equal((await connect()).error, null);
    assert.equal((await connect()).error?.code, 'ECONNRESET');
    assert.equal(proxy.bites.reset, 1);
  });

  it('refuses connections', async () => {
    proxy.set({ refuse: true, times: 1 });
    const result = await connect();
    assert.deepEqual([result.bytes, proxy.bites.connect], [0, 1]);
  });

  it('stalls: so many bytes and no end', async () => {
    proxy.set({ down: { stallAfterBytes: 1000 } });
    const result = await connect({ enough: 1000, finish: false });
    assert.deepEqual([result.bytes, result.ended, proxy.bites.stall], [1000, false, 1]);
    assert.equal(result.socket.destroyed, false);
    result.socket.destroy();
  });

  it('half-closes: an end for the reader while the other way goes on', async () => {
    proxy.set({ down: { halfCloseAfterBytes: 1000 } });
    const result = await connect({ finish: false });
    assert.deepEqual([result.bytes, result.ended, proxy.bites.halfClose], [1000, true, 1]);
    const record = received.at(-1);
    const before = record.bytes;
    result.socket.write(Buffer.alloc(777));
    while (record.bytes < before + 777) await once(record.socket, 'data');
    result.socket.destroy();
  });

  it('throttles and delays what goes up, and loses nothing', async () => {
    proxy.set({ up: { bytesPerSecond: 400_000, delayMs: 1 } });
    const result = await connect({ send: Buffer.alloc(40_000) });
    assert.equal(result.error, null);
    assert.equal(received.at(-1).bytes, 40_000);
    assert.ok(proxy.bites.throttle > 0 && proxy.bites.delay > 0);
  });

  it('breaks the client when the target is not there', async () => {
    const lonely = await FaultProxy.start({ target: 'http://127.0.0.1:1' });
    const error = await new Promise((resolve) => http.get(lonely.url()).on('error', resolve));
    assert.equal(error.code, 'ECONNRESET');
    await lonely.close();
  });

  it('refuses wrong options', async () => {
    await assert.rejects(FaultProxy.start({ target: 'nowhere' }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    await assert.rejects(FaultProxy.start({ to: 'x:1' }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    assert.throws(() => proxy.set({ sideways: {} }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
    assert.throws(() => proxy.set({ down: { cutAfterBytes: -1 } }), { code: 'ERR_WARMPATH_INVALID_OPTION' });
  });
});

describe('selfSignedCa', () => {
  it('makes a leaf for localhost and both loopback addresses, signed by its authority', async () => {
    const { ca, cert, key } = await selfSignedCa();
    const authority = new X509Certificate(ca);
    const leaf = new X509Certificate(cert);
    assert.ok(leaf.verify(authority.publicKey) && leaf.checkIssued(authority) && authority.ca && !leaf.ca);
    assert.ok(leaf.checkHost('localhost') && leaf.checkIP('127.0.0.1') && leaf.checkIP('::1'));
    assert.ok(new Date(leaf.validTo) > new Date());
    assert.match(key, /PRIVATE KEY/);
  });
});

describe('requirePeer', () => {
  it('names the command that installs what is missing', () => {
    assert.throws(() => requirePeer('warmpath-no-such-package', 'R2Sandbox'), {
      code: 'ERR_WARMPATH_PEER_MISSING',
      message: 'R2Sandbox needs the package warmpath-no-such-package: npm install warmpath-no-such-package',
    });
    assert.equal(requirePeer('node:path', 'the test'), require('node:path'));
  });
});
