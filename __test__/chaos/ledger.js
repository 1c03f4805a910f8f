'use strict';

// The verdict on a run, from what the sandboxes saw and what the table says. A violation is `{ rule, text }`.

/** How long the end of a request may be noticed late by a busy event loop. */
const OVERLAP_MS = 150;

/** How long after an outage a worker may not have noticed yet that the database is there again: it looks once a second. */
const NOTICE_MS = 1500;

/** A modifier that harms nobody is no excuse. */
const HARMLESS = new Set(['delay']);

/** Who sent a request under which claim: the file name tells, see child.js. */
const claimOf = (part) => part?.fileName ?? null;

/** What the sandboxes saw of one job: requests with beginning, end, and who made them. */
function requestsByHash(stage) {
  const byHash = new Map();
  const add = (sha256, request) => {
    const list = byHash.get(sha256);
    if (list === undefined) byHash.set(sha256, [request]);
    else list.push(request);
  };
  for (const { at, ms, parts, seq, faults, status } of stage.tg.requests) {
    const part = parts.find(({ sha256 }) => sha256 !== undefined);
    const claim = claimOf(part);
    if (claim === null) continue;
    const harm = faults.some((name) => !HARMLESS.has(name));
    add(part.sha256, {
      at,
      end: at + (ms ?? Number.POSITIVE_INFINITY),
      process: claim.split('.')[0],
      claim,
      seq,
      harm,
      status,
      faults,
    });
  }
  return byHash;
}

/** No two processes, and no two claims, are at one job at the same time. `trace`: tells the story of what was. */
function overlaps(stage, jobs, trace) {
  // A sandbox that did not come to its turn has noticed the end of a request as late.
  const lateMs = Math.max(OVERLAP_MS, stage.standstillMs());
  const byHash = requestsByHash(stage);
  const keys = new Map(jobs.map(({ r2Key, sha256 }) => [r2Key, sha256]));
  for (const { at, ms, key, accessKeyId, status, faults } of stage.r2.requests) {
    const sha256 = keys.get(key);
    if (sha256 === undefined || accessKeyId === null) continue;
    const request = {
      ...{ at, end: at + (ms ?? Number.POSITIVE_INFINITY), status },
      ...{ process: accessKeyId, claim: null, faults: [...faults, 'R2'] },
    };
    byHash.set(sha256, [...(byHash.get(sha256) ?? []), request]);
  }
  const found = [];
  for (const [sha256, requests] of byHash) {
    requests.sort((a, b) => a.at - b.at);
    for (let i = 0; i < requests.length; i++) {
      for (let k = i + 1; k < requests.length && requests[k].at < requests[i].end - lateMs; k++) {
        const [one, other] = [requests[i], requests[k]];
        const differ =
          one.process !== other.process || (one.claim !== null && other.claim !== null && one.claim !== other.claim);
        if (!differ) continue;
        const story = trace === undefined ? '' : `\n${trace.story(sha256, requests)}`;
        found.push(`${one.claim ?? one.process} and ${other.claim ?? other.process} on ${sha256.slice(0, 8)}${story}`);
      }
    }
  }
  return found;
}

/**
 * Why a send was not the last one of its job, from the evidence; null where there is nothing to say for it.
 *
 * - `ambiguous`: a fault was set on this very request, so its sender could not know.
 * - `killed`: its process was killed while it held the claim.
 * - `gaveUp`: its engine waited for an answer as long as it was told to, the sandboxes being slow on this machine, and said that it
 *   does not know: a possible duplicate in its outcome.
 * - `outage`: the database was away for so long that the claim could not be renewed, or its result not be recorded, in time.
 *   Told from the last time that the database had confirmed this claim: within what was left of the lease then, and a moment to
 *   notice, a worker has to be back. What is stopped before its lease ends has to say that it does not know.
 */
