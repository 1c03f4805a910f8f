'use strict';

/**
 * Whether a queue's connection can take a command now. ioredis keeps commands that it cannot send, and sends them when
 * Redis is back, minutes after everybody gave up on them: so nothing may be handed to it before it is connected.
 */
class Connection {
  #queue;
  #waiting = null;

  constructor(queue) {
    this.#queue = queue;
  }

  /** Resolves when commands go out at once; may take for ever. Calls share one wait. */
  async ready() {
    await this.#queue.waitUntilReady();
    // BullMQ 6 has a backend; on Postgres it has no Redis client, and no such trap.
    const client = await (this.#queue.getBackend?.().client ?? this.#queue.client);
    const status = client?.status;
    if (typeof status !== 'string' || typeof client.once !== 'function') return;
    // A cluster says `connect` where a single server says `ready`.
    if (status === 'ready' || (status === 'connect' && client.isCluster === true)) return;
    this.#waiting ??= new Promise((resolve) => client.once('ready', resolve)).then(() => {
      this.#waiting = null;
    });
    await this.#waiting;
  }
}

module.exports = { Connection };
