'use strict';

/**
 * The store contract: what a worker needs from the place where jobs wait. `MemoryStore` is the reference; a durable
 * store has the same methods, all of them in batches, and may answer with promises (the worker awaits every answer).
 *
 * - `enqueue(jobs)` → one status per job: 'queued' | 'duplicate' (waiting already) | 'processing' (claimed) |
 *   'cached' (a result exists) | 'full'. Every job carries its `key`.
 * - `claim({ limit, leaseMs, owner })` → up to `limit` of `{ key, job, fence, attempt, waitedMs?, ageMs? }` (since it could be claimed; since it was enqueued),
 *   best first (priority, then age). The attempt is counted here, before the work, so that a job which kills its process cannot loop for ever.
 *   `fence` grows with every claim of a row. A claim with `error` (a WarmpathError) is failed by the worker, not run.
 * - `extend([{ key, fence }], leaseMs)` → one boolean each: false = the lease is lost, stop working on it.
 * - `settle([{ key, fence, status: 'succeeded' | 'failed', value?, error?, charged, retryAfterMs? }])` →
 *   `{ applied, state?: 'done' | 'retry' | 'dead', runAtMs? }` each. A stale fence changes nothing (`applied: false`).
 *   The store decides between retry and dead (`retry-policy.js`); `runAtMs` is wall-clock time.
 * - `release([{ key, fence }])` gives jobs back at once, uncharged.
 * - `stats()` → `{ queued, delayed, running, capacity }` as far as this process knows, synchronously.
 * - `nextDueMs()` → ms until something can be claimed (0 = now), or null when nothing waits.
 * - `onWork(fn)` → calls `fn` when something may have become claimable, or due earlier; returns the function that ends it.
 * - optional `invalidate(fileId)` → the jobs whose result that file_id was, which can be enqueued again from then on (not
 *   'cached'). Without it, the worker heals only what it has sent itself.
 * - optional `take(job, { leaseMs })`, for a queue of another kind (BullMQ) that shares its keys with this store: it is about to
 *   run this job. → `{ state: 'taken', fence }`: it may, the key is `processing` here meanwhile; it calls `extend`, and then
 *   `settle` (what fails so is dead) or `release` (the key is free again; a job that was enqueued meanwhile waits). Or
 *   `{ state: 'done', value }`, or `{ state: 'elsewhere', leftMs }`: it waits or runs here.
 * - `leave()`, where there is one: the worker stops; what it holds besides its claims is for others now. Called at the
 *   beginning of a stop, and again when every claim is settled or given back.
 * - optional `shareLimits({ leave(botSlugs), inherit(botSlug, { left, agoMs, lost }) })`, for a store where a bot belongs to one process at a
 *   time: `leave` gives, as JSON by bot, what its next owner has to know of its limits; `inherit` gets that, or `lost: true`.
 * - desk, what an operator does, all optional: `page({ state?, search?, limit, after })` → `{ rows: [{ key, job, state: 'queued' |
 *   'delayed' | 'claimed' | 'failed', attempt, enqueuedAtMs, runAtMs, … }], next }` (`after` is the `next` of an earlier page,
 *   a safe integer or three texts); `find(keys)` → such rows, undefined where there is none; `cancel(keys)` → the job each
 *   that will not come back, or null; `retry(keys)` → true each that can be claimed now; `purge({ state: 'queued' | 'failed' })`
 *   → how many were forgotten; `later({ most })` → what waits for its time, in groups: `[{ botSlug?, code?, count, nextAtMs, lastAtMs }]`,
 *   of at most so many jobs; and where failed jobs stay in the store (`keepsFailed: true`), `retryFailed({ limit })`.
 * - `close()` frees timers and connections of the store itself, never the pool it was given.
 */
const STORE_METHODS = ['enqueue', 'claim', 'extend', 'settle', 'release', 'stats', 'nextDueMs', 'onWork', 'close'];

module.exports = { STORE_METHODS };
