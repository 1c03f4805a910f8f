'use strict';

const { shape, withDefault, failWith, text, describe } = require('../options/check.js');

const MAX_BYTES = 63;

/** An SQL identifier as the server stores it: it cuts longer names off silently, so they are refused here. */
const identifier = (value, path, fail) => {
  text({ max: MAX_BYTES })(value, path, fail);
  if (Buffer.byteLength(value) > MAX_BYTES) fail(path, `must have at most ${MAX_BYTES} bytes`);
  return value;
};

/** `table` or `schema.table`. */
const tableName = (value, path, fail) => {
  if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
  const parts = value.split('.');
  if (parts.length > 2) fail(path, "must be 'table' or 'schema.table'");
  for (const part of parts) identifier(part, path, fail);
  return value;
};

/** Quoted, so that any name can stand in a statement and none can end it. */
const quote = (name) => `"${name.replaceAll('"', '""')}"`;
const quoteTable = (name) => name.split('.').map(quote).join('.');

/** Every column a job's row may have, by the name this package knows it under. */
const COLUMNS = {
  botSlug: 'bot_slug',
  sha256: 'sha256',
  kind: 'kind',
  status: 'status',
  fileId: 'file_id',
  fileUniqueId: 'file_unique_id',
  chatId: 'warmup_chat_id',
  messageId: 'warmup_message_id',
  warmedAt: 'warmup_at',
  lastError: 'last_error',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  retryCount: 'retry_count',
  nextRetryAt: 'next_retry_at',
  lastRetryAt: 'last_retry_at',
  priority: 'priority',
  runAt: 'run_at',
  attempts: 'attempts',
  lostLeases: 'lost_leases',
  fence: 'fence',
  leaseUntil: 'lease_until',
  leaseOwner: 'lease_owner',
  job: 'job',
};

/** Columns that are only written for people to read: a table of the user's own may do without (`null`). */
const OPTIONAL = [
  'fileUniqueId',
  'chatId',
  'messageId',
  'warmedAt',
  'createdAt',
  'updatedAt',
  'retryCount',
  'nextRetryAt',
  'lastRetryAt',
];

const columns = shape(
  Object.fromEntries(
    Object.entries(COLUMNS).map(([name, column]) => {
      const optional = OPTIONAL.includes(name);
      const check = (value, path, fail) => (optional && value === null ? null : identifier(value, path, fail));
      return [name, withDefault(check, column)];
    }),
  ),
);

const invalidOption = failWith('ERR_WARMPATH_INVALID_OPTION');

/** The fields of an options object that say which table and columns are meant. */
const nameFields = {
  table: withDefault(tableName, 'media_cache'),
  mediaTable: withDefault((value, path, fail) => (value === null ? null : tableName(value, path, fail)), 'media_store'),
  columns: withDefault(columns, () => columns({}, 'columns', invalidOption)),
};

/**
 * Names for use in SQL text, all quoted; made from checked options.
 *
 * @param {{ table: string, mediaTable: string | null, columns: Record<string, string | null> }} checked
 * @returns {{ table: string, media: string | null, instances: string, lanes: string, journal: string, queue: string,
 *   plain: string, isDefault: boolean, c: Record<string, string | null> }} queue: what tells the tables apart in the
 *   tables of this package, which stand in the same schema; c: the columns
 */
function namesOf({ table, mediaTable, columns: given }) {
  const parts = table.split('.');
  const schema = parts.length === 2 ? `${quote(parts[0])}.` : '';
  const c = Object.fromEntries(
    Object.entries(given).map(([name, column]) => [name, column === null ? null : quote(column)]),
  );
  return {
    table: quoteTable(table),
    media: mediaTable === null ? null : quoteTable(mediaTable),
    instances: `${schema}warmpath_instances`,
    lanes: `${schema}warmpath_lanes`,
    journal: `${schema}warmpath_migrations`,
    schema,
    queue: table,
    plain: parts.at(-1),
    isDefault: table === 'media_cache' && Object.entries(COLUMNS).every(([name, column]) => given[name] === column),
    c,
  };
}

/** Names with no option given. */
const defaultNames = () =>
  namesOf({ table: 'media_cache', mediaTable: 'media_store', columns: columns({}, 'columns', invalidOption) });

module.exports = { identifier, tableName, quote, quoteTable, nameFields, namesOf, defaultNames };
