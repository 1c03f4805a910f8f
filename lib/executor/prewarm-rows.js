'use strict';

/**
 * Outcomes of prewarms, which cross as rows without names, times as whole microseconds (`src/rows.rs` writes them): to parse
 * names and fractions takes three times as long as to put the objects together here.
 *
 * @param {string} json an array of rows
 * @returns {object[]} outcomes
 */
function outcomesOf(json) {
  const rows = JSON.parse(json);
  for (let i = 0; i < rows.length; i++) rows[i] = outcomeOf(rows[i]);
  return rows;
}

// By index, as to take an array apart by a pattern runs its iterator; each object whole at once, so that all have one shape.
function outcomeOf(row) {
  const timings = {
    queue: row[6] / 1000,
    download: row[7] / 1000,
    upload: row[8] / 1000,
    answer: row[9] / 1000,
    total: row[10] / 1000,
  };
  const ended = row[1];
  if (!Array.isArray(ended)) {
    return {
      key: row[0],
      status: 'failed',
      error: ended,
      attempts: row[2],
      charged: row[3],
      possibleDuplicates: row[4],
      bytes: row[5],
      timings,
    };
  }
  return {
    key: row[0],
    status: 'succeeded',
    value: valueFrom(ended),
    attempts: row[2],
    charged: row[3],
    possibleDuplicates: row[4],
    bytes: row[5],
    timings,
  };
}

function valueFrom(row) {
  const value = {
    fileId: row[0],
    fileUniqueId: row[1],
    messageId: row[2],
    chatId: row[3],
    kind: row[4],
    bytes: row[5],
    route: row[6],
    routeReason: row[7],
  };
  // What only some have comes by its name.
  return row.length === 8 ? value : Object.assign(value, row[8]);
}

module.exports = { outcomesOf };
