'use strict';

// Above this a number is an instant since 1970, not a wait: 1e9 s is the year 2001, 1e12 ms too.
const EPOCH_S = 1e9;
const EPOCH_MS = 1e12;

const number = (text) => (/^\s*\d+(\.\d+)?\s*$/.test(text ?? '') ? Number(text) : null);

/** An instant or a wait, in seconds or ms, as ms from now. */
function reset(value, now) {
  if (value === null) return null;
  if (value >= EPOCH_MS) return value - now;
  if (value >= EPOCH_S) return value * 1000 - now;
  return value * 1000;
}

/**
 * How long an answer asks to wait: `retry-after-ms`, `Retry-After` in seconds or as a date, or (of a 429 that has none left)
 * `X-RateLimit-Reset`, which services give as an instant in s or ms, or as seconds.
 *
 * @param {Headers} headers
 * @param {number} status
 * @param {number} [now] ms since 1970
 * @returns {number | null} ms, not below 0; null where nothing (legible) is said
 */
function retryHint(headers, status, now = Date.now()) {
  const ms = number(headers.get('retry-after-ms'));
  if (ms !== null) return ms;
  const after = headers.get('retry-after');
  const seconds = number(after);
  if (seconds !== null) return seconds * 1000;
  // Only a date of HTTP: Date.parse takes many a text for one.
  if (after !== null && / GMT$/.test(after.trim())) {
    const at = Date.parse(after);
    if (!Number.isNaN(at)) return Math.max(0, at - now);
  }
  if (status !== 429) return null;
  const wait = reset(number(headers.get('x-ratelimit-reset')), now);
  return wait === null ? null : Math.max(0, wait);
}

module.exports = { retryHint };
