'use strict';

const { failWith, shape, oneOf, integer, text, withDefault } = require('../options/check.js');

const STATES = ['queued', 'delayed', 'claimed', 'failed'];
const MOST = 200;

const queryOf = shape({
  state: oneOf(...STATES),
  search: text({ min: 0, max: 200 }),
  limit: withDefault(integer(1, MOST), 50),
  cursor: text({ max: 4096 }),
});

const invalid = failWith('ERR_WARMPATH_INVALID_ARGUMENT');

/**
 * A page of a worker's jobs. What the store holds comes from the store; jobs that failed for good from the store where they are
 * rows, else from the last ones that this process remembers; and what the executor knows of claimed jobs is added.
 */
async function jobsPage(worker, store, given) {
  const query = queryOf(given, 'query', invalid);
  const after = query.cursor === undefined ? null : decode(query.cursor);
  const { items, next } =
    query.state === 'failed' && store.keepsFailed !== true
      ? failuresPage(worker, query, after)
      : await storePage(worker, store, query, after);
  return { items, nextCursor: next === null ? null : encode(next) };
}

async function storePage(worker, store, query, after) {
  if (typeof store.page !== 'function') return { items: liveJobs(worker, query), next: null };
  const { state, search, limit } = query;
  const { rows, next } = await store.page({ state, search: search || undefined, limit, after });
  const live = liveByKey(worker);
  const items = rows.map(({ job, ...row }) => {
    const here = live.get(row.key);
    const state = row.state === 'claimed' && here !== undefined ? here.state : row.state;
    return {
      ...row,
      state: placeOf(row.state, state),
      here: here !== undefined,
      sinceMs: here?.sinceMs,
      ...worker.describe(job),
    };
  });
  return { items, next };
}

/** What the executor calls queued or waiting is claimed, and not running yet. */
function placeOf(stored, live) {
  if (stored !== 'claimed') return stored;
  return live === 'running' ? 'running' : 'claimed';
}

const keyOfHandle = (handle) => handle.slice(0, handle.lastIndexOf('#'));

function liveByKey(worker) {
  return new Map((worker.executor?.list() ?? []).map((item) => [keyOfHandle(item.key), item]));
}

/** For a store that cannot list: what is claimed here is all that is known. */
function liveJobs(worker, { state, search, limit }) {
  if (state !== undefined && state !== 'claimed') return [];
  return (worker.executor?.list() ?? [])
    .map((item) => ({
      ...worker.describe(item),
      key: keyOfHandle(item.key),
      state: placeOf('claimed', item.state),
      sinceMs: item.sinceMs,
    }))
    .filter((item) => matches(item, search))
    .slice(0, limit);
}

function failuresPage(worker, { search, limit }, after) {
  const found = worker.monitor.failures
    .newest(Number.POSITIVE_INFINITY, after === null ? undefined : Number(after))
    .filter(({ key, job, error }) => matches({ key, ...job, code: error?.code }, search))
    .slice(0, limit + 1);
  const items = found.slice(0, limit).map(({ key, job, error, attempt, at }) => {
    return { key, state: 'failed', attempt, endedAtMs: at, error, ...job };
  });
  return { items, next: found.length > limit ? found[limit - 1].seq : null };
}

function matches(item, search) {
  if (search === undefined || search === '') return true;
  const wanted = search.toLowerCase();
  return Object.values(item).some((value) => typeof value === 'string' && value.toLowerCase().includes(wanted));
}

const encode = (place) => Buffer.from(JSON.stringify(place)).toString('base64url');

function decode(cursor) {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Number.isSafeInteger(place)) return place;
    if (
      Array.isArray(place) &&
      place.length === 3 &&
      place.every((part) => typeof part === 'string' && !part.includes('\0'))
    ) {
      return place;
    }
  } catch {
    // Not ours: said below.
  }
  return invalid('cursor', 'must be the nextCursor of an earlier page');
}

module.exports = { jobsPage, STATES };
