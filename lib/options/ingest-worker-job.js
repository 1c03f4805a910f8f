'use strict';

const { createHash, randomUUID } = require('node:crypto');
const { isPlainObject, shape, integer, text, oneOf, describe } = require('./check.js');
const { KINDS, priority } = require('./fields.js');
const { jobFields, invalidJob } = require('./ingest-job.js');

const MAX_META = 16_384;

/** Fields of a WhatsApp description that may be bytes: JSON would make objects of them. */
const BINARY = ['mediaKey', 'fileSha256', 'fileEncSha256'];

/** The source as the job has it, checked, and such that it can be stored as JSON (but for bytes, which a store keeps apart). */
function source(value, path, fail) {
  jobFields.source(value, path, fail);
  const out = { ...value };
  if (out.headers !== undefined) out.headers = { ...out.headers };
  if (out.whatsapp === undefined) return out;
  out.whatsapp = { ...out.whatsapp };
  for (const name of BINARY) {
    const item = out.whatsapp[name];
    if (item instanceof Uint8Array) out.whatsapp[name] = Buffer.from(item).toString('base64');
  }
  return out;
}

/** Anything of the app's own, as JSON: it goes with the job and comes back with its result. */
function meta(value, path, fail) {
  if (!isPlainObject(value)) fail(path, `must be a plain object, not ${describe(value)}`);
  let json;
  try {
    json = JSON.stringify(value);
  } catch {}
  // Its toJSON() may throw, and may answer that there is nothing.
  if (json === undefined) fail(path, 'must be what JSON can hold');
  if (json.length > MAX_META) fail(path, `must have at most ${MAX_META} characters as JSON, not ${json.length}`);
  return JSON.parse(json);
}

const target = shape(
  {
    botSlug: text({ max: 255 }),
    kind: oneOf(...KINDS),
    caption: text({ min: 0, max: 4096 }),
    fileName: text({ max: 1024 }),
    priority,
  },
  { required: ['botSlug'] },
);

/** One bot, or several, for which the stored media is warmed. */
function prewarm(value, path, fail) {
  const list = Array.isArray(value) ? value : [value];
  if (list.length > 100) fail(path, `must have at most 100 items, not ${list.length}`);
  return Array.from(list, (one, i) => target(one, Array.isArray(value) ? `${path}[${i}]` : path, fail));
}

const fields = shape(
  {
    ...jobFields,
    // The worker adds the number of the claim to the key, and the result has to fit too.
    key: text({ max: 1000 }),
    timestamp: integer(0, 9_999_999_999, 's'),
    source,
    meta,
    prewarm,
  },
  { required: ['source'] },
);

/**
 * A job for an IngestWorker. Key, id and time are filled in here, once: every attempt then writes the same name, whichever
 * process makes it.
 *
 * @throws {WarmpathError} ERR_WARMPATH_INVALID_JOB
 */
function checkIngestWorkerJob(job, path = 'job') {
  const out = fields(job, path, invalidJob);
  out.key ??= out.id !== undefined && out.id.length <= 1000 ? out.id : `ingest:${randomUUID()}`;
  out.id ??= createHash('sha256').update(out.key).digest('hex').slice(0, 16);
  out.timestamp ??= Math.floor(Date.now() / 1000);
  return out;
}

module.exports = { checkIngestWorkerJob };
