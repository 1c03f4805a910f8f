'use strict';

// Between the worker's values and the arrays and rows of the statements (sql.js).

const { campaignPartKey } = require('../../campaign/key.js');

/** Of a text from elsewhere: Postgres cannot hold NUL, and nobody reads more of an error. */
const textOf = (text, max) => text?.replaceAll('\0', '').slice(0, max);

/** One parameter of a batch: that field of each. */
const column = (rows, name) => rows.map((row) => row[name] ?? null);

const columns = (rows, names) => names.map((name) => column(rows, name));

/** The parts as Postgres can hold them. */
const partsOf = ({ parts }) => parts.map((part) => part.replaceAll('\0', '').trim()).filter((part) => part !== '');

/** A claim as the worker has it; `job` is what hooks see. */
function claimOf(row) {
  const { id, run_id: runId, fence, retry_count: retryCount, waited, parts, message } = row;
  return {
    key: id,
    fence: Number(fence),
    attempt: retryCount + 1,
    waitedMs: Math.max(0, waited),
    job: { messageId: id, runId, attempt: retryCount + 1, row: message, parts },
  };
}

/** Parameters of `parts`: what the step `generate` made. */
function partColumns(entries) {
  const rows = entries.map(({ key, fence, runId, value }) => ({
    key,
    fence,
    parts: JSON.stringify(partsOf(value).map((text, i) => ({ text, key: campaignPartKey(runId, key, i) }))),
    tokens: value.usage?.totalTokens,
    generation: Math.round(value.generationMs),
    split: Math.round(value.splitMs),
    cost: value.usage?.cost,
    model: textOf(value.model, 256),
  }));
  return columns(rows, ['key', 'fence', 'parts', 'tokens', 'generation', 'split', 'cost', 'model']);
}

/** Parameters of `settle`: outcomes, with the delay of those that wait for a setting to be mended. */
function outcomeColumns(outcomes, configDelayMs) {
  const rows = outcomes.map(({ key, fence, status, value, error, charged, retryAfterMs }) => ({
    key,
    fence,
    kind: status === 'failed' ? 'failed' : value?.skipped === undefined ? 'sent' : 'skipped',
    class: error?.class,
    // A wrong key or an empty account is no fault of the message: it waits, and nobody counts it.
    charged: charged !== false && error?.class !== 'config',
    after: retryAfterMs ?? (error?.class === 'config' ? configDelayMs : undefined),
    error: error === undefined ? textOf(value?.skipped, 1000) : textOf(`${error.code}: ${error.message}`, 1000),
  }));
  return columns(rows, ['key', 'fence', 'kind', 'class', 'charged', 'after', 'error']);
}

/** What became of a message, by the row that `settle` gives. */
function resultOf({ applied, status, delay }) {
  if (!applied) return { applied: false };
  if (status === 'failed') return { applied: true, state: 'dead' };
  if (status === 'pending') return { applied: true, state: 'retry', runAtMs: Date.now() + Math.round(delay ?? 0) };
  return { applied: true, state: 'done' };
}

/** Parameters of `enqueue`. */
function messageColumns(messages) {
  const rows = messages.map(({ payload, scheduledAt, ...row }) => ({
    ...row,
    scheduledAt: scheduledAt?.toISOString(),
    payload: payload && JSON.stringify(payload),
  }));
  return columns(rows, ['messageId', 'runId', 'leadId', 'scheduledAt', 'payload']);
}

/** A run, of its one row for each status of its messages. */
function runOf(rows) {
  const messages = {};
  let tokens = 0;
  let cost = 0;
  for (const row of rows.filter(({ status }) => status !== null)) {
    messages[row.status] = row.count;
    tokens += row.tokens ?? 0;
    cost += row.cost ?? 0;
  }
  return { status: rows[0].run_status, messages, tokens, cost };
}

module.exports = { claimOf, column, columns, messageColumns, outcomeColumns, partColumns, resultOf, runOf };
