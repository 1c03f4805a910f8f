'use strict';

const { WarmpathError } = require('../../errors.js');

const BATCH = 500;

// Bytes and base64 text go into a column of their own: as JSON they would be several times as large, and a claim would parse them.
const PAYLOADS = ['bytes', 'base64', 'dataUrl'];

// Postgres text cannot hold NUL, and one such message would fail a whole batch.
const plain = (text, max) => String(text).replaceAll('\0', ' ').toWellFormed().slice(0, max);

/** The same without what JSON text inside Postgres cannot hold; a lone surrogate or a NUL in a name is no reason to lose a medium. */
const json = (value) =>
  JSON.stringify(value, (_, item) => (typeof item === 'string' ? item.replaceAll('\0', ' ').toWellFormed() : item));

/**
 * @param {object} job checked, with its key
 * @returns {{ key: string, priority: number, job: string, payload: Buffer | null }}
 */
function packJob(job) {
  const { key, priority = 0, source, ...rest } = job;
  const name = PAYLOADS.find((one) => source[one] !== undefined);
  if (name === undefined) return { key, priority, job: json({ ...rest, source }), payload: null };
  const value = source[name];
  // A view on the bytes, not a copy: they are on their way out when enqueue() returns.
  const payload =
    typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.length);
  return { key, priority, job: json({ ...rest, source: { payload: name } }), payload };
}

/**
 * @param {object[]} jobs checked
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB for one whose bytes are too many for a row
 */
function packAll(jobs, maxPayloadBytes) {
  return jobs.map((job, i) => {
    const row = packJob(job);
    if ((row.payload?.length ?? 0) <= maxPayloadBytes) return row;
    const text = `jobs[${i}].source holds ${row.payload.length} bytes, more than maxPayloadBytes (${maxPayloadBytes}): give a file or an address`;
    throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', text, { option: `jobs[${i}].source` });
  });
}

/** Rows few enough, and small enough, for one statement each. */
function* batchesOf(rows, maxPayloadBytes) {
  let batch = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.payload?.length ?? 0;
    if (batch.length === BATCH || (batch.length > 0 && bytes + size > maxPayloadBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The job of a row; @throws {WarmpathError} for one that cannot be one */
function unpackJob({ key, job, payload, priority }, check) {
  const { payload: name, ...source } = job?.source ?? {};
  if (name !== undefined) {
    if (!PAYLOADS.includes(name) || payload === null) {
      throw new WarmpathError('ERR_WARMPATH_INVALID_JOB', 'the row has lost its payload', { option: 'job.source' });
    }
    source[name] = name === 'bytes' ? payload : payload.toString();
  }
  return check({ ...job, key, ...(priority ? { priority } : {}), source });
}

/**
 * A row of the claim statement as the store contract has it. A row that cannot be a job, or that has cost too many processes
 * their lives, comes with `error`: the worker fails it without running it.
 */
function claimOf(row, { check, maxLostLeases }) {
  const { key, fence, attempts, lost_leases: lost } = row;
  const [waitedMs, ageMs] = [row.waited, row.age].map((ms) => Math.max(0, Math.round(ms)));
  const claim = { key, fence: Number(fence), attempt: attempts, waitedMs, ageMs };
  if (lost >= maxLostLeases) return { ...claim, job: { key, meta: row.job?.meta }, error: quarantine(row) };
  try {
    return { ...claim, job: unpackJob(row, check) };
  } catch (error) {
    return { ...claim, job: { key, meta: row.job?.meta }, error };
  }
}

/** The evidence goes to last_error: it is all that is left of the processes that could tell. */
function quarantine({ lost_leases: lost, last_owner: owner, last_until: until }) {
  const last = until === null ? 'unknown' : new Date(until).toISOString();
  const text = `quarantined: ${lost} claims ended without a result; the last by ${owner ?? 'unknown'}, lease until ${last}`;
  return new WarmpathError('ERR_WARMPATH_LEASE_LOST', text, { class: 'permanent' });
}

/** One settlement as the columns of the settle statement. */
function settlementOf({ key, fence, status, value, error, charged = true, retryAfterMs }) {
  if (status === 'succeeded') return [key, fence, true, null, true, 0, null, json(value ?? null)];
  const text = error?.message === undefined ? null : plain(`${error.code}: ${error.message}`, 500);
  return [key, fence, false, error?.class ?? null, charged !== false, retryAfterMs ?? 0, text, null];
}

module.exports = { packAll, batchesOf, packJob, claimOf, settlementOf };
