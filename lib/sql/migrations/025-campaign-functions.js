'use strict';

const { pickSql, lockSql, oldSql } = require('../campaign-pieces.js');

// The functions that apps have, under their names, on top of the lease columns. They are for people's own SQL (a Supabase
// function, say); the worker has the same statements of its own. A function of the app's that has one of these names
// already stays as it is.

const MARK = 'warmpath:';

const SIGNATURES = {
  get_and_lock_campaign_messages: 'int, text, interval, text',
  mark_old_campaign_messages_as_skipped: 'interval',
  mark_campaign_message_retry: 'text, bigint, text',
};

const GET = (n) => `CREATE OR REPLACE FUNCTION ${n.schema}get_and_lock_campaign_messages(
  p_limit int DEFAULT 5, p_run_id text DEFAULT NULL, p_lease interval DEFAULT interval '5 minutes',
  p_owner text DEFAULT 'get_and_lock_campaign_messages'
) RETURNS SETOF ${n.table} AS $f$
  WITH ${pickSql(n, {
    limit: 'least(greatest(coalesce(p_limit, 5), 0), 1000)',
    active: "ARRAY['running']",
    only: `(p_run_id IS NULL OR r.${n.r.id}::text = p_run_id)`,
  })}
  UPDATE ${n.table} m SET ${lockSql(n, { until: 'now() + p_lease', owner: 'p_owner' })}
  FROM pick p WHERE m.${n.c.id} = p.id
  RETURNING m.*
$f$ LANGUAGE sql`;

// Looks first: most of the times there is nothing, and then nothing is locked or written.
const OLD = (n) => `CREATE OR REPLACE FUNCTION ${n.schema}mark_old_campaign_messages_as_skipped(
  p_max_age interval DEFAULT interval '24 hours'
) RETURNS int AS $f$
DECLARE marked int; total int := 0;
BEGIN
  LOOP
    IF NOT EXISTS (SELECT FROM ${n.table} m WHERE m.${n.c.status} = 'pending' AND m.${n.c.leaseUntil} IS NULL
                   AND m.${n.c.scheduledAt} < now() - p_max_age) THEN
      RETURN total;
    END IF;
    ${oldSql(n, { cutoff: 'now() - p_max_age', most: 10_000 })};
    GET DIAGNOSTICS marked = ROW_COUNT;
    total := total + marked;
    IF marked = 0 THEN RETURN total; END IF;
  END LOOP;
END
$f$ LANGUAGE plpgsql`;

const RETRY = ({ schema, table, c }) => `CREATE OR REPLACE FUNCTION ${schema}mark_campaign_message_retry(
  p_id text, p_fence bigint, p_error text
) RETURNS text AS $f$
  UPDATE ${table} m SET
    ${c.status} = CASE WHEN m.${c.retryCount} >= 3 THEN 'failed' ELSE 'pending' END,
    ${c.nextRetryAt} = CASE m.${c.retryCount} WHEN 0 THEN now() + interval '5 minutes' WHEN 1 THEN now() + interval '15 minutes'
      WHEN 2 THEN now() + interval '30 minutes' END,
    ${c.retryCount} = least(m.${c.retryCount} + 1, 3),
    ${c.lostLeases} = 0,
    ${c.lastError} = p_error,
    ${c.leaseUntil} = NULL,
    ${c.leaseOwner} = NULL,
    ${c.updatedAt} = now()
  WHERE m.${c.id}::text = p_id AND m.${c.fence} = p_fence AND m.${c.status} = 'processing'
  RETURNING m.${c.status}::text
$f$ LANGUAGE sql`;

const COMMENTS = {
  get_and_lock_campaign_messages:
    'leases the next messages of running runs; settle each under its fence. Limit 5, at most 1000; lease 5 min',
  mark_old_campaign_messages_as_skipped: 'marks what waits for longer than the age, and returns how many',
  mark_campaign_message_retry: 'again in 5, 15, 30 min, then failed; NULL where the fence is not the current one',
};

module.exports = {
  id: 25,
  name: 'campaign-functions',
  up({ names, has }) {
    if (!names.isDefault) return [];
    const made = {
      get_and_lock_campaign_messages: GET(names),
      mark_old_campaign_messages_as_skipped: OLD(names),
      mark_campaign_message_retry: RETRY(names),
    };
    return Object.entries(made)
      .filter(([name]) => !has.foreignFunctions.includes(name))
      .flatMap(([name, sql]) => [
        sql,
        `COMMENT ON FUNCTION ${names.schema}${name}(${SIGNATURES[name]}) IS '${MARK} ${COMMENTS[name]}'`,
      ]);
  },
  down({ names, has }) {
    if (!names.isDefault) return [];
    return Object.entries(SIGNATURES)
      .filter(([name]) => !has.foreignFunctions.includes(name))
      .map(([name, types]) => `DROP FUNCTION IF EXISTS ${names.schema}${name}(${types})`);
  },
  FUNCTIONS: Object.keys(SIGNATURES),
  MARK,
};
