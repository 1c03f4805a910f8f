'use strict';

const TICK_MS = 1000;
const COMMENT_MS = 15_000;

// A reader that does not read: what would pile up for it is not worth the memory.
const MOST_BUFFERED_BYTES = 1 << 20;
const MOST_CLIENTS = 200;

/**
 * Server-sent events: a `state` event a second, one snapshot for all readers, made only while somebody reads.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
class Events {
  #take;
  #clients = new Set();
  #timer = null;
  #taking = false;
  #id = 0;
  #quietMs = 0;

  /** @param {() => Promise<object>} take the snapshot */
  constructor(take) {
    this.#take = take;
  }

  get size() {
    return this.#clients.size;
  }

  /**
   * Answers with the stream.
   *
   * @param {number | null} endsInMs when the session of this reader ends, and so the stream; null: never
   * @returns {boolean} false: there are too many readers
   */
  open(req, res, endsInMs) {
    if (this.#clients.size >= MOST_CLIENTS) return false;
    res.statusCode = 200;
    res.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Accel-Buffering', 'no');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.flushHeaders();
    res.write('retry: 2000\n\n');
    const end = endsInMs === null ? null : setTimeout(() => res.end(), Math.min(endsInMs, 2 ** 31 - 1)).unref();
    const leave = () => {
      clearTimeout(end);
      this.#clients.delete(res);
      if (this.#clients.size === 0) this.#stop();
    };
    req.on('close', leave);
    res.on('close', leave);
    res.on('error', leave);
    this.#clients.add(res);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    this.now();
    return true;
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Tells everybody at once: somebody has just changed something. */
  now() {
    if (this.#clients.size > 0) this.#tick();
  }

  async #tick() {
    if (this.#taking) return;
    this.#taking = true;
    try {
      const data = JSON.stringify(await this.#take());
      this.#write(`id: ${++this.#id}\nevent: state\ndata: ${data}\n\n`);
      this.#quietMs = 0;
    } catch {
      // No snapshot, for example from a faulty store: the stream stays, and says that it lives.
      this.#quietMs += TICK_MS;
      if (this.#quietMs % COMMENT_MS === 0) this.#write(': still here\n\n');
    } finally {
      this.#taking = false;
    }
  }

  #write(text) {
    for (const res of this.#clients) {
      if (res.writableLength > MOST_BUFFERED_BYTES) res.destroy();
      else res.write(text);
    }
  }

  close() {
    this.#stop();
    for (const res of this.#clients) res.end();
  }
}

module.exports = { Events };
