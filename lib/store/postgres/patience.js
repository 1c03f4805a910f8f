'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { WarmpathError } = require('../../errors.js');
const { isPassing } = require('./database.js');

const BACKOFF_BASE_MS = 50;
const BACKOFF_MAX_MS = 500;

/** Failures after which it is certain that the statement had no effect. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|[0-9A-Z]{5})$/;

/**
 * A statement that meets a restarting server is repeated until the deadline, so a restart of some seconds is a slow answer and
 * not a failure. For statements that are harmless to repeat.
 *
 * @param {(timeoutMs: number) => Promise<object[]>} run
 * @param {number} deadline monotonic, ms
 * @returns {Promise<object[]>}
 * @throws {WarmpathError} ERR_WARMPATH_DATABASE; `certainty` says whether the statement may have had its effect all the same
 */
async function patiently(run, deadline) {
  let certain = true;
  for (let tries = 0; ; tries++) {
    const leftMs = Math.max(1, Math.floor(deadline - performance.now()));
    try {
      return await run(leftMs);
    } catch (err) {
      certain &&= NOT_SENT.test(err.cause?.code ?? '');
      const waitMs = Math.min(BACKOFF_BASE_MS * 2 ** tries, BACKOFF_MAX_MS);
      if (!isPassing(err) || performance.now() + waitMs >= deadline) throw withCertainty(err, certain);
      await sleep(waitMs);
    }
  }
}

function withCertainty(err, certain) {
  const { code, message, cause, phase } = err;
  const fields = { class: err.class, cause, phase, certainty: certain ? 'not-sent' : 'maybe-sent' };
  return new WarmpathError(code, message, fields);
}

module.exports = { patiently };
