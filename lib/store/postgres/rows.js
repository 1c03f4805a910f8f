'use strict';

const { WarmpathError } = require('../../errors.js');
const { jobKey } = require('../../key.js');
const { checkWorkerJob, fieldsFit } = require('../../options/job.js');

// The columns of the table hold these (the key follows from them, or goes first); the column `job` holds the rest.
const IN_COLUMNS = new Set(['botSlug', 'sha256', 'kind', 'priority', 'key']);

/** The job's own words beyond its key columns, as JSON; the key too where it is not the one that follows from them. */
function restOf(job) {
  const { botSlug, sha256, kind, key } = job;
  const isOwn = key !== undefined && key !== jobKey({ botSlug, sha256, kind });
  const rest = isOwn ? { key } : {};
  for (const name in job) if (!IN_COLUMNS.has(name)) rest[name] = job[name];
  return JSON.stringify(rest);
}

/** Hints from media_store: a bad one is left out, it is no reason to refuse the job. */
function hints(media) {
  const bytes = String(media.bytes ?? '');
  const given = {
    fileName: media.file_name,
    contentType: media.content_type,
    size: /^\d{1,15}$/.test(bytes) ? Number(bytes) : null,
  };
  const fits = ([name, value]) => value !== null && value !== undefined && fieldsFit({ [name]: value });
  return Object.fromEntries(Object.entries(given).filter(fits));
}

/** The job of a claimed row: its own column, else what media_store says of the object. */
function jobOf({ bot_slug: botSlug, sha256, kind, priority, job, media }) {
  const key = { botSlug, sha256, kind, ...(priority !== 0 && { priority }) };
  if (job !== null) return checkWorkerJob({ ...job, ...key });
  if (typeof media?.r2_key !== 'string') {
    throw new WarmpathError('ERR_WARMPATH_SOURCE_NOT_FOUND', 'media_store has no row for this media');
  }
  return checkWorkerJob({ ...key, r2Key: media.r2_key, ...hints(media) });
}

/** The jobs of rows, without those that cannot be one. */
function jobsOf(rows) {
  return rows.flatMap((row) => {
    try {
      return [jobOf(row)];
    } catch {
      return [];
    }
  });
}

/**
 * A row of the claim statement as the store contract has it. A row that cannot be a job, or that has cost too many processes
 * their lives, comes with `error`: the worker fails it without running it.
 */
function claimOf(row, maxLostLeases) {
  const { bot_slug: botSlug, sha256, kind } = row;
  const identity = { botSlug, sha256, kind };
  let job;
  let error;
  try {
    job = jobOf(row);
  } catch (err) {
    error = err;
    job = { ...identity, key: jobKey(identity) };
  }
  if (row.lost_leases >= maxLostLeases) error = quarantine(row);
  const claim = {
    key: job.key,
    job,
    fence: Number(row.fence),
    attempt: row.attempts,
    lostLeases: row.lost_leases,
    waitedMs: Math.max(0, Math.round(row.waited)),
  };
  return error === undefined ? { claim, identity } : { claim: { ...claim, error }, identity };
}

/** The evidence goes to last_error: it is all that is left of the processes that could tell. */
function quarantine({ lost_leases: lost, last_owner: owner, last_until: until }) {
  const last = until === null ? 'unknown' : new Date(until).toISOString();
  const text = `quarantined: ${lost} claims ended without a result; the last by ${owner ?? 'unknown'}, lease until ${last}`;
  return new WarmpathError('ERR_WARMPATH_LEASE_LOST', text, { class: 'permanent' });
}

// Postgres text cannot hold NUL, and one such message would fail a whole batch.
function plain(text, max) {
  return String(text).replaceAll('\0', ' ').toWellFormed().slice(0, max);
}

/** One settlement as the columns of the settle statement, beyond key and fence. */
function resultOf({ status, value, error, charged = true, retryAfterMs }) {
  if (status === 'succeeded') {
    // '@name' is a valid chat to send to, but not a bigint.
    const chat = /^-?\d+$/.test(value?.chatId ?? '') ? String(value.chatId) : null;
    const message = Number.isSafeInteger(value?.messageId) ? String(value.messageId) : null;
    return [true, null, true, 0, null, value?.fileId ?? null, value?.fileUniqueId ?? null, chat, message];
  }
  const text = error?.message === undefined ? null : plain(`${error.code}: ${error.message}`, 500);
  return [false, error?.class ?? null, charged !== false, retryAfterMs ?? 0, text, null, null, null, null];
}

/** What names a claim in the table, in the order of the statements. */
const claimKey = ({ botSlug, sha256, kind, fence }) => [botSlug, sha256, kind, fence];

/** Turns rows of values into one array per column, which is what unnest() takes. */
function columnsOf(rows, width) {
  return Array.from({ length: width }, (_, i) => rows.map((row) => row[i]));
}

module.exports = { restOf, claimOf, jobsOf, resultOf, claimKey, columnsOf };
