'use strict';

const check = require('../options/check.js');

const { shape, withDefault, integer, milliseconds, func, arrayOf, text, failWith } = check;

const DAY_MS = 86_400_000;
const invalidOption = failWith('ERR_WARMPATH_INVALID_OPTION');

const method = text({ max: 32, pattern: /^[A-Z]+$/, form: 'a method in capitals' });

const retryFields = shape({
  quick: withDefault(integer(0, 10), 3),
  baseMs: withDefault(milliseconds(), 1000),
  maxMs: withDefault(milliseconds(), 4000),
  // What HTTP calls idempotent: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2
  methods: withDefault(arrayOf(method, { max: 32 }), () => ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']),
  statuses: withDefault(arrayOf(integer(300, 599), { max: 100 }), () => [408, 425, 429, 500, 502, 503, 504, 529]),
});

function retry(value, path, fail) {
  if (value === false) return { ...retryFields({}, path, fail), quick: 0 };
  const out = retryFields(value, path, fail);
  if (out.baseMs > out.maxMs) fail(`${path}.baseMs`, `must not be above ${path}.maxMs`);
  return out;
}

const limits = shape({
  concurrency: integer(1, 10_000),
  requests: shape(
    { limit: integer(1, 1_000_000), periodMs: integer(1, DAY_MS, 'ms') },
    { required: ['limit', 'periodMs'] },
  ),
  key: func,
});

const fields = shape({
  totalTimeoutMs: withDefault(milliseconds(), 60_000),
  attemptTimeoutMs: milliseconds(),
  retry: withDefault(retry, () => retry({}, 'retry', invalidOption)),
  limits: withDefault(limits, () => ({})),
  fetch: func,
});

/** Checked options of createFetch. */
const fetchOptions = (options) => fields(options, '', invalidOption);

module.exports = { fetchOptions };
