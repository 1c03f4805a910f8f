'use strict';

const { isPooled } = require('../../sql/session.js');

const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;

/** One channel for all tables: the payload says which. */
const CHANNEL = 'warmpath';

/**
 * Hears hints on a connection of its own. A hint that is missed costs time, never a job: the poll finds what was not told.
 *
 * Behind a pooler there is nothing to hear (it would hand the LISTEN to a server connection that others use), so the
 * listener finds out, and stays away. Nothing here keeps the process alive.
 */
class Listener {
  #connect;
  #onHint;
  #onError;
  #client = null;
  #timer = null;
  #failures = 0;
  #stopped = true;

  /**
   * @param {object} parts connect(): a new, unconnected pg.Client; onHint(payload | null): null after a (re)connect, when
   *   hints may have been missed; onError(err)
   */
  constructor({ connect, onHint, onError }) {
    this.#connect = connect;
    this.#onHint = onHint;
    this.#onError = onError;
  }

  start() {
    this.#stopped = false;
    this.#failures = 0;
    this.#open();
  }

  async stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #open() {
    let client;
    try {
      client = this.#connect();
      client.on('error', (err) => this.#lost(client, err));
      client.on('end', () => this.#lost(client));
      client.on('notification', ({ channel, payload }) => {
        if (channel === CHANNEL) this.#onHint(payload);
      });
      this.#client = client;
      await client.connect();
      client.unref?.();
      client.connection?.stream?.setKeepAlive?.(true, KEEP_ALIVE_MS);
      if (await isPooled(client)) {
        await this.stop();
        return;
      }
      await client.query(`LISTEN ${CHANNEL}`);
      this.#failures = 0;
      if (this.#client === client) this.#onHint(null);
    } catch (err) {
      this.#lost(client, err);
    }
  }

  #lost(client, err) {
    if (this.#client !== client || this.#stopped) return;
    this.#client = null;
    client?.end().catch(() => {});
    if (err !== undefined) this.#onError(err);
    const waitMs = Math.min(RETRY_BASE_MS * 2 ** this.#failures++, RETRY_MAX_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), waitMs * (0.8 + Math.random() * 0.4)).unref();
  }
}

module.exports = { Listener, CHANNEL };
