'use strict';

const DEFAULT_DELAYS_MS = Object.freeze([60_000, 120_000, 240_000, 480_000, 960_000]);

// For media that come in: most failures are over in seconds, an outage in minutes, and an address lives longer than that.
const INGEST_DELAYS_MS = Object.freeze([2000, 10_000, 60_000, 300_000, 1_800_000]);

// A job that was handed back without a time (its lease ran out, its bot could not be looked up) waits a moment, so that
// a lasting cause does not become a busy loop.
const UNCHARGED_DELAY_MS = 1000;

// For so long after a job was enqueued the server of a URL may ask for time without a charge. One that never stops would keep the
// job for ever; and an address that was good for a medium a day ago is good for little.
const MOST_THROTTLED_MS = 86_400_000;

/**
 * Whether an attempt is charged although the source has only asked for time.
 *
 * @param {{ code?: string } | undefined} error
 * @param {number} [ageMs] since the job was enqueued, where that is known
 */
const isPatienceOver = (error, ageMs = 0) =>
  error?.code === 'ERR_WARMPATH_SOURCE_THROTTLED' && ageMs > MOST_THROTTLED_MS;

/**
 * What becomes of a failed job.
 *
 * @param {number} attempt charged attempts including this one, from 1
 * @param {{ error?: { class?: string }, charged?: boolean, retryAfterMs?: number }} outcome
 * @param {{ delaysMs: readonly number[], random: () => number }} policy
 * @returns {{ state: 'dead' } | { state: 'retry', delayMs: number }} the delay carries 0-10 % of jitter, never less than named
 */
function afterFailure(attempt, outcome, { delaysMs, random }) {
  const { error, charged = true, retryAfterMs = 0 } = outcome;
  const kind = error?.class;
  // A wrong setting that is not the job's own may be put right: then there is a time, and no charge.
  const isWaiting = kind === 'config' && !charged && retryAfterMs > 0;
  if (kind === 'permanent' || (kind === 'config' && !isWaiting)) return { state: 'dead' };
  let base;
  if (!charged) base = retryAfterMs || (kind === 'throttled' && delaysMs[0]) || UNCHARGED_DELAY_MS;
  else if (attempt > delaysMs.length) return { state: 'dead' };
  else base = Math.max(delaysMs[attempt - 1], retryAfterMs);
  return { state: 'retry', delayMs: Math.round(base * (1 + random() * 0.1)) };
}

module.exports = { afterFailure, isPatienceOver, DEFAULT_DELAYS_MS, INGEST_DELAYS_MS };
