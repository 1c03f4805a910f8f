'use strict';

// A row of a store as an operator sees it (contract.js, "desk"): what is the same whatever the table holds.

/** `last_error` is `CODE: text` where this package wrote it. */
function errorOf(text) {
  if (text === null) return undefined;
  const [, code, message] = /^(ERR_WARMPATH_\w+): (.*)$/s.exec(text) ?? [];
  return code === undefined ? { code: 'UNKNOWN', message: text } : { code, message };
}

const at = (value) => (value === null ? undefined : Math.round(value));

/** @param {object} row state, attempts, owner, last_error; created, updated, run_at, lease_until in ms since 1970 */
const fateOf = (row) => ({
  state: row.state,
  attempt: row.attempts,
  enqueuedAtMs: at(row.created),
  endedAtMs: row.state === 'failed' ? at(row.updated) : undefined,
  runAtMs: row.state === 'delayed' ? at(row.run_at) : undefined,
  leaseUntilMs: row.state === 'claimed' ? at(row.lease_until) : undefined,
  owner: row.owner ?? undefined,
  error: errorOf(row.last_error),
});

module.exports = { errorOf, fateOf };