function excuse(send, sha256, { inFlightAtKill, outages, leaseMs, stopMs, trace }) {
  if (send.harm) return 'ambiguous';
  if (inFlightAtKill.has(`${send.claim} ${sha256}`)) return 'killed';
  if (trace === undefined) return null;
  const events = trace.of(sha256, send.claim);
  const isUnsure = events.some(({ facts }) => facts?.certainty === 'maybe-sent');
  if (events.some(({ facts }) => facts?.possibleDuplicates > 0)) return 'gaveUp';
  for (const { from, to } of outages) {
    const confirmed = events.filter(({ at, facts }) => at < to && facts?.confirmedAt !== undefined);
    const last = Math.max(...confirmed.map(({ facts }) => facts.confirmedAt));
    // The engine stops before the lease ends; a result has until then.
    const leftMs = isUnsure ? stopMs : leaseMs;
    if (send.end > from - leaseMs && send.at < to + leaseMs && to + NOTICE_MS > last + leftMs) return 'outage';
  }
  return null;
}

/**
 * Sends beyond the one that each job needs, every one of them with its excuse or among the `unexcused`.
 *
 * @param {object} stage
 * @param {object} [context] inFlightAtKill: `claim sha256` texts; outages: { from, to }; leaseMs, stopMs: the lease, and when the
 *   engine stops; trace: trace.js
 */
function duplicates(stage, { inFlightAtKill = new Set(), outages = [], ...context } = {}) {
  const byHash = requestsByHash(stage);
  const requests = new Map([...byHash.values()].flat().map((request) => [request.seq, request]));
  const sends = new Map();
  for (const { sha256, seq } of stage.tg.received) {
    sends.set(sha256, [...(sends.get(sha256) ?? []), requests.get(seq)]);
  }
  const counts = { sends: 0, extra: 0, ambiguous: 0, killed: 0, gaveUp: 0, outage: 0 };
  const unexcused = [];
  for (const [sha256, list] of sends) {
    counts.sends += list.length;
    for (const send of list.slice(0, -1)) {
      counts.extra++;
      const why = excuse(send, sha256, { inFlightAtKill, outages, ...context });
      if (why !== null) counts[why]++;
      else {
        const story = context.trace === undefined ? '' : `\n${context.trace.story(sha256, byHash.get(sha256))}`;
        unexcused.push(`${sha256.slice(0, 8)} by ${send.claim} (${send.status})${story}`);
      }
    }
  }
  return { counts, unexcused };
}

/** The verdicts of a job for good that the faults of a mix stand for: a no, another answer than the protocol's, other bytes. */
const FINAL =
  /^ERR_WARMPATH_(S3_ACCESS|S3_PROTOCOL|SHA256_MISMATCH|TELEGRAM_(PROTOCOL|REJECTED|UNAUTHORIZED|FORBIDDEN|CHAT))\b/;

/** Says of a failed row whether a fault explains it: one was set on a request of this very job, and its verdict is final. */
function explainer(stage, jobs) {
  const keys = new Map(jobs.map(({ sha256, r2Key }) => [sha256, r2Key]));
  const harmed = new Set();
  for (const { key, faults } of stage.r2.requests) if (faults.some((name) => !HARMLESS.has(name))) harmed.add(key);
  for (const { parts, faults } of stage.tg.requests) {
    for (const { sha256 } of parts) if (faults.some((name) => !HARMLESS.has(name))) harmed.add(keys.get(sha256));
  }
  return ({ sha256, last_error: text }) => FINAL.test(text ?? '') && harmed.has(keys.get(sha256));
}

/** Every job has ended, and every file_id in the table was given out for that content and bot. */
async function endings(stage, jobs, { mayFail = () => false } = {}) {
  const rows = new Map((await stage.rows()).map((row) => [row.sha256, row]));
  const found = [];
  const counts = { ready: 0, error: 0 };
  for (const { sha256, botSlug } of jobs) {
    const row = rows.get(sha256);
    const name = sha256.slice(0, 8);
    if (row === undefined) found.push({ rule: 'lost', text: `${name} has no row` });
    else if (row.status === 'ready') {
      counts.ready++;
      const issued = stage.tg.issued(row.file_id);
      const botId = Number(stage.bots[botSlug].token.split(':')[0]);
      if (issued?.sha256 !== sha256 || issued.botId !== botId) {
        found.push({ rule: 'file_id', text: `${name} has the file_id of something else` });
      }
    } else if (row.status === 'error' && mayFail(row)) counts.error++;
    else found.push({ rule: 'lost', text: `${name} is ${row.status} after ${row.attempts}: ${row.last_error}` });
  }
  return { counts, found };
}

const violations = (rule, texts) => texts.map((text) => ({ rule, text }));

module.exports = { overlaps, duplicates, endings, explainer, violations };
