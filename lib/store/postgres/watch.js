'use strict';

const { WarmpathError, databaseError } = require('../../errors.js');
const { requirePeer } = require('../../peer.js');
const { Listener } = require('./listener.js');

const BEAT_MS = 1000;

/**
 * Who wants to hear of work, and where it is heard of: this process itself, the connection that listens, and a beat for an
 * instance that has nothing to claim, or no room to. Also listens to the pool's errors while the store is in use: an idle
 * connection that breaks makes it emit one, and an 'error' that nobody listens to ends the process.
 */
class Watch {
  #database;
  #listen;
  #onHint;
  #onBeat;
  #onError;
  #subscribers = new Set();
  #listener = null;
  #beat = null;
  #attached = false;
  #onPoolError = (err) => this.#onError(databaseError('an idle connection', err));

  /** @param {object} parts database; listen: the store's option; onHint(payload | null); onBeat(); onError(err) */
  constructor({ database, listen, onHint, onBeat, onError }) {
    this.#database = database;
    this.#listen = listen;
    this.#onHint = onHint;
    this.#onBeat = onBeat;
    this.#onError = onError;
  }

  attach() {
    const { pool } = this.#database;
    if (this.#attached || typeof pool.on !== 'function') return;
    this.#attached = true;
    pool.on('error', this.#onPoolError);
  }

  detach() {
    if (!this.#attached) return;
    this.#attached = false;
    this.#database.pool.removeListener?.('error', this.#onPoolError);
  }

  /** Calls `fn` when there may be work; returns what ends it. */
  subscribe(fn) {
    this.#subscribers.add(fn);
    if (this.#subscribers.size === 1) this.#start();
    return () => {
      if (this.#subscribers.delete(fn) && this.#subscribers.size === 0) this.#stop();
    };
  }

  tell() {
    for (const fn of this.#subscribers) fn();
  }

  close() {
    this.#subscribers.clear();
    this.#stop();
  }

  #start() {
    this.attach();
    this.#beat = setInterval(this.#onBeat, BEAT_MS).unref();
    const connect = this.#connection();
    if (connect === null) return;
    const onError = (err) =>
      this.#onError(err instanceof WarmpathError ? err : databaseError('listening for hints', err));
    this.#listener = new Listener({ connect, onHint: this.#onHint, onError });
    this.#listener.start();
  }

  #stop() {
    clearInterval(this.#beat);
    this.#listener?.stop();
    this.#listener = null;
  }

  /** How to make the connection that listens; null: hints are not heard, the poll has to do. */
  #connection() {
    const listen = this.#listen;
    if (listen === false) return null;
    if (listen !== true) {
      return () => {
        const { Client } = requirePeer('pg', 'the option listen of PostgresStore');
        return new Client(listen);
      };
    }
    const pool = this.#database.settings;
    return pool === null ? null : () => new pool.Client(pool.options);
  }
}

module.exports = { Watch };
