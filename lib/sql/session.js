'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError, databaseError } = require('../errors.js');

// Any number that is ours in every database: "warmpath" in ASCII, first eight letters.
const LOCK = 0x7761726d70617468n;
const LOCK_POLL_MS = 200;

// A schema change that waits for its lock makes all that comes after wait too: it gives up soon, and tries again.
const LOCK_TIMEOUT = '3s';
const LOCK_TRIES = 20;

/** True where a pooler stands between: the process id that it told the client is its own, not the server's. */
async function isPooled(client) {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  return typeof client.processID === 'number' && client.processID !== rows[0].pid;
}

/**
 * One connection that holds the migration lock. Two processes at once: the second waits here, and then finds nothing to do.
 *
 * @param {object} pool a pg.Pool
 * @param {number} waitMs
 * @param {(client: object) => Promise<T>} work
 * @returns {Promise<T>}
 * @template T
 * @throws {WarmpathError} ERR_WARMPATH_DATABASE; ERR_WARMPATH_INVALID_ARGUMENT behind a pooler
 */
async function withLock(pool, waitMs, work) {
  const client = await connect(pool);
  let broken;
  const onError = (err) => {
    broken = err;
  };
  client.on?.('error', onError);
  try {
    if (await isPooled(client)) {
      const text = 'migrate needs a connection of its own to Postgres, and a pooler (PgBouncer) is in between';
      throw new WarmpathError('ERR_WARMPATH_INVALID_ARGUMENT', text, { option: 'pool' });
    }
    await lock(client, waitMs);
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
    await client.query('SET statement_timeout = 0');
    return await work(client);
  } catch (err) {
    throw err instanceof WarmpathError ? err : databaseError('the migration', broken ?? err);
  } finally {
    client.removeListener?.('error', onError);
    // Closed, not given back: with it go the lock and the settings, whatever has happened.
    client.release(true);
  }
}

async function connect(pool) {
  try {
    return await pool.connect();
  } catch (err) {
    throw databaseError('connecting', err);
  }
}

/**
 * Asks again and again instead of waiting inside one statement: a statement that waits is a transaction, and another
 * process's CREATE INDEX CONCURRENTLY would wait for its end, while it waits for ours.
 */
async function lock(client, waitMs) {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1::bigint) AS got', [String(LOCK)]);
    if (rows[0].got) return;
    if (performance.now() > deadline) {
      throw new WarmpathError('ERR_WARMPATH_DATABASE', 'another process is still migrating this database');
    }
    await sleep(LOCK_POLL_MS);
  }
}

const LOCK_NOT_AVAILABLE = '55P03';
const DEADLOCK = '40P01';

/** Runs one statement; a lock that somebody holds for long is asked for again. */
async function patiently(client, sql) {
  for (let tries = 1; ; tries++) {
    try {
      return await client.query(sql);
    } catch (err) {
      if (![LOCK_NOT_AVAILABLE, DEADLOCK].includes(err.code) || tries === LOCK_TRIES) throw err;
      await sleep(100 * tries);
    }
  }
}

module.exports = { withLock, isPooled, patiently };
