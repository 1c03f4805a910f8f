'use strict';

/** How often a client that waits for its next try is told to try now. */
const HASTEN_MS = 500;

/**
 * Whether a queue's connection can take a command now. ioredis keeps commands that it cannot send, and sends them when
 * Redis is back, minutes after everybody gave up on them: so nothing may be handed to it before it is connected. Whoever
 * gives up leaves nothing behind here either, however long Redis is away.
 *
 * The waits of a client between its tries grow (BullMQ's up to 20 s): who has something to send does not wait for them.
 */
class Connection {
  #queue;
  #client = null;
  #watching = false;
  #waiters = new Set();
  #hastenedAt = Number.NEGATIVE_INFINITY;

  constructor(queue) {
    this.#queue = queue;
  }

  /** Resolves true as soon as commands go out at once, false after `ms`. Rejects when BullMQ has given the connection up. */
  ready(ms) {
    if (this.#isReady()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        settle(value);
      };
      const waiter = { ready: () => end(resolve, true), failed: (err) => end(reject, err) };
      const timer = setTimeout(() => end(resolve, false), ms);
      this.#waiters.add(waiter);
      this.#watch();
      this.#hasten();
    });
  }

  #hasten() {
    const client = this.#client;
    // Only a client of ioredis whose plan is known: one that is left behind would connect again after the queue is closed.
    if (client?.status !== 'reconnecting' || client.isCluster || !client.reconnectTimeout) return;
    const now = performance.now();
    if (now - this.#hastenedAt < HASTEN_MS) return;
    this.#hastenedAt = now;
    clearTimeout(client.reconnectTimeout);
    // It tells of a failure itself, and plans its next try.
    client.connect().catch(() => {});
  }

  #isReady() {
    if (this.#client === null) return false;
    const { status, isCluster } = this.#client;
    // No status: not Redis (BullMQ 6 on Postgres), and no such trap. A cluster says `connect` where a server says `ready`.
    return typeof status !== 'string' || status === 'ready' || (status === 'connect' && isCluster === true);
  }

  async #watch() {
    if (this.#watching) return;
    this.#watching = true;
    try {
      await this.#queue.waitUntilReady();
      // BullMQ 5 has no backend. The client stays the same when it connects anew.
      this.#client ??= (await (this.#queue.getBackend?.().client ?? this.#queue.client)) ?? {};
      if (!this.#isReady()) await new Promise((resolve) => this.#client.once('ready', resolve));
      for (const waiter of [...this.#waiters]) waiter.ready();
    } catch (err) {
      for (const waiter of [...this.#waiters]) waiter.failed(err);
    } finally {
      this.#watching = false;
    }
  }
}

module.exports = { Connection };
