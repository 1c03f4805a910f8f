'use strict';

const { shape, withDefault, failWith } = require('../options/check.js');
const { identifier, tableName, quote, quoteTable } = require('./names.js');

/** Every column a message's row may have, by the name this package knows it under. */
const COLUMNS = {
  id: 'id',
  runId: 'run_id',
  leadId: 'lead_id',
  status: 'status',
  scheduledAt: 'scheduled_at',
  nextRetryAt: 'next_retry_at',
  retryCount: 'retry_count',
  lastError: 'last_error',
  aiTokensUsed: 'ai_tokens_used',
  aiGenerationTimeMs: 'ai_generation_time_ms',
  splitTimeMs: 'split_time_ms',
  cost: 'cost',
  aiModel: 'ai_model',
  sentAt: 'sent_at',
  updatedAt: 'updated_at',
  payload: 'payload',
  fence: 'fence',
  leaseUntil: 'lease_until',
  leaseOwner: 'lease_owner',
  lostLeases: 'lost_leases',
};

const columns = shape(
  Object.fromEntries(Object.entries(COLUMNS).map(([name, column]) => [name, withDefault(identifier, column)])),
);
const runColumns = shape({ id: withDefault(identifier, 'id'), status: withDefault(identifier, 'status') });

const invalidOption = failWith('ERR_WARMPATH_INVALID_OPTION');
const empty = (check, name) => () => check({}, name, invalidOption);

/** The fields of an options object that say which tables and columns hold campaigns. */
const campaignNameFields = {
  table: withDefault(tableName, 'campaign_messages'),
  runsTable: withDefault(tableName, 'campaign_runs'),
  leadsTable: withDefault(tableName, 'leads'),
  columns: withDefault(columns, empty(columns, 'columns')),
  runColumns: withDefault(runColumns, empty(runColumns, 'runColumns')),
};

const quoted = (given) => Object.fromEntries(Object.entries(given).map(([name, column]) => [name, quote(column)]));

/**
 * Names for use in SQL text, all quoted; made from checked options. What belongs to this package alone stands in the schema
 * of the messages.
 *
 * @returns {{ table: string, runs: string, leads: string, parts: string, schema: string, plain: string, journal: string,
 *   queue: string, isDefault: boolean, raw: Record<string, string>, c: Record<string, string>, r: Record<string, string> }}
 */
function campaignNamesOf({ table, runsTable, leadsTable, columns: given, runColumns: runs }) {
  const parts = table.split('.');
  const schema = parts.length === 2 ? `${quote(parts[0])}.` : '';
  const plain = parts.at(-1);
  const isDefault =
    table === 'campaign_messages' &&
    runsTable === 'campaign_runs' &&
    runs.id === 'id' &&
    runs.status === 'status' &&
    Object.entries(COLUMNS).every(([name, column]) => given[name] === column);
  return {
    table: quoteTable(table),
    runs: quoteTable(runsTable),
    leads: quoteTable(leadsTable),
    parts: `${schema}${quote(`${plain.slice(0, 50).replace(/s$/, '')}_parts`)}`,
    schema,
    plain,
    journal: `${schema}warmpath_migrations`,
    queue: table,
    isDefault,
    raw: given,
    c: quoted(given),
    r: quoted(runs),
  };
}

module.exports = { campaignNameFields, campaignNamesOf };
