'use strict';

/** A key that the table's column cannot hold (text for a number, or for a uuid) names no job. @returns {Promise<unknown[]>} */
async function ofKey(ask) {
  try {
    return await ask();
  } catch (err) {
    if (/^22/.test(err?.cause?.code ?? '')) return [];
    throw err;
  }
}

/** The last failure of that key that this process remembers. */
const failureOf = (worker, key) =>
  worker.monitor.failures.newest(Number.POSITIVE_INFINITY).find((item) => item.key === key);

/**
 * Why a job is where it is: the executor's own words while it is claimed here, else what the store says of it, else how it failed.
 *
 * @param {object} worker
 * @param {object} desk of the store; see contract.js
 * @param {string} key
 */
async function explainJob(worker, desk, key) {
  const handle = worker.handleOf(key);
  const answer = handle === null ? null : worker.executor.explain(handle);
  if (answer !== null) return { key, ...answer };
  const [row] = (await ofKey(() => desk.find?.([key]))) ?? [];
  if (row !== undefined) return { key, state: row.state, waits: waitsOf(row, worker.mode), ahead: 0, owner: row.owner };
  const failure = failureOf(worker, key);
  return failure === undefined ? null : { key, state: 'failed', waits: [], ahead: 0, error: failure.error };
}

function waitsOf({ state, runAtMs }, mode) {
  if (state === 'queued') return [{ reason: mode === 'running' ? 'turn' : 'paused', waitMs: null }];
  if (state === 'delayed') return [{ reason: 'backoff', waitMs: Math.max(0, runAtMs - Date.now()) }];
  return [];
}

module.exports = { explainJob, failureOf, ofKey };
