'use strict';

const http = require('node:http');
const https = require('node:https');
const { clockOf, sleep } = require('./clock');
const { deliver } = require('./deliver');

/**
 * The loopback HTTP or HTTPS server that both sandboxes stand on: one abort signal for everything that waits, and a
 * close that does not hang on sockets which a fault left open on purpose.
 */
class LoopbackServer {
  #server;
  #sockets = new Set();
  #rawByPeer = new Map();
  #abort = new AbortController();
  #tls;
  #clock;

  /** Aborted when the server closes: every deliberate wait ends with it. */
  get signal() {
    return this.#abort.signal;
  }

  get secure() {
    return Boolean(this.#tls);
  }

  get port() {
    return this.#server.address()?.port ?? 0;
  }

  get url() {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /**
   * @param {{ port: number, host: string, tls?: { key: string, cert: string }, clock?: import('./clock').Clock }} options
   * @param {(req: http.IncomingMessage, res: http.ServerResponse) => Promise<void>} handler
   * @param {(error: Error, req: http.IncomingMessage, res: http.ServerResponse) => Promise<void>} onError
   */
  static async start({ port, host, tls, clock }, handler, onError) {
    const self = new LoopbackServer();
    self.#tls = tls;
    self.#clock = clockOf(clock);
    // Many parked answers each listen for the close; that is no leak.
    require('node:events').setMaxListeners(0, self.#abort.signal);
    const listener = (req, res) => {
      // A client that goes away is an everyday event here, never a reason to crash.
      req.on('error', () => {});
      res.on('error', () => {});
      handler(req, res).catch((error) => {
        if (self.#abort.signal.aborted || res.destroyed || req.errored) return undefined;
        // Half an answer cannot be taken back: breaking off is the honest end.
        if (res.headersSent) return res.destroy();
        return onError(error, req, res).catch(() => res.destroy());
      });
    };
    const limits = { requestTimeout: 0, keepAliveTimeout: 120_000, maxHeaderSize: 64 * 1024, noDelay: true };
    self.#server = tls
      ? https.createServer({ ...limits, key: tls.key, cert: tls.cert, ALPNProtocols: ['http/1.1'] }, listener)
      : http.createServer(limits, listener);
    self.#server.on('connection', (socket) => self.#track(socket));
    self.#server.on('tlsClientError', () => {});
    // What is not HTTP gets the answer Node would give, and the socket is closed.
    self.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      else socket.destroy();
    });
    await new Promise((resolve, reject) => {
      self.#server.once('error', reject);
      self.#server.listen(port, host, () => {
        self.#server.off('error', reject);
        resolve();
      });
    });
    return self;
  }

  #track(socket) {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#sockets.add(socket);
    this.#rawByPeer.set(peer, socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#rawByPeer.get(peer) === socket) this.#rawByPeer.delete(peer);
    });
  }

  /** Number of open connections. */
  get connections() {
    return this.#sockets.size;
  }

  /**
   * Breaks a connection: by RST when `reset` is true, else by closing it with whatever was already written.
   * A TLS socket has no RST of its own, so the TCP socket below it is looked up.
   */
  kill(socket, reset) {
    if (!reset) {
      socket.destroy();
      return;
    }
    const raw = this.#rawByPeer.get(`${socket.remoteAddress}:${socket.remotePort}`) ?? socket;
    raw.resetAndDestroy();
    if (raw !== socket) socket.destroy();
  }

  /** A deliberate wait, on the clock of the sandbox; ends with a rejection when the server closes. */
  sleep(ms) {
    return sleep(this.#clock, ms, this.signal);
  }

  async close() {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** The servers of the sandboxes: kept out of them, so that nothing but what is meant for users can be seen there. */
const servers = new WeakMap();

/** What both sandboxes are to the outside, whatever protocol they speak. */
class Sandbox {
  get url() {
    return servers.get(this).url;
  }

  get port() {
    return servers.get(this).port;
  }

  get connections() {
    return servers.get(this).connections;
  }

  async close() {
    await servers.get(this).close();
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

/**
 * Starts the server of a sandbox.
 *
 * @param {Sandbox} sandbox
 * @param {{ port: number, host: string, tls?: { key: string, cert: string }, clock?: import('./clock').Clock }} options
 * @param {object} protocol
 * @param {(req: http.IncomingMessage, res: http.ServerResponse) => Promise<void>} protocol.handle
 * @param {(why: string) => import('./deliver').Answer} protocol.failure the answer to a request that the sandbox failed on
 * @returns {Promise<LoopbackServer>}
 */
async function listen(sandbox, options, { handle, failure }) {
  const server = await LoopbackServer.start(options, handle, (error, req, res) => {
    // A missing peer must reach the developer, who sees only the answer; anything else may hold what is nobody's business.
    const known = String(error.code ?? '').startsWith('ERR_WARMPATH_');
    return deliver(server, req, res, failure(known ? error.message : 'the sandbox failed'));
  });
  servers.set(sandbox, server);
  return server;
}

module.exports = { Sandbox, listen };
