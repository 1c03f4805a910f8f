'use strict';

const { shape, integer, arrayOf, oneOf, text, isArray, isPlainObject, describe } = require('./check.js');
const { chatId, token } = require('./fields.js');

const DAY_MS = 86_400_000;
// As for sizes of files: 4 GiB keeps every number far from 2^53.
const MOST_BYTES = 2 ** 32;

const whole = (max, unit) => integer(0, max, unit);

const rate = { limit: integer(1, 100_000), periodMs: integer(1, DAY_MS, 'ms'), burst: integer(1, 100_000) };

const groupRate = Object.freeze({ limit: 20, periodMs: 60_000, burst: 3 });

/** Where a bot begins; what a 429 teaches comes on top. The engine has the same table, and a test compares the two. */
const DEFAULT_LIMITS = Object.freeze({
  token: Object.freeze({ limit: 25, periodMs: 1000, burst: 5 }),
  chat: Object.freeze({ limit: 1, periodMs: 1000, burst: 1 }),
  group: groupRate,
  channel: groupRate,
  sameSize: Object.freeze({ aboveBytes: 100_000, msPerMegabyte: 100, minMs: 200, maxMs: 900, bucketMs: 1000 }),
  uploadsPerToken: 20,
  bytesInFlight: 2 ** 31,
  recoverMs: 600_000,
});

const INNER = {
  token: shape(rate),
  chat: shape(rate),
  group: shape(rate),
  channel: shape(rate),
  sameSize: shape({
    aboveBytes: whole(MOST_BYTES, 'bytes'),
    msPerMegabyte: whole(DAY_MS, 'ms'),
    minMs: whole(DAY_MS, 'ms'),
    maxMs: integer(1, DAY_MS, 'ms'),
    bucketMs: whole(DAY_MS, 'ms'),
  }),
};

const OUTER = {
  uploadsPerToken: integer(1, 100_000),
  bytesInFlight: integer(1, MOST_BYTES, 'bytes'),
  recoverMs: integer(1, DAY_MS, 'ms'),
};

/** `false`, or a check of its own; `recoverMs` alone cannot be off. */
const offOr = (name, check) => (value, path, fail) =>
  value === false && name !== 'recoverMs' ? false : check(value, path, fail);

const fields = shape(
  Object.fromEntries(Object.entries({ ...INNER, ...OUTER }).map(([name, check]) => [name, offOr(name, check)])),
);

/**
 * A whole table: `base` with what `value` says otherwise, field by field and inside each field. A field that is off in
 * `base` begins with its default.
 */
function limitsOver(base, value, path, fail) {
  if (!isPlainObject(value)) fail(path, `must be false or a plain object, not ${describe(value)}`);
  const given = fields(value, path, fail);
  const table = { ...DEFAULT_LIMITS, ...(base || {}) };
  for (const [name, change] of Object.entries(given)) {
    const from = table[name] === false ? DEFAULT_LIMITS[name] : table[name];
    table[name] = name in INNER && change !== false ? { ...from, ...change } : change;
    const { burst, limit, minMs, maxMs } = table[name];
    if (burst > limit) fail(`${path}.${name}.burst`, `must not be above ${path}.${name}.limit`);
    if (minMs > maxMs) fail(`${path}.${name}.minMs`, `must not be above ${path}.${name}.maxMs`);
  }
  return table;
}

/** The option `limits`: `false` (no pacing) or a table, whole or in part. */
const limitsOption = (value, path, fail) => (value === false ? false : limitsOver(null, value, path, fail));
limitsOption.default = () => ({ ...DEFAULT_LIMITS });

/** A table as the engine reads it, and back: what is off is null there. */
const toNative = (table) =>
  table === false
    ? null
    : Object.fromEntries(Object.entries(table).map(([name, limit]) => [name, limit === false ? null : limit]));
const fromNative = (table) =>
  table === null
    ? false
    : Object.fromEntries(Object.entries(table).map(([name, limit]) => [name, limit === null ? false : limit]));

const live = shape({
  botSlug: text({ max: 255 }),
  token,
  chatId,
  chatType: oneOf('private', 'group', 'supergroup', 'channel'),
  retryAfterMs: whole(2 ** 31 - 1, 'ms'),
});

/** What `report()` takes. */
function liveReport(value, fail) {
  const out = live(value, 'live', fail);
  if ((out.botSlug === undefined) === (out.token === undefined)) {
    fail('live.token', 'or botSlug is required, and only one of them');
  }
  if (out.chatId !== undefined) out.chatId = String(out.chatId);
  return out;
}

const MOST_JOBS = 1_000_000;

const planned = shape(
  {
    count: whole(1_000_000_000),
    chats: integer(1, 100_000),
    kind: oneOf('private', 'group', 'channel'),
    size: whole(Number.MAX_SAFE_INTEGER, 'bytes'),
  },
  { required: ['count'] },
);

const question = shape({
  uploadMs: whole(DAY_MS, 'ms'),
  perMinute: (value, path, fail) => {
    if (typeof value !== 'number' || !(value > 0 && value < 1e9)) fail(path, 'must be a number above 0');
    return value;
  },
});

/** The batches that `plan()` is asked about, and the question, as the engine reads them. */
function planArguments(jobs, options, fail) {
  const asked = question(options, 'options', fail);
  if (!isArray(jobs)) {
    const { count, chats = 1, kind = 'private', size = 0 } = planned(jobs, 'batch', fail);
    const names = Array.from({ length: chats }, (_, i) => String(i + 1));
    return { batches: [{ count, chats: names, chatKind: kind, size }], question: asked };
  }
  const batches = new Map();
  arrayOf(
    (job, path) => {
      if (!isPlainObject(job)) fail(path, `must be a plain object, not ${describe(job)}`);
      const { botSlug = '', chatIds = [], size = 0 } = job;
      text({ min: 0, max: 255 })(botSlug, `${path}.botSlug`, fail);
      const chats = arrayOf(chatId, { min: 1, max: 100 })(chatIds, `${path}.chatIds`, fail).map(String);
      planned({ count: 1, size }, path, fail);
      const key = JSON.stringify([botSlug, size, chats]);
      const batch = batches.get(key);
      if (batch) batch.count++;
      else batches.set(key, { count: 1, bot: botSlug, chats, size });
    },
    { max: MOST_JOBS },
  )(jobs, 'jobs', fail);
  return { batches: [...batches.values()], question: asked };
}

module.exports = { DEFAULT_LIMITS, limitsOption, limitsOver, toNative, fromNative, liveReport, planArguments };
