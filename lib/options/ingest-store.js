'use strict';

const check = require('./check.js');
const { listen } = require('./postgres.js');
const { tableName } = require('../sql/names.js');
const { INGEST_DELAYS_MS } = require('../store/retry-policy.js');

const { shape, withDefault, integer, milliseconds, boolean, func, having, arrayOf, failWith } = check;

const DAY_MS = 86_400_000;
const YEARS_MS = 3650 * DAY_MS;

const fields = shape(
  {
    pool: having('query'),
    table: withDefault(tableName, 'ingest_jobs'),
    delaysMs: withDefault(arrayOf(milliseconds(), { max: 32 }), () => [...INGEST_DELAYS_MS]),
    maxLostLeases: withDefault(integer(1, 1000), 3),
    // Meta repeats a webhook for up to a week.
    keepDoneMs: withDefault(integer(0, YEARS_MS, 'ms'), 7 * DAY_MS),
    keepFailedMs: withDefault(integer(0, YEARS_MS, 'ms'), 30 * DAY_MS),
    maxPayloadBytes: withDefault(integer(0, 2 ** 28, 'bytes'), 2 ** 24),
    enqueueTimeoutMs: withDefault(milliseconds(), 5000),
    timeoutMs: withDefault(milliseconds(), 30_000),
    listen: withDefault(listen, true),
    notify: withDefault(boolean, true),
    prepare: withDefault(boolean, true),
    onError: func,
  },
  { required: ['pool'] },
);

/** Checked options of a PostgresIngestStore. */
const ingestStoreOptions = (options) => fields(options, '', failWith('ERR_WARMPATH_INVALID_OPTION'));

module.exports = { ingestStoreOptions };
