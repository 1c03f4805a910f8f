'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const TIMEOUT_MS = 2000;

/**
 * Whether a part answers, within two seconds.
 *
 * @param {(() => unknown) | undefined} ping rejects, or does not answer, where it is away; undefined: there is none, which is fine
 * @returns {Promise<boolean>}
 */
async function answers(ping) {
  if (ping === undefined) return true;
  const timeout = new AbortController();
  const late = sleep(TIMEOUT_MS, false, { signal: timeout.signal, ref: false }).catch(() => false);
  try {
    return await Promise.race([Promise.resolve(ping()).then(() => true), late]);
  } catch {
    return false;
  } finally {
    timeout.abort();
  }
}

module.exports = { answers };
