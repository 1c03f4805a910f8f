'use strict';

const { once, setMaxListeners } = require('node:events');
const net = require('node:net');
const { Transform } = require('node:stream');
const { setTimeout: sleep } = require('node:timers/promises');
const { invalidOption, is, readOptions } = require('./options');

const WAYS = {
  up: { ...is.object, hint: 'an object' },
  down: { ...is.object, hint: 'an object' },
};

const RULE = {
  delayMs: is.count,
  bytesPerSecond: is.positive,
  cutAfterBytes: is.count,
  resetAfterBytes: is.count,
  stallAfterBytes: is.count,
  halfCloseAfterBytes: is.count,
};

const MARKS = ['cutAfterBytes', 'resetAfterBytes', 'stallAfterBytes', 'halfCloseAfterBytes'];

/** A TCP proxy that spoils what passes. See index.d.ts for the whole description. */
class FaultProxy {
  #server;
  #target;
  #abort = new AbortController();
  #sockets = new Set();
  #rules = { up: {}, down: {}, times: Infinity, after: 0 };
  #set = 0;

  /** Connections accepted so far. */
  connections = 0;
  bites = { connect: 0, delay: 0, throttle: 0, cut: 0, reset: 0, stall: 0, halfClose: 0 };

  static async start(options) {
    const read = readOptions('FaultProxy.start', options, {
      target: is.text,
      port: { ...is.port, default: 0 },
      host: { ...is.text, default: '127.0.0.1' },
    });
    const match = /^(?:\w+:\/\/)?(\[[^\]]+\]|[^:/]+):(\d+)/.exec(read.target ?? '');
    if (!match) throw invalidOption('FaultProxy.start: option target must be host:port or a url with a port');
    const self = new FaultProxy();
    setMaxListeners(0, self.#abort.signal);
    self.#target = { host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) };
    self.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => self.#accept(socket));
    self.#server.listen(read.port, read.host);
    await once(self.#server, 'listening');
    return self;
  }

  get port() {
    return this.#server.address()?.port ?? 0;
  }

  get host() {
    return `127.0.0.1:${this.port}`;
  }

  /** The address of the proxy in the scheme of the target, for example `https`. */
  url(scheme = 'http') {
    return `${scheme}://${this.host}`;
  }

  /**
   * Sets the rules for the next connections; those already open keep theirs.
   * `up` is client to target, `down` target to client.
   */
  set(rules = {}) {
    const { times, after, refuse, ...ways } = rules;
    const read = readOptions('FaultProxy.set', ways, WAYS);
    const rule = (way) => readOptions(`FaultProxy.set ${way}`, read[way], RULE);
    this.#rules = { up: rule('up'), down: rule('down'), times: times ?? Infinity, after: after ?? 0, refuse };
    this.#set = 0;
  }

  clear() {
    this.set();
  }

  #takeRules() {
    this.#set += 1;
    const { after, times } = this.#rules;
    const due = this.#set > after && this.#set <= after + times;
    return due ? this.#rules : { up: {}, down: {} };
  }

  #track(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #accept(client) {
    this.connections += 1;
    this.#track(client);
    const rules = this.#takeRules();
    if (rules.refuse) {
      this.bites.connect += 1;
      client.resetAndDestroy();
      return;
    }
    const target = net.connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#track(target);
    this.#join(client, target, rules.up);
    this.#join(target, client, rules.down);
    for (const [one, other] of [
      [client, target],
      [target, client],
    ]) {
      // A broken side breaks the other; an ended one only ends it (half-close is passed on).
      one.once('close', () => {
        if (!one.readableEnded || one.errored) other.destroy();
      });
    }
  }

  #join(from, to, rule) {
    const spoiler = new Transform({
      highWaterMark: 64 * 1024,
      transform: (chunk, _encoding, done) => {
        this.#pass(chunk, spoiler, rule, from, to).then(() => done(), done);
      },
    });
    spoiler.seen = 0;
    spoiler.on('error', () => {});
    from.pipe(spoiler).pipe(to);
  }

  async #pass(chunk, spoiler, rule, from, to) {
    const { signal } = this.#abort;
    if (rule.delayMs) {
      this.bites.delay += 1;
      await sleep(rule.delayMs, undefined, { signal });
    }
    const mark = MARKS.find((name) => rule[name] !== undefined);
    const left = mark ? rule[mark] - spoiler.seen : Infinity;
    const good = chunk.subarray(0, Math.max(0, Math.min(chunk.length, left)));
    spoiler.seen += chunk.length;
    if (rule.bytesPerSecond && good.length > 0) {
      this.bites.throttle += 1;
      const piece = Math.max(1, Math.floor(rule.bytesPerSecond / 20));
      for (let at = 0; at < good.length; at += piece) {
        const part = good.subarray(at, at + piece);
        spoiler.push(part);
        await sleep((part.length / rule.bytesPerSecond) * 1000, undefined, { signal });
      }
    } else if (good.length > 0) {
      spoiler.push(good);
    }
    if (chunk.length < left) return;
    await this.#bite(mark, from, to, spoiler);
  }

  async #bite(mark, from, to, spoiler) {
    // What passed before the mark must be on its way before the harm is done.
    while (spoiler.readableLength > 0 || to.writableLength > 0) {
      if (to.destroyed) break;
      await sleep(1, undefined, { signal: this.#abort.signal });
    }
    if (mark === 'stallAfterBytes') {
      this.bites.stall += 1;
      await new Promise((_resolve, reject) => {
        const stop = () => reject(new Error('closed'));
        from.once('close', stop);
        this.#abort.signal.addEventListener('abort', stop, { once: true });
      });
    } else if (mark === 'halfCloseAfterBytes') {
      this.bites.halfClose += 1;
      from.unpipe(spoiler);
      from.resume();
      to.end();
    } else if (mark === 'resetAfterBytes') {
      this.bites.reset += 1;
      from.resetAndDestroy();
      to.resetAndDestroy();
    } else {
      this.bites.cut += 1;
      from.destroy();
      to.destroy();
    }
  }

  async close() {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }
}

module.exports = { FaultProxy };
