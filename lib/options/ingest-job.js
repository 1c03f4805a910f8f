'use strict';

const { createHash, randomUUID } = require('node:crypto');
const check = require('./check.js');
const { KINDS, priority, sha256, contentType, r2Key } = require('./fields.js');
const { headers, url, whatsapp } = require('./ingest-fields.js');
const { sinks, maxBytes } = require('./ingest.js');

const { shape, integer, milliseconds, text, oneOf, failWith, describe } = check;

const invalidJob = failWith('ERR_WARMPATH_INVALID_JOB');

const idText = text({ max: 1024 });
const ID_LENGTH = 64;

// V8 keeps a text of such characters alone in one byte each, and knows without a look at them that this pattern is not in it: a
// microsecond, where counting its bytes as UTF-8 takes as long as to copy it.
const ABOVE_LATIN_1 = /[\u0100-\uffff]/;

/**
 * Base64 is read natively, where a bad character is found with its position; here it only has to be text. What crosses are
 * characters of a byte each, copied as they lie: a text that holds another one is cut there, and refused at that position.
 */
const base64 = (value, path, fail) => {
  if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
  if (!ABOVE_LATIN_1.test(value)) return value;
  return `${value.slice(0, value.search(/[^\0-\x7f]/))}!`;
};

// The head alone is matched: a pattern over the whole of a text of many megabytes would hold the loop. The value of a parameter may
// stand in quotes, and hold what ends one elsewhere.
const DATA_HEAD = /^data:([^,;]*)((?:;(?:"[^"]*"|[^,;"])*)*),/i;

/** `data:[<type>][;parameter…];base64,<data>` (RFC 2397). Percent-encoded ones are short texts, no media. */
function dataUrl(value, path, fail) {
  if (typeof value !== 'string') fail(path, `must be a string, not ${describe(value)}`);
  const [head, type, parameters] = DATA_HEAD.exec(value.slice(0, 1024)) ?? fail(path, 'must begin with data:…;base64,');
  // As browsers read it (Fetch, "data: URL processor"): spaces around the word, and percent-encoding in what follows.
  if (!/; *base64 *$/i.test(parameters)) fail(path, 'must be base64');
  const data = value.slice(head.length);
  const plain = data.includes('%') ? unescaped(data, path, fail) : data;
  const mimeType = type.trim();
  return { base64: base64(plain, path, fail), mimeType: mimeType === '' ? undefined : mimeType };
}

function unescaped(data, path, fail) {
  try {
    return decodeURIComponent(data);
  } catch {
    return fail(path, 'has a percent sign that encodes nothing');
  }
}

const bytes = (value, path, fail) => {
  if (!(value instanceof Uint8Array)) fail(path, `must be a Uint8Array, not ${describe(value)}`);
  return value;
};

const SOURCES = {
  url,
  base64,
  dataUrl,
  bytes,
  path: text({ max: 4096 }),
  r2Key,
  mediaId: text({ max: 1024 }),
  whatsapp,
};

const sourceFields = shape({ ...SOURCES, headers });

/** Exactly one source, as the engine reads it; what must not go through JSON apart, as `payload`. */
function source(value, path, fail) {
  const given = sourceFields(value, path, fail);
  const kinds = Object.keys(SOURCES).filter((name) => given[name] !== undefined);
  if (kinds.length !== 1) fail(path, `must have exactly one of ${Object.keys(SOURCES).join(', ')}`);
  const [kind] = kinds;
  if (given.headers !== undefined && kind !== 'url') fail(`${path}.headers`, 'needs url');
  if (kind === 'base64') return { source: { type: 'base64' }, payload: given.base64 };
  if (kind === 'bytes') return { source: { type: 'bytes' }, payload: given.bytes };
  if (kind === 'dataUrl') {
    return { source: { type: 'base64' }, payload: given.dataUrl.base64, mimeType: given.dataUrl.mimeType };
  }
  if (kind === 'url') return { source: { type: 'url', url: given.url, headers: given.headers ?? [] } };
  if (kind === 'whatsapp') return { source: { type: 'whatsapp', ...given.whatsapp } };
  return { source: { type: kind, [kind]: given[kind] } };
}

const jobFields = {
  key: text({ max: 1024 }),
  id: idText,
  timestamp: integer(0, 9_999_999_999, 's'),
  source,
  session: text({ max: 255 }),
  mimeType: contentType,
  fileName: text({ max: 1024 }),
  kind: oneOf(...KINDS),
  sha256,
  to: sinks,
  r2Key,
  maxBytes,
  priority,
};

const ingestJob = shape({ ...jobFields, leaseMs: milliseconds() }, { required: ['source'] });

/** 64 random bits as hex: those of a UUID that are random, because Node fetches the bytes of many UUIDs at once, and of these one by one. */
function randomId() {
  const uuid = randomUUID();
  return uuid.slice(0, 4) + uuid.slice(-12);
}

/**
 * The second half of a generated name: nothing that a file system, a shell or a URL could read anything into. An id of which nothing
 * is left is known by its hash: every try of the job has to write the same name.
 */
function cleanId(id) {
  if (id === undefined) return randomId();
  const clean = id.replace(/[^A-Za-z0-9_-]+/g, '').slice(0, ID_LENGTH);
  return clean === '' ? createHash('sha256').update(id).digest('hex').slice(0, 16) : clean;
}

// Beside what goes through JSON, where JSON does not see it.
const PAYLOAD = Symbol('payload');
const GIVEN = Symbol('given');

/**
 * A job as the engine reads it, with the generated name decided, so that every try of it writes the same one. Under PAYLOAD
 * it has the bytes or the text that do not go through JSON, under GIVEN the job as it was submitted, for the hooks.
 *
 * @param {readonly string[]} available the sinks that the executor has
 * @param {boolean} [compress] whether images are to be made smaller; stickers are what they are
 */
function checkIngestJob(job, path, available, compress = false) {
  const { id, timestamp, source: given, to, ...out } = ingestJob(job, path, invalidJob);
  for (const sink of to ?? []) {
    if (!available.includes(sink)) invalidJob(`${path}.to`, `names '${sink}', which the executor does not have`);
  }
  out.key ??= id ?? `ingest:${randomUUID()}`;
  out.name = `${timestamp ?? Math.floor(Date.now() / 1000)}_${cleanId(id)}`;
  out.mimeType ??= given.mimeType;
  out.sinks = to;
  out.source = given.source;
  if (compress && out.kind !== 'sticker' && given.source.mediaType !== 'sticker') out.aside = true;
  out[PAYLOAD] = given.payload;
  out[GIVEN] = job;
  return out;
}

module.exports = { PAYLOAD, GIVEN, checkIngestJob, jobFields, invalidJob };
